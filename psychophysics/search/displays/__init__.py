"""What is shown: items, the experiments, displays drawn from a seed."""
