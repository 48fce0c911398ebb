"""Runs, published results and outside scores side by side; `cogattn.compare` is the way in."""
