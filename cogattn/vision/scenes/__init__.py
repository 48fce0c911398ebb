"""Scenes: an image, what is in it, what is looked for, and who looked where."""
