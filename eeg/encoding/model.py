"""How much of the EEG features explain beyond the envelope: banded forward ridge, all choices on training trials.

For each fold the features of the training trials are standardised and reduced to principal components. Three models
predict every channel from what was heard at tmin ... tmax before: the envelope alone, the components alone, and both,
each of the two with a penalty of its own (banded ridge: the components are scaled by one of `SCALES`). Scale and
penalty are those that predict held-out blocks of the training trials best, and where the envelope alone does that
best, the joint model is the envelope's. So features that hold nothing of the EEG gain about nothing, and the gain is
never bought by choosing on the tested trial. The models learn from the attended talker; what they predict from the
ignored one is set against the same EEG.

References
----------
Crosse, Di Liberto, Bednar and Lalor (2016), Front. Hum. Neurosci. 10, 604 (forward models).
Nunez-Elizalde, Huth and Gallant (2019), NeuroImage 197, 482-492 (banded ridge).
Di Liberto, O'Sullivan and Lalor (2015), Curr. Biol. 25, 2457-2465 (gain of a feature over the envelope's model).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from cogattn.eeg.aad.checks import checked_eeg, checked_streams
from cogattn.eeg.aad.lagged import Lags, Moments, predict
from cogattn.eeg.aad.leave_out import solve_left_out
from cogattn.eeg.aad.metrics import correlation
from cogattn.eeg.aad.penalties import Problem, grid, selection_scores
from cogattn.eeg.types import FloatArray
from cogattn.errors import DataError

SCALES = (0.1, 0.3, 1.0, 3.0)
"""Tried for the components beside the envelope; the square root of how much less they are penalised."""
RELATIVE_ALPHAS = tuple(float(a) for a in np.logspace(-3, 3, 7))
"""Penalties in units of the mean eigenvalue of the training trials' lagged Gram matrix."""
Fold = tuple[Sequence[int], Sequence[int]]


@dataclass(frozen=True)
class Heard:
    """One talker in every trial.

    Parameters
    ----------
    envelope : list of array, each (n_times,)
        Sample by sample with the EEG, filtered as it is.
    features : list of array, each (n_times, n_features)
        A front end's, likewise.
    """

    envelope: Sequence[FloatArray]
    features: Sequence[FloatArray]


@dataclass(frozen=True)
class Explained:
    """Correlation of predicted and recorded EEG in trials that no model had seen, each (n_trials, n_channels).

    Parameters
    ----------
    envelope, features, both : array, shape (n_trials, n_channels)
        By the attended talker's envelope, features, and both.
    envelope_unattended, features_unattended, both_unattended : array, shape (n_trials, n_channels)
        The same models fed with the ignored talker; NaN where there is none.
    shifted : array, shape (n_trials, n_channels)
        As `both`, learnt and tested with features moved in time by half a trial: what no feature can explain.
    scale : array, shape (n_trials,)
        Of the components beside the envelope; 0 where the envelope alone was chosen.
    """

    envelope: FloatArray
    features: FloatArray
    both: FloatArray
    envelope_unattended: FloatArray
    features_unattended: FloatArray
    both_unattended: FloatArray
    shifted: FloatArray
    scale: FloatArray

    @property
    def gain(self) -> FloatArray:
        """What features add to the envelope, (n_trials, n_channels)."""
        return self.both - self.envelope


def explain(
    eeg: Sequence[FloatArray],
    attended: Heard,
    unattended: Heard | None = None,
    *,
    sfreq: float,
    tmin: float = 0.0,
    tmax: float = 0.4,
    n_components: int = 16,
    folds: Sequence[Fold] | None = None,
    shift: bool = True,
    subject: str | None = None,
) -> Explained:
    """Set features against a listener's EEG.

    Parameters
    ----------
    eeg : list of array, each (n_times, n_channels)
        Trials, in any unit.
    attended, unattended : Heard
        The two talkers; None where there was one sound.
    sfreq : float
        Rate of all in Hz.
    tmin, tmax : float
        Delays of the EEG after what was heard in seconds, both included.
    n_components : int
        Principal components that are kept.
    folds : sequence of (train, test), optional
        Trials by number; one trial is left out at a time when absent.
    shift : bool
        Also fit the features moved in time; NaN otherwise.
    subject : str, optional
        Named in errors.

    Raises
    ------
    DataError
        If there are fewer than three trials, or data are damaged or too short for the lags.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> envelope, other = rng.standard_normal((2, 6, 640))  # six trials of ten seconds
    >>> eeg = [(e + o)[:, None] + rng.standard_normal((640, 3)) for e, o in zip(envelope, other)]
    >>> heard = Heard(list(envelope), [o[:, None] for o in other])
    >>> gain = explain(eeg, heard, sfreq=64.0, tmax=0.1, shift=False).gain.mean()
    >>> print(f"{gain:.1f}")  # in truth sqrt(2 / 3) - sqrt(1 / 3) = 0.24
    0.2
    """
    y = checked_eeg(eeg, least=3, subject=subject)
    lags = _checked_lags(tmin, tmax, sfreq, y)
    mine = _checked(attended, y, subject)
    other = None if unattended is None else _checked(unattended, y, subject)
    late = replace(mine, features=[np.roll(f, len(f) // 2, axis=0) for f in mine.features])
    n = len(y)
    found = {name: np.full((n, y[0].shape[1]), np.nan) for name in _TABLES}
    scale = np.full(n, np.nan)
    for train, test in folds if folds is not None else _each(n):
        _check_fold(train, test, n, subject)
        fit = _FoldFit(y, mine, lags, train, n_components)
        envelope, features = fit.envelope(), fit.features()
        both = fit.both(envelope)
        models = {"envelope": envelope, "features": features, "both": both}
        for k in test:
            for name, model in models.items():
                found[name][k] = model.r(mine, k)
                if other is not None:
                    found[f"{name}_unattended"][k] = model.r(other, k)
            scale[k] = both.scale
        if shift:
            moved = _FoldFit(y, late, lags, train, n_components).both(envelope)
            for k in test:
                found["shifted"][k] = moved.r(late, k)
    return Explained(**found, scale=scale)


_TABLES = (
    "envelope", "features", "both", "envelope_unattended", "features_unattended", "both_unattended", "shifted",
)  # fmt: skip


@dataclass(frozen=True)
class _Basis:
    """Standardisation and principal components of the training trials' features."""

    matrix: FloatArray  # (n_features, n_components)

    @classmethod
    def of(cls, features: Sequence[FloatArray], n_components: int) -> _Basis:
        """Features are centred in each trial; components come with a mean variance of 1."""
        from scipy.linalg import eigh

        n_times = sum(map(len, features))
        total = np.zeros((features[0].shape[1],) * 2)
        for trial in features:
            total += trial.T @ trial
        variance = np.diag(total) / n_times
        least = 1e-12 * max(float(variance.max()), np.finfo(float).tiny)
        weight = np.where(variance > least, 1 / np.sqrt(np.maximum(variance, least)), 0.0)
        whole = weight[:, None] * total * weight / n_times
        width = len(whole)
        kept = min(n_components, width)
        values, vectors = eigh(whole, subset_by_index=(width - kept, width - 1))
        power = float(np.maximum(values, 0).mean())
        if power <= 0:
            raise DataError("features must vary over the training trials; got constants")
        return cls(weight[:, None] * vectors[:, ::-1] / np.sqrt(power))

    def __call__(self, trial: FloatArray) -> FloatArray:
        return trial @ self.matrix


@dataclass(frozen=True)
class _Model:
    """Fitted weights, what they are applied to, and the held-out score that chose them."""

    weights: FloatArray
    lags: Lags
    columns: _Columns
    scale: float
    score: float

    def r(self, heard: Heard, trial: int) -> FloatArray:
        """Correlation of prediction and EEG of each channel."""
        predicted = predict(self.columns.of(heard, trial), self.weights, self.lags)
        return correlation(predicted, self.columns.eeg[trial])


@dataclass(frozen=True)
class _Columns:
    """What a model sees of a trial: the envelope in units of its SD, components, or both."""

    eeg: Sequence[FloatArray]
    envelope_sd: float | None
    basis: _Basis | None
    scale: float = 1.0

    def of(self, heard: Heard, trial: int) -> FloatArray:
        parts = []
        if self.envelope_sd is not None:
            parts.append(np.reshape(heard.envelope[trial], (-1, 1)) / self.envelope_sd)
        if self.basis is not None:
            parts.append(self.scale * self.basis(heard.features[trial]))
        return np.concatenate(parts, axis=1)


class _FoldFit:
    """The models of one fold, fitted to its training trials."""

    def __init__(
        self, eeg: Sequence[FloatArray], heard: Heard, lags: Lags, train: Sequence[int], n_components: int
    ) -> None:
        self.eeg, self.heard, self.lags, self.train = eeg, heard, lags, train
        self.sd = float(np.sqrt(np.mean(np.concatenate([heard.envelope[k] for k in train]) ** 2)))
        self.basis = _Basis.of([heard.features[k] for k in train], n_components)

    def envelope(self) -> _Model:
        return self._fitted(_Columns(self.eeg, self.sd, None), 0.0)

    def features(self) -> _Model:
        return self._fitted(_Columns(self.eeg, None, self.basis), 1.0)

    def both(self, envelope: _Model) -> _Model:
        """The best scale of the components, or the envelope's model where that does as well."""
        joint = _Columns(self.eeg, self.sd, self.basis)
        problem = self._problem(joint)
        best, chosen, at = envelope.score, envelope, None
        for scale in SCALES:
            candidate = _scaled(problem, scale)
            scores = self._scores(candidate)
            if scores.max() > best:
                best, at = float(scores.max()), (scale, candidate, int(scores.argmax()))
        if at is None:
            return replace(chosen, scale=0.0)
        scale, candidate, index = at
        weights = self._solved(candidate, index)
        return _Model(weights, self.lags, replace(joint, scale=scale), scale, best)

    def _fitted(self, columns: _Columns, scale: float) -> _Model:
        problem = self._problem(columns)
        scores = self._scores(problem)
        weights = self._solved(problem, int(scores.argmax()))
        return _Model(weights, self.lags, columns, scale, float(scores.max()))

    def _problem(self, columns: _Columns) -> Problem:
        x = [columns.of(self.heard, k) for k in self.train]
        return Problem.of(x, [self.eeg[k] for k in self.train], self.lags)

    def _scores(self, problem: Problem) -> FloatArray:
        """Correlation with held-out blocks of the training trials, at each penalty."""
        width = problem.parts[0].cross.shape[0]
        mean = Moments.total(problem.parts).trace / width
        return selection_scores(problem, [a * mean for a in RELATIVE_ALPHAS], [()])[0]

    def _solved(self, problem: Problem, index: int) -> FloatArray:
        width = problem.parts[0].cross.shape[0]

        def penalty(_: int, trace: float) -> FloatArray:
            return grid([RELATIVE_ALPHAS[index] * trace / width], width)(trace)

        (fold,) = solve_left_out(problem.parts, [()], penalty)
        return fold.weights[:, 0]


def _scaled(problem: Problem, scale: float) -> Problem:
    """The same with all columns but the first, the envelope, multiplied by `scale`; moments are scaled, not found."""
    n_lags, width, _ = problem.parts[0].r.shape
    by = np.full(width, scale)
    by[0] = 1.0
    rows = np.tile(by, n_lags)
    parts = [
        replace(p, r=p.r * np.outer(by, by), outside=p.outside * rows, cross=p.cross * rows[:, None])
        for p in problem.parts
    ]
    return replace(problem, x=[x * by for x in problem.x], parts=parts)


def _checked(heard: Heard, eeg: Sequence[FloatArray], subject: str | None) -> Heard:
    """Centred streams; single features may be constant in a trial (a band above the sound's rate)."""
    envelope = checked_streams(heard.envelope, eeg, name="envelope", subject=subject)
    if len(heard.features) != len(eeg):
        raise DataError(f"features must hold one array per trial; got {len(heard.features)} for {len(eeg)}")
    features = []
    for k, (given, trial) in enumerate(zip(heard.features, eeg, strict=True)):
        values = np.asarray(given, dtype=np.float64)
        shape = (len(trial), heard.features[0].shape[1]) if np.ndim(heard.features[0]) == 2 else ()
        if values.shape != shape or not np.isfinite(values).all():
            raise DataError(
                f"features must be finite and of shape (n_times, n_features) as long as the EEG; got {values.shape} "
                f"for {len(trial)} samples (trial {k + 1}{'' if subject is None else f', {subject}'})"
            )
        features.append(values - values.mean(axis=0))
    return Heard([e[:, 0] for e in envelope], features)


def _checked_lags(tmin: float, tmax: float, sfreq: float, eeg: Sequence[FloatArray]) -> Lags:
    if not tmin <= tmax or not sfreq > 0:
        raise DataError(f"tmin must be at most tmax and sfreq positive; got {tmin:g}, {tmax:g}, {sfreq:g}")
    lags = Lags.forward(tmin, tmax, sfreq)
    shortest = min(map(len, eeg))
    if shortest <= max(lags.n, abs(lags.first), abs(lags.last)):
        raise DataError(f"trials must outlast the lags; got {shortest} samples for lags to {tmax:g} s")
    return lags


def _check_fold(train: Sequence[int], test: Sequence[int], n: int, subject: str | None) -> None:
    if set(train) & set(test) or len(train) < 2 or not set(train) | set(test) <= set(range(n)):
        where = "" if subject is None else f" ({subject})"
        raise DataError(
            f"folds must train on two trials or more, none of them tested; got {len(train)} training trials{where}"
        )


def _each(n: int) -> list[Fold]:
    return [([j for j in range(n) if j != k], [k]) for k in range(n)]
