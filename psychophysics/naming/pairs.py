"""Error consistency of all pairs of many observers: the numbers of `error_consistency`, in seconds for 76 networks.

What two observers share is counted for all pairs at once by products of matrices (who saw which trial, who was right),
and so is the design effect of images that are shown several times. The posterior alone is drawn pair by pair, from the
pair's own stream, so that a pair's numbers are the same whoever else takes part.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import combinations, groupby

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cogattn.errors import DataError
from cogattn.psychophysics.naming.consistency import TRIAL_KEYS, keyed
from cogattn.psychophysics.naming.kinds import (
    ELSEWHERE,
    KINDS,
    N_DRAWS,
    Counts,
    copying_of,
    design_effects,
    estimates,
    kappa_of,
    kind_of,
)

PAIR_COLUMNS = (
    "first", "second", "kappa", "lo", "hi", "copy", "copy_lo", "copy_hi", "observed", "expected",
    "n_trials", "n_images",
)  # fmt: skip
BLOCK = 1 << 22
"""Values of a matrix that are in memory at once; below 2**24, so that sums of float32 are exact."""


def consistency_of_pairs(
    trials: pd.DataFrame,
    *,
    streams: Callable[[str, str], np.random.Generator],
    pairs: Sequence[tuple[str, str]] | None = None,
    confidence: float = 0.95,
    n_draws: int = N_DRAWS,
    keys: Sequence[str] = TRIAL_KEYS,
) -> pd.DataFrame:
    """Compare observers, pair by pair, on the trials that both saw.

    Parameters
    ----------
    trials : DataFrame
        Of all observers: columns observer, `keys` and correct. Trials match as in `error_consistency`.
    streams : callable
        From the names of a pair to the stream that its posterior is drawn from.
    pairs : sequence of (str, str), optional
        Which, in the order of the table; the first of a pair is the one that copies. Default: all, observers in the
        order in which they first appear.
    confidence, n_draws, keys
        As for `error_consistency`.

    Returns
    -------
    DataFrame
        Columns `PAIR_COLUMNS`, a row for each pair that shares a trial: kappa and copy probability with their
        intervals, agreement and what is expected of it, common trials and images.

    Raises
    ------
    DataError
        If a column is missing, or a pair names an observer without trials.

    Notes
    -----
    Time goes with the number of pairs, and, where images are shown several times, with pairs times trials.
    """
    shown = _Shown.of(trials, keys)
    index = {name: number for number, name in enumerate(shown.observers)}
    for name in dict.fromkeys(name for pair in pairs or () for name in pair):
        if name not in index:
            raise DataError(f"pairs must name observers of the trials; got {name}")
    asked = list(combinations(shown.observers, 2)) if pairs is None else list(pairs)
    common = shown.common()
    sharing = [pair for pair in asked if common.n[index[pair[0]], index[pair[1]]]]
    parts = [
        _compared(shown, common, index[first], part, index, streams, confidence=confidence, n_draws=n_draws)
        for first, own in groupby(sharing, key=lambda pair: pair[0])
        for part in _parts(list(own), shown.seen.shape[1])
    ]
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=list(PAIR_COLUMNS))


def _parts(pairs: list[tuple[str, str]], n_trials: int) -> Iterator[list[tuple[str, str]]]:
    size = max(1, BLOCK // max(n_trials, 1))
    return (pairs[start : start + size] for start in range(0, len(pairs), size))


@dataclass(frozen=True, eq=False)
class _Common:
    """Trials that both of a pair saw, and of these how many the first, and both, had right: (observers, observers)."""

    n: Counts
    first: Counts
    both: Counts


@dataclass(frozen=True, eq=False)
class _Shown:
    """Who saw which trial, and was right: (observers, trials), those of an image side by side."""

    observers: tuple[str, ...]
    seen: NDArray[np.bool_]
    correct: NDArray[np.bool_]
    starts: NDArray[np.intp]
    """Where each image begins."""

    @classmethod
    def of(cls, trials: pd.DataFrame, keys: Sequence[str]) -> _Shown:
        rows = keyed(trials, "each", ("observer", *keys))
        who, observers = pd.factorize(rows["observer"])
        rows["image"] = pd.factorize(rows["image"])[0]
        trial = rows.groupby([*dict.fromkeys(["image", *keys]), "repeat"]).ngroup().to_numpy()
        shape = (len(observers), int(trial.max(initial=-1)) + 1)
        seen, correct = np.zeros(shape, dtype=bool), np.zeros(shape, dtype=bool)
        seen[who, trial], correct[who, trial] = True, rows["correct"].to_numpy(dtype=bool)
        image = np.zeros(shape[1], dtype=np.int64)
        image[trial] = rows["image"]
        return cls(tuple(map(str, observers)), seen, correct, np.flatnonzero(np.diff(image, prepend=-1)))

    def common(self) -> _Common:
        n, n_trials = self.seen.shape
        totals = [np.zeros((n, n), dtype=np.int64) for _ in range(3)]
        width = max(1, BLOCK // max(n, 1))
        for start in range(0, n_trials, width):
            part = slice(start, start + width)
            seen, right = (table[:, part].astype(np.float32) for table in (self.seen, self.correct))
            for total, one, other in zip(totals, (seen, right, right), (seen, seen, right), strict=True):
                total += np.rint(one @ other.T).astype(np.int64)
        return _Common(*totals)


def _compared(
    shown: _Shown,
    common: _Common,
    first: int,
    pairs: Sequence[tuple[str, str]],
    index: dict[str, int],
    streams: Callable[[str, str], np.random.Generator],
    *,
    confidence: float,
    n_draws: int,
) -> pd.DataFrame:
    """Rows of one observer with several others."""
    others = np.array([index[second] for _, second in pairs])
    n, both = common.n[first, others], common.both[first, others]
    right, theirs = common.first[first, others], common.first[others, first]
    kinds = np.stack([both, right - both, theirs - both, n - right - theirs + both], axis=-1)
    of_trial, n_images = _images(shown, first, others, n)
    p, q, _ = (kinds @ KINDS / n[:, None]).T
    table = pd.DataFrame(pairs, columns=list(PAIR_COLUMNS[:2]))
    for name, statistic, ends in (
        ("kappa", kappa_of, ("lo", "hi")),
        ("copy", copying_of, ("copy_lo", "copy_hi")),
    ):
        effects = np.ones(len(pairs))
        if of_trial is not None:
            effects = design_effects(statistic, kinds, of_trial, shown.starts, n_images)
        found = estimates(
            statistic, kinds, effects, n_images, streams=[partial(streams, *pair) for pair in pairs],
            confidence=confidence, n_draws=n_draws,
        )  # fmt: skip
        table[[name, *ends]] = found
    return table.assign(
        observed=(kinds[:, 0] + kinds[:, 3]) / n,
        expected=p * q + (1 - p) * (1 - q),
        n_trials=n,
        n_images=n_images,
    )


def _images(shown: _Shown, first: int, others: NDArray[np.intp], n: Counts) -> tuple[Counts | None, Counts]:
    """Kind of each trial, where any image is shown several times; and how many images each pair has in common."""
    if len(shown.starts) == shown.seen.shape[1]:
        return None, n
    seen = shown.seen[first] & shown.seen[others]
    of_trial = np.where(seen, kind_of(shown.correct[first], shown.correct[others]), ELSEWHERE)
    return of_trial, (np.add.reduceat(seen, shown.starts, axis=1, dtype=np.int64) > 0).sum(axis=1)
