"""Tasks A, B and A again: transfer and interference beside the people of Holton et al. (2026)."""
