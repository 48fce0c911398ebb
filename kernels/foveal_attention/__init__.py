"""Attention whose scores depend on where the queries look; see `api` for the definition."""
