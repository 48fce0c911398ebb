"""From answers to the channel: likelihood, the paper's fit, populations, adaptive sessions, thresholds."""
