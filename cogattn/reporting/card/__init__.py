"""One observer through all studies."""
