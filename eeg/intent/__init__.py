"""What a listener wants to hear, decoded, conditions what is done with sound: a mixture enhanced, a talker weighed.

Names are imported from their modules on first use.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
