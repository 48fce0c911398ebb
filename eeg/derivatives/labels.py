"""Labels of BIDS: names of persons as letters and digits, one for each person."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Sequence

from cogattn.errors import DataError

DIGEST_DIGITS = 8


def labels_of(persons: Sequence[str]) -> dict[str, str]:
    """Return a label for each person: the letters and digits of the name, without a leading ``sub-``.

    Where that leaves nothing, or the same for two persons (capitals do not count, for many file systems do not tell
    them apart), ``x`` and eight hex digits of the name's SHA-256 follow, for all of them: a label depends on who else
    has it, and on no order.

    Parameters
    ----------
    persons : sequence of str
        Names, none twice.

    Raises
    ------
    DataError
        If a name occurs twice.

    Examples
    --------
    >>> labels_of(["sub-01", "listener 2"])
    {'sub-01': '01', 'listener 2': 'listener2'}
    """
    if len(set(persons)) < len(persons):
        twice = next(name for name, n in Counter(persons).items() if n > 1)
        raise DataError(f"persons must have different names; got {twice!r} twice")
    bare = {name: re.sub(r"[^A-Za-z0-9]", "", name.removeprefix("sub-")) for name in persons}
    shared = Counter(label.casefold() for label in bare.values())
    told = {
        name: label if label and shared[label.casefold()] == 1 else f"{label}x{_digest(name)}"
        for name, label in bare.items()
    }
    if len({label.casefold() for label in told.values()}) < len(told):  # one is named like another's label
        return {name: f"{label}x{_digest(name)}" for name, label in bare.items()}
    return told


def _digest(name: str) -> str:
    return hashlib.sha256(name.encode()).hexdigest()[:DIGEST_DIGITS]
