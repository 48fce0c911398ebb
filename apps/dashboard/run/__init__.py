"""The page Run: what one run says, down to the stimuli of single trials."""
