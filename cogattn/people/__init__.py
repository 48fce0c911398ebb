"""People as individuals: could an observer be one of them, and how many of them is it worth?

`persons` returns the people that a study brings along, `place` puts an observer among people, `place_table` does so
for all rows of a summary, and `worth` counts the people who predict a further one's answers as well as the observer.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
