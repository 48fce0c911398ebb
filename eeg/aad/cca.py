"""Canonical correlation analysis: EEG and envelope are both filtered so that they correlate most.

Lagged EEG and the lagged attended envelope are each mapped to a few components; in a window, the differences
of the components' correlations between the two talkers are weighted by a linear discriminant without offset
(the talkers are exchangeable, so neither is favoured). `choose` tries contexts, numbers of components and shrinkages
on held-out blocks of the trials that it is given.

References
----------
de Cheveigne et al. (2018), NeuroImage 172, 206-216.
Geirnaert et al. (2021), IEEE Signal Process. Mag. 38, 89-102.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import product

import numpy as np
from numpy.typing import NDArray

from cogattn.eeg.aad.apart import Overlap, check_overlap
from cogattn.eeg.aad.checks import checked_eeg, checked_lags, checked_streams
from cogattn.eeg.aad.lagged import Lags, Moments, lagged, predict
from cogattn.eeg.aad.metrics import correlation, window_correlation
from cogattn.eeg.types import FloatArray
from cogattn.errors import DataError

CHOICE_BLOCKS = 3
"""Into how many blocks of neighbouring trials the data are split to choose constants."""


@dataclass(frozen=True)
class Constants:
    """What is not estimated from covariances: as in `CcaDecoder`."""

    eeg_context_s: float = 0.4
    stimulus_context_s: float = 1.2
    n_components: int = 5
    shrinkage: float = 0.1


def most_components(contexts_s: tuple[float, float], n_columns: tuple[int, int], sfreq: float) -> int:
    """Components that there are with these contexts and columns of EEG and of sound."""
    eeg, sound = (round(context_s * sfreq) + 1 for context_s in contexts_s)
    return min(eeg * n_columns[0], sound * n_columns[1])


class CcaDecoder:
    """CCA components and a discriminant over their correlations.

    Parameters
    ----------
    sfreq : float
        Rate in Hz.
    eeg_context_s, stimulus_context_s : float
        The EEG is taken from 0 to this long after, the envelope from this long before to the current sample.
    n_components : int
        Components kept.
    shrinkage : float
        Ridge of both covariances, in units of their mean eigenvalue.
    window_s : float
        Window on which the discriminant is trained.

    Attributes
    ----------
    eeg_filters_ : array, shape (n_eeg_lags * n_channels, n_components)
    stimulus_filters_ : array, shape (n_stimulus_lags * n_features, n_components)
    canonical_ : array, shape (n_components,)
        Correlations on the training data.
    weights_ : array, shape (n_components,)
        The discriminant.
    """

    eeg_filters_: FloatArray
    stimulus_filters_: FloatArray
    canonical_: FloatArray
    weights_: FloatArray

    def __init__(
        self,
        sfreq: float,
        eeg_context_s: float = 0.4,
        stimulus_context_s: float = 1.2,
        n_components: int = 5,
        shrinkage: float = 0.1,
        window_s: float = 5.0,
    ) -> None:
        self.sfreq = sfreq
        self.eeg_context_s = eeg_context_s
        self.stimulus_context_s = stimulus_context_s
        self.n_components = n_components
        self.shrinkage = shrinkage
        self.window_s = window_s

    def fit(
        self,
        eeg: Sequence[FloatArray],
        attended: Sequence[FloatArray],
        unattended: Sequence[FloatArray],
        *,
        overlap: Overlap = "refuse",
    ) -> CcaDecoder:
        """Fit components on the attended talker and the discriminant on both; lists of trials.

        Trials that share EEG are refused, unless ``overlap="allow"``.
        """
        longest = self.eeg_context_s, self.stimulus_context_s
        task = Task.checked(
            eeg, attended, unattended, sfreq=self.sfreq, longest=longest, window_s=self.window_s
        )
        check_overlap(eeg, overlap, sfreq=self.sfreq)
        fitted = task.fit(range(len(task.pieces)), self._constants)
        self.__dict__.update(fitted.__dict__)
        return self

    def scores(self, eeg: FloatArray, sounds: Sequence[FloatArray], *, window_s: float) -> FloatArray:
        """Match of each sound with the EEG in successive windows of one trial, (n_sounds, n_windows)."""
        neural = self.neural(eeg)
        return np.stack([self.match(neural, self.heard(sound), window_s=window_s) for sound in sounds])

    def margins(
        self, eeg: FloatArray, first: FloatArray, second: FloatArray, *, window_s: float
    ) -> FloatArray:
        """Evidence for `first` over `second` in successive windows of one trial; positive means first."""
        one, other = self.scores(eeg, [first, second], window_s=window_s)
        return one - other

    def neural(self, eeg: FloatArray) -> FloatArray:
        """Components of one trial's EEG, (n_times, n_components)."""
        if not hasattr(self, "weights_"):
            raise DataError("a decoder must be fitted before it decides; call fit first")
        lags = Lags.backward(0.0, self.eeg_context_s, self.sfreq)
        return predict(checked_eeg([eeg])[0], self.eeg_filters_, lags)

    def heard(self, sound: FloatArray) -> FloatArray:
        """Components of a sound, (n_times, n_components)."""
        lags = Lags.forward(0.0, self.stimulus_context_s, self.sfreq)
        return predict(checked_streams([sound], [sound], name="envelope")[0], self.stimulus_filters_, lags)

    def match(self, neural: FloatArray, heard: FloatArray, *, window_s: float) -> FloatArray:
        """Weighted correlation of components in successive windows, (n_windows,)."""
        return window_correlation(neural, heard, length=round(window_s * self.sfreq)) @ self.weights_

    @property
    def _constants(self) -> Constants:
        return Constants(self.eeg_context_s, self.stimulus_context_s, self.n_components, self.shrinkage)


@dataclass(frozen=True)
class Task:
    """Trials to fit decoders to, several times, from moments that are computed once.

    Moments are those of the longest contexts: a shorter context's are a corner of them.

    Parameters
    ----------
    eeg, attended, unattended : list of array, each (n_times, ...)
        Centred pieces of trials.
    pieces : sequence of sequence of int
        Which of them each trial consists of.
    sfreq : float
        Rate in Hz.
    longest : (float, float)
        Longest contexts of EEG and of sound, in seconds.
    window_s : float
        Window on which discriminants are trained and constants judged.
    """

    eeg: Sequence[FloatArray]
    attended: Sequence[FloatArray]
    unattended: Sequence[FloatArray]
    pieces: Sequence[Sequence[int]]
    sfreq: float
    longest: tuple[float, float]
    window_s: float

    @classmethod
    def checked(
        cls,
        eeg: Sequence[FloatArray],
        attended: Sequence[FloatArray],
        unattended: Sequence[FloatArray],
        *,
        sfreq: float,
        longest: tuple[float, float],
        window_s: float,
        pieces: Sequence[Sequence[int]] | None = None,
    ) -> Task:
        """Check and centre lists of pieces; DataError where they cannot be used."""
        x = checked_eeg(eeg)
        first = checked_streams(attended, x, name="attended")
        second = checked_streams(unattended, x, name="unattended")
        checked_lags(0.0, max(longest), sfreq, x)
        trials = [[k] for k in range(len(x))] if pieces is None else pieces
        return cls(x, first, second, trials, sfreq, longest, window_s)

    def fit(self, train: Sequence[int], constants: Constants) -> CcaDecoder:
        """Fit a decoder to these trials."""
        filters = self._filters(self._covariances(train), constants)
        differences = self._row(tuple(train)).differences(filters)
        if len(differences) < 2:
            raise DataError(
                f"window_s must fit into the training trials at least twice; got {self.window_s:g} s"
            )
        decoder = CcaDecoder(self.sfreq, *vars(constants).values(), window_s=self.window_s)
        decoder.eeg_filters_, decoder.stimulus_filters_, decoder.canonical_ = (
            filters.eeg, filters.sound, filters.canonical,
        )  # fmt: skip
        decoder.weights_ = _discriminant(differences)
        return decoder

    def admits(self, constants: Constants) -> bool:
        """Whether there are as many components under these constants."""
        contexts_s = constants.eeg_context_s, constants.stimulus_context_s
        n_columns = self.eeg[0].shape[1], self.attended[0].shape[1]
        return constants.n_components <= most_components(contexts_s, n_columns, self.sfreq)

    def choose(self, trials: Sequence[int], candidates: Sequence[Constants]) -> Constants:
        """Return the constants that decode held-out blocks of these trials best, by d' of the margins.

        Where blocks are too few or too short to tell, the first candidate.
        """
        n_blocks = min(CHOICE_BLOCKS, len(trials))
        row, margins = self._row(tuple(trials)), [[np.empty(0)] for _ in candidates]
        for b in range(n_blocks if len(candidates) > 1 else 0):
            is_test = row.window_trials * n_blocks // len(trials) == b
            if (~is_test).sum() < 2 or not is_test.any():
                continue
            train = [k for i, k in enumerate(trials) if i * n_blocks // len(trials) != b]
            for i, differences in self._all_differences(row, train, candidates):
                margins[i].append(differences[is_test] @ _discriminant(differences[~is_test]))
        joined = [np.concatenate(own) for own in margins]
        if joined[0].size < 3:
            return candidates[0]
        return candidates[int(np.argmax([m.mean() / max(m.std(), np.finfo(float).tiny) for m in joined]))]

    def _all_differences(
        self, row: _Row, train: Sequence[int], candidates: Sequence[Constants]
    ) -> Iterator[tuple[int, FloatArray]]:
        """Each candidate's number and its differences; components of one solution serve all smaller numbers."""
        covariances = self._covariances(train)
        groups: dict[tuple[float, float, float], list[int]] = {}
        for i, c in enumerate(candidates):
            groups.setdefault((c.eeg_context_s, c.stimulus_context_s, c.shrinkage), []).append(i)
        for group in groups.values():
            most = max((candidates[i] for i in group), key=lambda c: c.n_components)
            differences = row.differences(self._filters(covariances, most))
            for i in group:
                yield i, differences[:, : candidates[i].n_components]

    @cached_property
    def _parts(self) -> list[tuple[Moments, FloatArray]]:
        """Moments of each trial's EEG with the lagged sound, and the lagged sound's Gram matrix."""
        eeg_lags, sound_lags = self._lags(*self.longest)
        found = []
        for trial in self.pieces:
            sounds = [lagged(self.attended[k], sound_lags) for k in trial]
            both = [Moments.of(self.eeg[k], s, eeg_lags) for k, s in zip(trial, sounds, strict=True)]
            found.append((Moments.total(both), np.sum([s.T @ s for s in sounds], axis=0)))
        return found

    @cached_property
    def _total(self) -> tuple[FloatArray, FloatArray, FloatArray]:
        return self._summed(range(len(self.pieces)))

    def _summed(self, trials: Sequence[int]) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Gram matrices of lagged EEG and sound, and their product, over these trials."""
        both = Moments.total([self._parts[k][0] for k in trials])
        return both.gram(), np.sum([self._parts[k][1] for k in trials], axis=0), both.cross

    def _covariances(self, train: Sequence[int]) -> tuple[FloatArray, FloatArray, FloatArray]:
        left_out = sorted(set(range(len(self.pieces))) - set(train))
        if not left_out:
            return self._total
        if len(left_out) > len(train):
            return self._summed(train)
        gram_eeg, gram_sound, cross = (
            a - b for a, b in zip(self._total, self._summed(left_out), strict=True)
        )
        return gram_eeg, gram_sound, cross

    def _filters(
        self, covariances: tuple[FloatArray, FloatArray, FloatArray], constants: Constants
    ) -> _Filters:
        """Whiten both sides by Cholesky factors and take the leading singular vectors between them."""
        from scipy.linalg import solve_triangular

        lags = self._lags(constants.eeg_context_s, constants.stimulus_context_s)
        n_eeg, n_sound = (
            own.n * x[0].shape[1] for own, x in zip(lags, (self.eeg, self.attended), strict=True)
        )
        gram_eeg, gram_sound, cross = covariances
        # EEG lags begin at 0, the sound's end there
        factors = []
        for gram in (gram_eeg[:n_eeg, :n_eeg], gram_sound[-n_sound:, -n_sound:]):
            ridge = constants.shrinkage * np.trace(gram) / gram.shape[0]
            factors.append(np.linalg.cholesky(gram + ridge * np.eye(gram.shape[0])))
        white = solve_triangular(factors[0], cross[:n_eeg, -n_sound:], lower=True)
        white = solve_triangular(factors[1], white.T, lower=True).T
        left, values, right = np.linalg.svd(white, full_matrices=False)
        k = constants.n_components
        if not 1 <= k <= values.size:
            raise DataError(f"n_components must lie between 1 and {values.size}; got {k}")
        eeg = solve_triangular(factors[0].T, left[:, :k], lower=False)
        sound = solve_triangular(factors[1].T, right[:k].T, lower=False)
        return _Filters(eeg, sound, values[:k], lags)

    def _lags(self, eeg_context_s: float, stimulus_context_s: float) -> tuple[Lags, Lags]:
        sound = Lags.forward(0.0, stimulus_context_s, self.sfreq)
        return Lags.backward(0.0, eeg_context_s, self.sfreq), sound

    def _row(self, trials: tuple[int, ...]) -> _Row:
        """These trials in a row."""
        gap = max(lags.n for lags in self._lags(*self.longest))
        pieces = [[*self.pieces[k]] for k in trials]
        return _Row.of(
            self.eeg, self.attended, self.unattended, pieces, gap, round(self.window_s * self.sfreq)
        )


@dataclass(frozen=True)
class _Row:
    """Trials one after the other with zeros between, so that filters are applied to all at once.

    Parameters
    ----------
    eeg, attended, unattended : array, shape (n_times, ...)
        The row.
    at : array, shape (length, n_windows)
        Samples of each window.
    window_trials : array, shape (n_windows,)
        Which of the trials each window belongs to.
    """

    eeg: FloatArray
    attended: FloatArray
    unattended: FloatArray
    at: NDArray[np.intp]
    window_trials: NDArray[np.intp]

    @classmethod
    def of(
        cls,
        eeg: Sequence[FloatArray],
        attended: Sequence[FloatArray],
        unattended: Sequence[FloatArray],
        trials: Sequence[Sequence[int]],
        gap: int,
        length: int,
    ) -> _Row:
        """Put the pieces of these trials in a row, `gap` zeros after each."""
        starts, owners, at = [], [], 0
        for i, pieces in enumerate(trials):
            for k in pieces:
                starts.append(at + length * np.arange(len(eeg[k]) // length))
                owners.append(np.full(starts[-1].size, i))
                at += len(eeg[k]) + gap

        def joined(parts: Sequence[FloatArray]) -> FloatArray:
            zeros = np.zeros((gap, parts[0].shape[1]))
            return np.concatenate([x for pieces in trials for k in pieces for x in (parts[k], zeros)])

        windows = np.concatenate(starts) + np.arange(length)[:, None]
        return cls(joined(eeg), joined(attended), joined(unattended), windows, np.concatenate(owners))

    def differences(self, filters: _Filters) -> FloatArray:
        """How much better each component correlates with the attended talker, by window, (n_windows, n_components)."""
        neural = predict(self.eeg, filters.eeg, filters.lags[0])[self.at]
        first, second = (
            correlation(neural, predict(heard, filters.sound, filters.lags[1])[self.at])
            for heard in (self.attended, self.unattended)
        )
        return first - second


@dataclass(frozen=True)
class _Filters:
    """Weights of the components on lagged EEG and lagged sound, and their correlations."""

    eeg: FloatArray
    sound: FloatArray
    canonical: FloatArray
    lags: tuple[Lags, Lags]


def combinations(
    eeg_contexts_s: Sequence[float],
    stimulus_contexts_s: Sequence[float],
    n_components: Sequence[int],
    shrinkages: Sequence[float],
) -> list[Constants]:
    """Every combination of these constants, those in the middle first: what is used where nothing can be chosen."""
    axes = (eeg_contexts_s, stimulus_contexts_s, n_components, shrinkages)
    return [Constants(*chosen) for chosen in product(*(_from_the_middle(axis) for axis in axes))]


def _from_the_middle(values: Sequence) -> list:
    middle = len(values) // 2
    return sorted(values, key=lambda v: abs(values.index(v) - middle))


def _discriminant(differences: FloatArray) -> FloatArray:
    """Linear discriminant without offset, (n_components,)."""
    scatter = np.atleast_2d(np.cov(differences.T)) + 1e-6 * np.eye(differences.shape[1])
    return np.linalg.solve(scatter, differences.mean(axis=0))
