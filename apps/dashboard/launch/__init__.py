"""The page Launch: a form made from a study's settings, a plan, and jobs to watch."""
