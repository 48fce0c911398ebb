"""Statistics that the studies share: intervals, psychometric functions, maximum likelihood."""
