"""The page Runs: a table of a store, and seeds taken together."""
