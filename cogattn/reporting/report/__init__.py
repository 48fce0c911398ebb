"""One observer's card and, below it, everything that its runs say, with their figures."""
