"""Encoding models: what an audio front end, a network among them, explains of listeners' EEG beyond the envelope.

Names are imported from their modules on first use, so that settings and command line load no numerics.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
