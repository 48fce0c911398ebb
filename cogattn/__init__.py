"""cogattn: does this model attend, see, listen and remember the way people do?

A lab that puts a network and human observers through the same published study and reports, with uncertainty, how
alike they are. `run` puts an observer through a study, `load` reads a stored run; the studies are under
`cogattn.psychophysics` and `cogattn.eeg`; the command line is ``cogattn --help``. Importing this package loads
nothing heavy.
"""

from pathlib import Path as _Path

import lazy_loader as _lazy

_checkout = _Path(__file__).resolve().parent.parent
if (_checkout / "pyproject.toml").is_file() and (_checkout / "psychophysics").is_dir():
    __path__.append(str(_checkout))  # imported from a checkout: its other folders are subpackages of this one

__version__ = "0.1.0"
__getattr__, __dir__, __all__ = _lazy.attach_stub(__name__, __file__)
