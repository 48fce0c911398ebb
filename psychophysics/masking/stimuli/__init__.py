"""From an image to a stimulus: grey, low contrast, noise of one octave."""
