"""Sets of images in conditions: the 17 that people named trial by trial, and manipulations made of any images."""
