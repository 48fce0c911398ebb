"""Random streams that depend on names only, so that order, workers and resumption change nothing.

A stream is ``numpy.random.SeedSequence([seed, *words])`` where the words are the SHA-256 of its path of
names. Two paths never share a stream, and asking for one stream never advances another.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np


@dataclass(frozen=True)
class Streams:
    """A tree of independent random streams.

    Parameters
    ----------
    seed : int
        The run's seed.
    path : tuple of str
        Names from the root to this branch.

    Examples
    --------
    >>> noise = Streams(seed=1).child("noise")
    >>> noise.generator("dog_03.jpeg", 4).standard_normal(3).round(3)  # the same draw on every call and machine
    array([-0.547,  0.268,  0.785])
    """

    seed: int
    path: tuple[str, ...] = ()

    def child(self, *names: str | int) -> Streams:
        """Return the branch below this one with these names."""
        return Streams(self.seed, (*self.path, *map(str, names)))

    def entropy(self, *names: str | int) -> list[int]:
        """Return the words that seed the stream with these names: the seed, then eight 32-bit words."""
        path = (*self.path, *map(str, names))
        digest = hashlib.sha256("\x1f".join(path).encode()).digest()
        return [self.seed, *(int.from_bytes(digest[i : i + 4], "little") for i in range(0, 32, 4))]

    def generator(self, *names: str | int) -> np.random.Generator:
        """Return a fresh NumPy generator for the stream with these names."""
        import numpy as np

        return np.random.default_rng(np.random.SeedSequence(self.entropy(*names)))
