"""Figures of scanpaths, one module a picture."""
