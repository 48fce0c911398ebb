"""What can be tested: networks of timm, a module of your own, readouts on frozen features.

Importing this package, or `cogattn.observers.config`, imports no torch; the names below load when first used.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
