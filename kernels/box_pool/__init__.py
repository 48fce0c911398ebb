"""Average pooling over arbitrary boxes from a summed-area table; see `api` for the definition."""
