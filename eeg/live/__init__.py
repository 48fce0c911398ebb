"""Decoding while it happens: streams of EEG and sound in, decisions with a probability and their delay out.

Names are imported from their modules on first use.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
