"""The page Card: an observer among people, or two side by side."""
