"""One scanpath that stands for a model's draws: the one that is most like the others.

The likeliest step at each step makes a poor scanpath: it goes to and fro between the same objects and meets no end. Of
drawn ones, that with the largest mean Sequence Score with the others is the best guess under that score (minimum Bayes
risk; Kumar and Byrne, 2004, NAACL).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from cogattn.psychophysics.scanpath.layouts.items import Ints
from cogattn.psychophysics.scanpath.metrics import sequence_score


def consensus(drawn: Sequence[Sequence[Ints]]) -> list[list[Ints]]:
    """Return of each path's draws the one that is most like the others; the first of equals.

    Parameters
    ----------
    drawn : sequence of sequence of array of int
        Draws in the stead of each path, at least one each.
    """
    pairs = [
        (number, i, j)
        for number, some in enumerate(drawn)
        for i in range(len(some))
        for j in range(i + 1, len(some))
    ]
    totals = [np.zeros(len(some)) for some in drawn]
    if pairs:
        scores = sequence_score([drawn[n][i] for n, i, _ in pairs], [drawn[n][j] for n, _, j in pairs])
        for (number, i, j), score in zip(pairs, scores, strict=True):
            totals[number][i] += score
            totals[number][j] += score
    return [[some[int(total.argmax())]] for some, total in zip(drawn, totals, strict=True)]
