"""The page Compare: two to eight runs side by side."""
