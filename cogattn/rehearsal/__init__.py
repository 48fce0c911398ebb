"""Power-law rehearsal: a continual-learning harness, and the study of catastrophic interference that it serves.

Importing this package imports neither torch nor pandas; the names below load when first used.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
