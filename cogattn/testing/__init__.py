"""Public conformance checks and synthetic data, used by our tests and by users' plugins."""
