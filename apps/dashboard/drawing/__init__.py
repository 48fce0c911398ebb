"""Charts, pictures and curves, in one hand."""
