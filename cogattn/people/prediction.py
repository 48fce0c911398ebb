"""How many people is an observer worth, as a predictor of what a further person answers?

A person's answers to images are predicted from those of n others. What the prediction leaves open is counted in
bits an answer (cross-entropy, base 2), for n = 0 (how often each answer is given at all) up to everybody else. This
curve is a scale in units of people: an observer that leaves as many bits open as n others do is worth n people.

The predictor has one number that is fitted. From n others, with probability `c` the person answers as one of them,
drawn at random, does; else as people answer at all::

    p(answer) = (1 - c) prior(answer) + c votes(answer) / n

An observer's answer takes the place of the one other person's. Scores for all answers (logarithms of probabilities,
up to a constant) enter as ``prior * exp(b score)``. `c`, for every n, and `b` maximise the likelihood of one half of
the person's answers; the prior is of the other people. Each answer is counted as the mean of its bits by the fit to its
own half, which are too few, and to the other half, which are too many by as much: what remains are the bits of a fit to
any number of answers. So that nothing is left of this at 0 either, `c` and `b` may fall below it (an observer that
avoids people's answers). The bits of n others are the mean over all sets of n of those who answered, exactly.

The interval is over people and over images: it holds every n at which the bits of the observer and of n people differ
by less than t standard errors. Their variance is that of the jackknife over people (each left out both as one who is
predicted and as one who predicts) plus that over images, less the part that both hold (Cameron et al., 2011); t is
Student's, its degrees of freedom those of such a sum (Satterthwaite, 1946).

References
----------
Cameron, Gelbach, Miller (2011), Robust inference with multiway clustering, J. Bus. Econ. Stat. 29, 238-249.
Efron, Stein (1981), The jackknife estimate of variance, Ann. Stat. 9, 586-596. Fieller (1954), J. R. Stat. Soc. B 16,
175-185. Guo, Pleiss, Sun, Weinberger (2017), On calibration of modern neural networks, ICML (scores). Shannon (1951),
Prediction and entropy of printed English, Bell Syst. Tech. J. 30, 50-64. Satterthwaite (1946), Biometrics Bull. 2,
110-114.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import brentq, minimize_scalar
from scipy.special import logsumexp
from scipy.stats import hypergeom, t

from cogattn.errors import DataError

Array = NDArray[np.float64]
Codes = NDArray[np.int64]

MISSING = -1
"""Code of an answer that was not given."""
MIN_PEOPLE = 3
"""Whoever is left out, two must remain, so that there is somebody to predict from somebody."""
MIN_ANSWERS = 20
"""Least number of answers of a person: half of them are for the fit."""
HALVES_SEED = 0
MOST = 1.0 - 1e-6
"""Limit of `c`: no answer is ever impossible."""
BELOW = 0.9
"""How far `c` may fall to where an answer would be impossible."""
LEAST_SLOPE, MOST_SLOPE = -5.0, 100.0
"""Of scores, over their SD."""
MOST_STEPS, PRECISION = 40, 1e-5
"""Of the search for `c`."""
STEP = 0.05
"""In which the ends of an interval are sought, in people."""


@dataclass(frozen=True)
class Worth:
    """How many people an observer is worth as a predictor of a further person's answers.

    Parameters
    ----------
    worth : float
        Number of people who leave as many bits open, by linear interpolation on `curve`. Below 0 where the observer
        predicts worse than the prior alone (the first segment is prolonged); inf where better than all people but
        the predicted one: more than ``n_people - 1``, the end of what these people can tell.
    lo, hi : float
        Interval; `hi` is inf where the end of the curve is inside, `lo` is -inf where it has no end, as where people
        hardly predict each other.
    bits : float
        Bits an answer that the observer leaves open.
    curve : tuple of float, length n_people
        Bits that 0, 1, ..., ``n_people - 1`` others leave open.
    n_people, n_images : int
        People, and images that any of them answered.
    confidence : float
        Of the interval.
    """

    worth: float
    lo: float
    hi: float
    bits: float
    curve: tuple[float, ...]
    n_people: int
    n_images: int
    confidence: float


def worth(
    answers: ArrayLike, people: ArrayLike, *, n_alternatives: int | None = None, confidence: float = 0.95
) -> Worth:
    """Count the people who predict a further person's answers as well as an observer does.

    Parameters
    ----------
    answers : array, shape (n_images,) or (n_images, n_alternatives)
        The observer's: codes from 0, or scores for every alternative (logarithms of probabilities, or logits). -1, or a
        row of NaN, where it has none.
    people : array of int, shape (n_people, n_images)
        The people's, as codes; -1 where a person has none.
    n_alternatives : int, optional
        How many answers there are to choose from; without, one more than the highest code, or as many as scores.
    confidence : float
        Level of the interval.

    Returns
    -------
    Worth

    Raises
    ------
    DataError
        If there are fewer than 3 people, shapes do not match, an answer is no code, a person or the observer has fewer
        than 20 answers, or one person does not tell more of another than none.

    Notes
    -----
    Scores tell more than answers do: of two observers with the same answers the one that also knows when it is unsure
    is worth more. People's are answers; an observer whose answers are given as codes is treated as one of them.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> seen = rng.integers(8, size=400)
    >>> people = np.where(rng.random((6, 400)) < 0.7, seen, rng.integers(8, size=(6, 400)))
    >>> half_as_often = np.where(rng.random(400) < 0.35, seen, rng.integers(8, size=400))
    >>> found = worth(half_as_often, people)
    >>> found.lo < found.worth < found.hi < 1
    True
    """
    observer, group, n = _checked(answers, people, n_alternatives)
    halves = np.random.default_rng(HALVES_SEED).permutation(group.shape[1]) % 2
    whole = _open_bits(group, observer, halves, n)
    bits = whole.sum(axis=(0, 1))  # curve, then the observer's
    if bits[1] >= bits[0]:
        raise DataError(
            f"people must predict each other, or worth has no unit; got {bits[1]:.3f} bits an answer from one other "
            f"person and {bits[0]:.3f} from none"
        )
    left_out = [
        _prolonged(_open_bits(np.delete(group, person, axis=0), observer, halves, n).sum(axis=(0, 1)), bits)
        for person in range(len(group))
    ]
    errors = _Errors.of(whole, np.array(left_out))
    estimate = worth_of_bits(bits[:-1], bits[-1])
    lo, hi = _interval(bits, errors, estimate, confidence)
    return Worth(
        worth=estimate, lo=lo, hi=hi, bits=float(bits[-1]), curve=tuple(bits[:-1].tolist()),
        n_people=len(group), n_images=int((group >= 0).any(axis=0).sum()), confidence=confidence,
    )  # fmt: skip


def worth_of_bits(curve: Array, bits: float) -> float:
    """Return how many people leave as many bits open.

    Parameters
    ----------
    curve : array, shape (n_people,)
        Bits that 0, 1, ... others leave open.
    bits : float
        Bits that the observer does.

    Returns
    -------
    float
        By linear interpolation; below 0 on the prolonged first step, inf beyond the last.
    """
    if bits >= curve[0]:
        return float((curve[0] - bits) / (curve[0] - curve[1]))
    reached = np.flatnonzero(curve <= bits)
    if not len(reached):
        return np.inf
    end = int(reached[0])
    return float(end - 1 + (curve[end - 1] - bits) / (curve[end - 1] - curve[end]))


# ---- bits that are left open


def _open_bits(people: Codes, observer: Codes | Array, halves: Codes, n: int) -> Array:
    """Shares of the mean bits an answer, (n_people, n_images, n_people + 1), that add up to it.

    Last axis: from 0, 1, ..., n_people - 1 others, and from the observer. People weigh equally.
    """
    k = len(people)
    bits = np.zeros((*people.shape, k + 1))
    for person in range(k):
        others = np.delete(people, person, axis=0)
        shown = np.flatnonzero(people[person] >= 0)
        target, half = people[person, shown], halves[shown]
        prior = np.bincount(others[others >= 0], minlength=n).astype(np.float64) + 0.5
        prior = prior / prior.sum()
        bits[person, shown, :-1] = _from_others(target, others[:, shown], half, prior)
        bits[person, shown, -1] = _from_observer(target, observer[shown], half, prior)
        bits[person] /= k * len(shown)
    return bits


def _from_others(target: Codes, others: Codes, halves: Codes, prior: Array) -> Array:
    """Bits of each answer from 0, 1, ... others, (n_images, n_others + 1): means over all sets of them."""
    n_others = len(others)
    answered, agree = (others >= 0).sum(axis=0), (others == target).sum(axis=0)
    kinds, kind = np.unique(np.stack([target, answered, agree]), axis=1, return_inverse=True)
    counts = np.stack([np.bincount(kind[halves == half], minlength=kinds.shape[1]) for half in (0, 1)])
    base = prior[kinds[0]][:, None]
    found = np.empty((len(target), n_others + 1))
    found[:, 0] = -np.log2(prior[target])
    for n in range(1, n_others + 1):
        chance, share = _votes(n, n_others)
        weight, voted = chance[kinds[1], kinds[2]], share[kinds[1]]  # (n_kinds, n + 1)
        voted = np.where(kinds[1][:, None] == 0, base, voted)
        copied = [_copied(count[:, None] * weight, base, voted) for count in counts]
        bits = np.stack([-(weight * np.log2(base + c * (voted - base))).sum(axis=1) for c in copied])
        found[:, n] = bits[:, kind].mean(axis=0)
    return found


def _from_observer(target: Codes, observer: Codes | Array, halves: Codes, prior: Array) -> Array:
    """Bits of each answer from the observer's, (n_images,); of what it did not answer, from the prior."""
    if observer.ndim == 2:
        return _from_scores(target, observer.astype(np.float64), halves, prior)
    base = prior[target]
    voted = np.where(observer < 0, base, observer == target)
    copied = np.array([_copied((halves == half).astype(float), base, voted) for half in (0, 1)])
    return -np.log2(base + copied[:, None] * (voted - base)).mean(axis=0)


def _from_scores(target: Codes, scores: Array, halves: Codes, prior: Array) -> Array:
    scores = np.where(np.isnan(scores), 0.0, scores)
    own = np.arange(len(target)), target

    def nats(slope: float) -> Array:
        tilted = np.log(prior) + slope * scores
        return logsumexp(tilted, axis=1) - tilted[own]

    def slope_of(half: int) -> float:
        unit = max(float(scores.std()), 1e-300)
        found = minimize_scalar(
            lambda slope: nats(slope / unit)[halves == half].sum(),
            bounds=(LEAST_SLOPE, MOST_SLOPE),
            method="bounded",
        )
        return float(found.x) / unit

    return (nats(slope_of(0)) + nats(slope_of(1))) / (2 * np.log(2))


def _copied(weight: Array, base: Array, voted: Array) -> float:
    """Share `c` in which ``base + c (voted - base)`` is likeliest: by Newton's steps, or halves where these leave."""
    gain = voted - base
    ratio = np.divide(base, gain, out=np.full(np.shape(gain), np.inf), where=gain > 0)
    lo, hi, share = -BELOW * min(float(ratio.min()), 1.0), MOST, 0.5
    for _ in range(MOST_STEPS):
        ratio = gain / (base + share * gain)
        slope, curvature = float((weight * ratio).sum()), float((weight * ratio**2).sum())
        lo, hi = (share, hi) if slope > 0 else (lo, share)
        newton = share + slope / max(curvature, 1e-300)
        new = newton if lo < newton < hi else (lo + hi) / 2
        if abs(new - share) < PRECISION:
            break
        share = new
    return share


@lru_cache(maxsize=128)
def _votes(n: int, n_others: int) -> tuple[Array, Array]:
    """Chance of 0, ..., n agreeing answers among n drawn, by how many answered and how many of these agree; shares.

    Shapes (n_others + 1, n_others + 1, n + 1) and (n_others + 1, n + 1). Where fewer than n answered all are drawn.
    """
    answered, agree, votes = np.ogrid[: n_others + 1, : n_others + 1, : n + 1]
    drawn = np.minimum(n, answered)
    chance = hypergeom.pmf(votes, np.maximum(answered, 1), np.minimum(agree, answered), drawn)
    return chance, (votes / np.maximum(drawn, 1))[:, 0]


# ---- from bits to people


def _prolonged(fewer: Array, all_bits: Array) -> Array:
    """Bits without one person, whose curve ends earlier: the last step is that of all."""
    return np.concatenate([fewer[:-1], [fewer[-2] + all_bits[-2] - all_bits[-3]], fewer[-1:]])


def _contrast(n: float, n_people: int) -> Array:
    """Weights on (curve, observer's bits) that give the observer's less those of n people."""
    start = int(np.clip(np.floor(n), 0, n_people - 2))
    weights = np.zeros(n_people + 1)
    weights[[start, start + 1, -1]] = -(start + 1 - n), -(n - start), 1.0
    return weights


@dataclass(frozen=True)
class _Errors:
    """Covariances of (curve, observer's bits): over people, over images, and what both hold; how many of each."""

    people: Array
    images: Array
    both: Array
    n: tuple[int, int]

    @classmethod
    def of(cls, shares: Array, left_out: Array) -> _Errors:
        k, n_images, _ = shares.shape
        jackknifed = left_out - left_out.mean(axis=0)
        images = shares.sum(axis=0)
        images -= images.mean(axis=0)
        own = shares - shares.mean(axis=0) - shares.mean(axis=1, keepdims=True) + shares.mean(axis=(0, 1))
        return cls(
            jackknifed.T @ jackknifed * (k - 1) / k,
            images.T @ images * n_images / (n_images - 1),
            np.einsum("ijk,ijl->kl", own, own, optimize=True) * k / (k - 1),
            (k, n_images),
        )

    def half_width(self, weights: Array, confidence: float) -> float:
        """Half the interval of a weighted sum; its variance never below that over people or images alone."""
        people, images, both = (weights @ each @ weights for each in (self.people, self.images, self.both))
        variance = max(people + images - both, people, images, 1e-300)
        n_people, n_images = self.n
        df = variance**2 / max(people**2 / (n_people - 1) + images**2 / (n_images - 1), 1e-300)
        return float(t.ppf((1 + confidence) / 2, df) * variance**0.5)


def _interval(bits: Array, errors: _Errors, estimate: float, confidence: float) -> tuple[float, float]:
    """Around the estimate, all n whose bits are not told apart from the observer's."""
    n_people = len(bits) - 1
    end = n_people - 1.0

    def apart(n: float) -> float:
        weights = _contrast(n, n_people)
        return abs(float(weights @ bits)) - errors.half_width(weights, confidence)

    start = min(estimate, end)
    if apart(start) > 0:  # beyond the curve for sure
        return end, np.inf
    down = _first_above(apart, np.arange(start, min(start, 0.0) - n_people, -STEP))
    up = _first_above(apart, np.append(np.arange(start, end, STEP), end))
    return (-np.inf if down is None else down), (np.inf if up is None else up)


def _first_above(of: Callable[[float], float], points: Array) -> float | None:
    """Where a function first rises to 0 along some points; None if it does not."""
    for before, after in pairwise(points.tolist()):
        if of(after) > 0:
            return float(brentq(of, before, after)) if of(before) < 0 else before
    return None


# ---- what is asked for


def _checked(
    answers: ArrayLike, people: ArrayLike, n_alternatives: int | None
) -> tuple[Codes | Array, Codes, int]:
    group = _codes(people, "people")
    if group.ndim != 2 or len(group) < MIN_PEOPLE:
        raise DataError(
            f"people must be {MIN_PEOPLE} or more, shape (n_people, n_images); got shape {group.shape}"
        )
    given = np.asarray(answers)
    observer = _scores(given) if given.ndim == 2 else _codes(given, "answers")
    if len(observer) != group.shape[1] or observer.ndim not in (1, 2):
        raise DataError(f"answers must be one per image of people, {group.shape[1]}; got shape {given.shape}")
    highest = int(max(group.max(), observer.max() if observer.ndim == 1 else 0))
    n = n_alternatives or (observer.shape[1] if observer.ndim == 2 else highest + 1)
    if highest >= n or n < 2 or (observer.ndim == 2 and observer.shape[1] != n):
        raise DataError(
            f"n_alternatives must be 2 or more, above every code, and as many as scores; got {n} "
            f"(highest code {highest}, answers of shape {observer.shape})"
        )
    answered = ~np.isnan(observer[:, 0]) if observer.ndim == 2 else observer >= 0
    least = min(int(answered.sum()), int((group >= 0).sum(axis=1).min()))
    if least < MIN_ANSWERS:
        raise DataError(f"the observer and every person must have {MIN_ANSWERS} answers or more; got {least}")
    return observer, group, n


def _codes(values: ArrayLike, name: str) -> Codes:
    given = np.asarray(values)
    whole = given.dtype.kind in "iu" or (given.dtype.kind == "f" and bool((given == np.round(given)).all()))
    if not whole or not given.size or given.min() < MISSING:
        raise DataError(f"{name} must be codes of answers, whole numbers from 0, or {MISSING}; got others")
    return given.astype(np.int64)


def _scores(values: NDArray) -> Array:
    scores = np.asarray(values, dtype=float)
    missing = np.isnan(scores).all(axis=1)
    if not np.isfinite(scores[~missing]).all():
        raise DataError("scores must be finite, or NaN for all alternatives of an image; got others")
    return scores - np.where(missing, 0.0, scores.max(axis=1))[:, None]
