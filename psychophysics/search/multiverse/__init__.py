"""How much of a result is choice: the same searchers under every combination of what could have been chosen."""
