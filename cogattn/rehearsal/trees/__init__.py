"""Two rules about trees, learnt blocked or interleaved, beside the people of Flesch et al. (2018)."""
