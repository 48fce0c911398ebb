"""Naming: shape bias, robustness and error consistency of image networks beside people who named the same images.

The public names below are loaded when first used, so that the command line starts at once.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
