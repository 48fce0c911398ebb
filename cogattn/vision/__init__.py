"""The visual field and what is seen: retina, fovea, images."""
