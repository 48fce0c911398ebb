"""What is shown: items, the six tasks, displays drawn from a seed."""
