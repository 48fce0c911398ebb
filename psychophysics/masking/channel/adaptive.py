"""Adaptive design: show the band and noise SD that tell most about the bandwidth, until it is known.

No observer's channel is exactly log-Gaussian, so what a fit gives depends on where the trials lie: a few cells, chosen
because they would tell most if the model were true, find another compromise than a grid of all. What is estimated here
is therefore a quantity of the observer alone: the channel that a fully crossed grid (noise SDs `GRID_SDS` in every
band) would give. After each block the posterior of the observer's whole response surface (`surface`: a channel, and
smooth departures from it like those of real networks) is approximated by a Gaussian about its mode. The trials of the
next block are chosen one after the other: each is the cell that most reduces the expected log variance of ln(bandwidth
of the grid's channel), averaged over draws from the posterior so that an early error is not acted on with confidence (a
sequential Bayesian c-optimal design). Half of every block goes round all bands, and none, at noise about their
thresholds.

The estimate is the grid's channel at the mode of the posterior; its intervals are quantiles over draws from it. Which
cell is shown depends on earlier answers alone, so the likelihood is that of a fixed design. A narrow interval must hold
in two blocks running, and no session ends before `MIN_TRIALS`, because a width that is small by chance would end it.
How often the intervals cover what the grid gives, on response surfaces of real networks and on exact log-Gaussian ones:
`benchmarks/masking_adaptive.py`.

References
----------
Chaloner, Verdinelli (1995), Statistical Science 10, 273-304. Kontsevich, Tyler (1999), Vision Res. 39,
2729-2737. Watson (2017), J. Vision 17(3):10.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import norm

from cogattn.errors import DataError
from cogattn.psychophysics.masking.channel.clustered import POWERS
from cogattn.psychophysics.masking.channel.fit import Channel, fit_channel
from cogattn.psychophysics.masking.channel.gains import N_FEATURES
from cogattn.psychophysics.masking.channel.likelihood import PARAMETERS
from cogattn.psychophysics.masking.channel.likelihood import top_accuracy as accuracy_without_noise
from cogattn.psychophysics.masking.channel.surface import Grid, Posterior, Surface
from cogattn.psychophysics.masking.design import NO_BAND
from cogattn.statistics.maximum_likelihood import Array

if TYPE_CHECKING:
    from cogattn.psychophysics.masking.stimuli.noise import BandSpectra

GRID_SDS = (0.0, 0.01, 0.02, 0.04, 0.08, 0.16)
"""Noise SDs of the grid whose channel is estimated: those of the study's crossed design."""
LEVELS_PER_OCTAVE = 2
MAX_SD = 0.16 * 2**0.5
EXPLORED = 0.5
"""Share of each block that goes round the bands."""
MIN_TRIALS = 384
"""Trials before which no session reaches its goal."""
_N_DRAWS = 8
_WALD_MARGIN = 1.4
_LEAST_VARIANCE = 1e-12
_NAMES = ("bandwidth", "centre", "peak sensitivity")
_LN2 = np.log(2.0)


class AdaptiveSession:
    """Chooses trials, takes in the answers, and says when the bandwidth is known well enough.

    Parameters
    ----------
    spectra : BandSpectra
        Power spectra of the noise bands at SD 1.
    n_alternatives : int
        Number of answers to choose from.
    interval_octaves : float
        Goal: width of the interval of the bandwidth in octaves.
    max_trials : int
        Stop when this many have been offered, answered or not.
    block : int
        Trials between two updates.
    min_sd, max_sd : float
        Least and greatest noise SD above 0; half octaves between. Noise much above 0.16 is clipped at black
        and white, so that its SD and band are no longer what they are called (at 0.226, 3 % of the pixels).
    confidence : float
        Level of the interval.
    rng : numpy.random.Generator
        Draws from prior and posterior; same generator state and answers, same trials.

    Examples
    --------
    >>> from cogattn.psychophysics.masking.stimuli.noise import octave_spectra
    >>> session = AdaptiveSession(octave_spectra(), max_trials=64, rng=np.random.default_rng(0))
    >>> while not session.finished:
    ...     bands, sds = session.next_block()
    ...     session.update(bands, sds, sds < 0.05 * np.abs(bands - 3))  # sees best in band 3
    >>> int(session.n_trials.sum()), session.reached
    (64, False)
    """

    def __init__(
        self,
        spectra: BandSpectra,
        *,
        n_alternatives: int = 16,
        interval_octaves: float = 0.5,
        max_trials: int = 4000,
        block: int = 32,
        min_sd: float = 0.0025,
        max_sd: float = MAX_SD,
        confidence: float = 0.95,
        rng: np.random.Generator,
    ) -> None:
        self.spectra, self.n_alternatives, self.confidence = spectra, n_alternatives, confidence
        self.interval_octaves, self.max_trials, self.block = interval_octaves, max_trials, block
        self.n_bands = len(spectra.power)
        self.noise_sds = np.concatenate([[0.0], _levels(min_sd, max_sd)])
        self.n_correct = np.zeros((len(self.noise_sds), self.n_bands), dtype=np.int64)
        self.n_trials = np.zeros_like(self.n_correct)
        self._design = _Design.of(self.noise_sds, spectra, n_alternatives)
        self._posterior = self._design.posterior(self.n_correct, self.n_trials)
        self._rng = rng
        self._n_offered = 0
        self._n_explored = 0
        self._n_reached = 0

    @property
    def finished(self) -> bool:
        """Whether the interval is as small as asked for, or the trials are spent."""
        return self.reached or self._n_offered >= self.max_trials

    @property
    def reached(self) -> bool:
        """Whether the interval is as small as asked for (in two blocks running)."""
        return self._n_reached >= 2

    def next_block(self) -> tuple[NDArray[np.int64], Array]:
        """Return the trials to show: bands (n,), `NO_BAND` without noise, and noise SDs (n,)."""
        n = min(self.block, self.max_trials - self._n_offered)
        n_explored = round(EXPLORED * n) if self.n_trials.any() else n
        self._n_offered += n
        rows, bands = self._explore(n_explored)
        if n > n_explored:
            chosen = self._design.choose(self._posterior, self.n_trials, n - n_explored, self._rng)
            rows, bands = np.concatenate([rows, chosen[0]]), np.concatenate([bands, chosen[1]])
        return np.where(rows == 0, NO_BAND, bands), self.noise_sds[rows]

    def update(self, bands: ArrayLike, noise_sds: ArrayLike, correct: ArrayLike) -> None:
        """Take in answers.

        Parameters
        ----------
        bands, noise_sds, correct : arrays, shape (n,)
            Bands and SDs as `next_block` gave them (trials that could not be shown left out), and whether
            the answers were correct.

        Raises
        ------
        DataError
            If lengths differ, or a band or SD is none of the design's.
        """
        band, sd = np.asarray(bands, dtype=np.int64), np.asarray(noise_sds, dtype=float)
        answers = np.asarray(correct, dtype=bool)
        if not band.shape == sd.shape == answers.shape or band.ndim != 1:
            raise DataError(
                "bands, noise_sds and correct must have one length; "
                f"got {band.shape}, {sd.shape} and {answers.shape}"
            )
        row = np.abs(self.noise_sds[:, None] - sd).argmin(axis=0)
        foreign = (np.abs(self.noise_sds[row] - sd) > 1e-9) | (band < NO_BAND) | (band >= self.n_bands)
        if foreign.any():
            raise DataError("bands and noise_sds must be those of the design; got others")
        column = np.where(row == 0, 0, band)
        np.add.at(self.n_trials, (row, column), 1)
        np.add.at(self.n_correct, (row, column), answers)
        self._posterior = self._design.posterior(self.n_correct, self.n_trials, self._posterior.mode[None])
        self._n_reached = self._n_reached + 1 if self._small_enough() else 0

    def channel(self) -> Channel:
        """Return the channel that the grid would give, by all trials so far."""
        return fit_adaptive(
            self.n_correct,
            self.n_trials,
            self.noise_sds,
            spectra=self.spectra,
            n_alternatives=self.n_alternatives,
            confidence=self.confidence,
        )

    def _small_enough(self) -> bool:
        bandwidth, log_sd = self._design.bandwidth(self._posterior)
        expected = 2 * norm.ppf((1 + self.confidence) / 2) * log_sd * bandwidth
        if expected > _WALD_MARGIN * self.interval_octaves or self.n_trials.sum() < MIN_TRIALS:
            return False
        _, ends, _ = self._design.channels(self._posterior, self.confidence)
        return bool(np.diff(np.exp(ends[:, 0]))[0] <= self.interval_octaves)

    def _explore(self, n: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Rows and bands of the next `n` cells of the round: each band about its threshold, and no noise."""
        position = self._n_explored + np.arange(n)
        self._n_explored += n
        lap, stop = np.divmod(position, self.n_bands + 1)
        band = np.minimum(stop, self.n_bands - 1)
        half_octaves = np.array([0, -2, 2, -4])[lap % 4]
        row = np.clip(
            self._design.threshold_rows(self._posterior)[band] + half_octaves, 1, len(self.noise_sds) - 1
        )
        return np.where(stop == self.n_bands, 0, row), band


def fit_adaptive(
    n_correct: ArrayLike,
    n_trials: ArrayLike,
    noise_sds: ArrayLike,
    *,
    spectra: BandSpectra,
    n_alternatives: int = 16,
    confidence: float = 0.95,
) -> Channel:
    """Return the "ml" channel that the grid would give (see the module), from counts of an adaptive run.

    Parameters and errors are those of `cogattn.psychophysics.masking.channel.fit.fit_channel`. Deviance and degrees of
    freedom are those of the log-Gaussian channel fitted to the counts as they are.
    """
    direct = fit_channel(
        n_correct,
        n_trials,
        noise_sds,
        spectra=spectra,
        n_alternatives=n_alternatives,
        confidence=confidence,
    )
    if np.isnan([direct.bandwidth_octaves, direct.center_cpi, direct.peak_sensitivity]).all():
        return direct
    design = _Design.of(np.asarray(noise_sds, dtype=float), spectra, n_alternatives)
    posterior = design.posterior(np.asarray(n_correct), np.asarray(n_trials))
    found, ends, spread = design.channels(posterior, confidence)
    unknown = np.isinf(ends).all(axis=0)
    values = np.where(unknown, np.nan, [power(x) for power, x in zip(POWERS, found, strict=False)])
    errors = values * spread * [1.0, _LN2, 1.0]
    bandwidth, center, peak = (
        (float(power(lo)), float(power(hi))) for power, lo, hi in zip(POWERS, *ends, strict=True)
    )
    names = [name for name, missing in zip(_NAMES, np.atleast_1d(unknown), strict=True) if missing]
    reason = f"the counts do not determine the {' and the '.join(names)}" if names else ""
    return replace(
        direct,
        bandwidth_octaves=float(values[0]),
        bandwidth_interval=bandwidth,
        center_cpi=float(values[1]),
        center_interval=center,
        peak_sensitivity=float(values[2]),
        peak_interval=peak,
        identified=not reason,
        reason=reason,
        standard_errors=(float(errors[0]), float(errors[1]), float(errors[2])),
        steepness=float(np.exp(found[3])),
        top_accuracy=float(accuracy_without_noise(found, n_alternatives)),
        parameters=tuple(found.tolist()),
        at_limit=(),
    )


def _levels(min_sd: float, max_sd: float) -> Array:
    """Noise SDs from `max_sd` down to `min_sd`, half octaves apart, rising."""
    if not 0 < min_sd < max_sd:
        raise DataError(f"min_sd and max_sd must be above 0 and rise; got {min_sd} and {max_sd}")
    n = int(np.floor(LEVELS_PER_OCTAVE * np.log2(max_sd / min_sd) + 1e-9))
    return max_sd * 2.0 ** (-np.arange(n, -1, -1) / LEVELS_PER_OCTAVE)


@dataclass(frozen=True)
class _Design:
    """Cells that may be shown, by row (noise SD) and band, on a surface that also holds the grid.

    ``place`` (n_sds, n_bands) says which cell of the surface each is; cell 0 is without noise.
    """

    surface: Surface
    grid: Grid
    place: NDArray[np.int64]

    @classmethod
    def of(cls, noise_sds: Array, spectra: BandSpectra, n_alternatives: int) -> _Design:
        n_bands = len(spectra.power)
        others = [sd for sd in GRID_SDS if sd > 0 and not np.isclose(sd, noise_sds, rtol=1e-4).any()]
        levels = np.sort(np.concatenate([noise_sds[noise_sds > 0], others]))
        surface = Surface.of(spectra, n_alternatives, levels)
        row = np.searchsorted(levels, noise_sds)[:, None]
        place = np.where(noise_sds[:, None] > 0, 1 + row * n_bands + np.arange(n_bands), 0)
        return cls(surface, Grid.of(surface, GRID_SDS), place)

    def posterior(
        self, n_correct: NDArray[np.int64], n_trials: NDArray[np.int64], starts: Array | None = None
    ) -> Posterior:
        """Posterior given counts (n_sds, n_bands), climbing also from `starts` (n, n_z)."""
        n_cells = len(self.surface.cells.band)
        correct, trials = (
            np.bincount(self.place.ravel(), np.ravel(counts), minlength=n_cells).astype(np.float64)
            for counts in (n_correct, n_trials)
        )
        return self.surface.posterior(correct, trials, starts)

    def channels(self, posterior: Posterior, confidence: float) -> tuple[Array, Array, Array]:
        """The grid's channel at the mode (5,); of its first three parameters intervals (2, 3) and SDs (3,).

        An end is infinite where it lies on a limit.
        """
        found = self.grid.found(posterior)
        drawn = self.grid.draws(posterior, found)
        tail = (1 - confidence) / 2
        lower, upper = (limit[:N_FEATURES] for limit in (self.surface.model.lower, self.surface.model.upper))
        lo, hi = np.quantile(drawn[:, :N_FEATURES], [tail, 1 - tail], axis=0)
        ends = np.stack([np.where(lo <= lower, -np.inf, lo), np.where(hi >= upper, np.inf, hi)])
        return found, ends, drawn[:, :N_FEATURES].std(axis=0)

    def bandwidth(self, posterior: Posterior) -> tuple[float, float]:
        """The grid's bandwidth in octaves at the mode, and the SD of its logarithm to first order."""
        channel, by_w = self._channel_and_slopes(
            posterior.mode, *self.surface.accuracy(posterior.drives[None])
        )
        return float(np.exp(channel[0, 0])), float((by_w[0] @ posterior.covariance @ by_w[0]) ** 0.5)

    def threshold_rows(self, posterior: Posterior) -> NDArray[np.int64]:
        """Row of each band whose accuracy is nearest halfway between guessing and the accuracy without noise."""
        p = self.surface.accuracy(posterior.drives[None])[0][0]
        middle = (self.surface.model.guess + p[0]) / 2
        return np.abs(p[self.place[1:]] - middle).argmin(axis=0) + 1

    def choose(
        self, posterior: Posterior, n_trials: NDArray[np.int64], n: int, rng: np.random.Generator
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Rows and bands of `n` cells, one by one those that most reduce the expected log variance of ln(bandwidth)."""
        p, slopes = self.surface.accuracy(posterior.draw(_N_DRAWS, rng))
        covariance = posterior.covariance_at(p, slopes)
        _, by_w = self._channel_and_slopes(posterior.mode, p, slopes)
        spread = slopes @ covariance
        between = spread @ np.swapaxes(slopes, 1, 2)  # covariance of accuracies, (draws, cells, cells)
        to_goal = np.einsum("dcw,dw->dc", spread, by_w)  # of accuracies with ln(bandwidth)
        variance = np.einsum("dw,dwv,dv->d", by_w, covariance, by_w)
        candidates = np.unique(self.place)
        picked = np.empty(n, dtype=np.int64)
        for i in range(n):
            one = p * (1 - p) + np.einsum("dcc->dc", between)  # variance of one answer's residual
            left = np.maximum(variance[:, None] - to_goal**2 / one, _LEAST_VARIANCE)
            picked[i] = candidates[np.log(left[:, candidates]).mean(axis=0).argmin()]
            column, scale = between[:, :, picked[i]], 1 / one[:, picked[i], None]
            variance = variance - to_goal[:, picked[i]] ** 2 * scale[:, 0]
            to_goal = to_goal - column * scale * to_goal[:, picked[i], None]
            between = between - column[:, :, None] * (column * scale)[:, None, :]
        return self._rows_and_bands(picked)

    def _rows_and_bands(self, cells: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        row, band = np.divmod(cells - 1, self.place.shape[1])
        return row + 1, np.where(cells > 0, band, 0)

    def _channel_and_slopes(self, start: Array, p: Array, slopes: Array) -> tuple[Array, Array]:
        """The grid's channels for accuracies (n, n_cells), shape (n, 5), and slopes of ln(bandwidth), (n, n_w)."""
        channel = self.grid.channel(p[:, self.grid.index], start[None, : len(PARAMETERS)])
        by_accuracy = self.grid.influence(channel)[:, 0]
        return channel, np.einsum("ng,ngw->nw", by_accuracy, slopes[:, self.grid.index])
