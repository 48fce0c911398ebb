"""Who looks, and by what rules: networks through a fovea, controls."""
