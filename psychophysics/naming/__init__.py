"""Measures of an image network that need no masking noise: shape bias, robustness, error consistency."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
