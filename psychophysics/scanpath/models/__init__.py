"""Networks that predict scanpaths over objects, and how they are trained."""
