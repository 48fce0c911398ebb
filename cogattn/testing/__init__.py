"""Public conformance checks and synthetic data, used by our tests and by users' plugins.

``cogattn.testing.coin:CoinStudy`` is a whole study in a hundred lines, with a known answer.
"""
