"""Scanpaths: how alike two of them are (`metrics`)."""
