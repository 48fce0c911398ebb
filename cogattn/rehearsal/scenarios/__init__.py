"""Scenarios of the study: permuted and split pictures of digits."""
