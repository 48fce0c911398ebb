"""The page Stimuli: what studies show, as sliders move."""
