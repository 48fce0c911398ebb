"""The page Be the observer: a block of trials, and a place among people and models."""
