"""Jobs: the command line in processes of its own, written down in the store."""
