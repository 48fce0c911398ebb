"""cogattn: does this model attend, see, listen and remember the way people do?

A lab that puts a network and human observers through the same published study and reports, with
uncertainty, how alike they are. Importing this package loads nothing heavy; see the studies under
`cogattn.psychophysics` and `cogattn.eeg`, and the command line, ``cogattn --help``.
"""

__version__ = "0.1.0"
