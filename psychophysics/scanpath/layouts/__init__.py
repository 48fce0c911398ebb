"""Layouts of objects and the scanpaths over them: where they come from, and how fixations become objects."""
