"""Public conformance checks and a small study with a known answer, used by our tests and by users' plugins.

`cogattn.testing.conformance.check_study` tells whether a study holds what the store, the command line and the
dashboard rely on; `cogattn.testing.coin.CoinStudy` is a whole study in a hundred lines.
"""
