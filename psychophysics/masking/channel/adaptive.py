"""Adaptive design: show the band and noise SD that tell most about the bandwidth, until it is known.

After each block the posterior of the channel (the model of `likelihood` under a weak prior) is approximated
by a Gaussian about its mode. The trials of the next block are chosen one after the other: each is the cell
whose Fisher information most reduces the expected log variance of ln(bandwidth), averaged over draws from
the posterior so that an early error is not acted on with confidence (a sequential Bayesian c-optimal design).
Left alone, such a design uses three or four cells: it would not notice a psychometric function or a gain of
another shape, and its likelihood intervals cover too little. So a fixed share of every block goes round all
bands, and none, at noise about their estimated thresholds.

The prior steers the choice of trials only. The estimate is the maximum-likelihood fit to all trials with its
profile-likelihood interval: which cell is shown depends on earlier answers alone, so the likelihood is that of
a fixed design. For the few hundred trials that an adaptive run takes, the profile deviance at the truth is on
average 1 + 100 / n_trials times its chi-square expectation (simulated, both kinds of noise, 128 to 960
trials). Stopping at a given width also favours moments at which the interval is small by chance. So the width
must hold in two blocks running, and the quantile is multiplied by 1 + 150 / n_trials (after Bartlett): 95 %
intervals then cover 0.93 to 0.96 of simulated observers (`benchmarks/masking_adaptive.py`).

References
----------
Chaloner, Verdinelli (1995), Statistical Science 10, 273-304. Kontsevich, Tyler (1999), Vision Res. 39,
2729-2737. Watson (2017), J. Vision 17(3):10. Barndorff-Nielsen, Cox (1984), J. R. Stat. Soc. B 46, 483-495.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import chi2, norm

from cogattn.errors import DataError
from cogattn.psychophysics.masking.channel.fit import Channel, fit_channel
from cogattn.psychophysics.masking.channel.likelihood import PARAMETERS, Cells, ChannelModel
from cogattn.psychophysics.masking.design import NO_BAND
from cogattn.statistics.maximum_likelihood import Array, Rows, binomial, maximise

if TYPE_CHECKING:
    from cogattn.psychophysics.masking.stimuli.noise import BandSpectra

LEVELS_PER_OCTAVE = 2
PRIOR_SD = {"log_bandwidth": 0.6, "log2_center": 1.2, "log_peak": 1.0, "log_steepness": 0.4, "logit_top": 1.2}
"""SDs of the prior. Its means: 2 octaves, the middle of the bands, a peak sensitivity of 40 (threshold .025),
steepness 1, and a top that is 0.82 of the way from guessing to perfect."""
EXPLORED = 0.3
"""Share of each block that goes round the bands."""
_N_DRAWS = 24
_N_PRIOR_POINTS = 2000
_WALD_MARGIN = 1.4
_MIN_TRIALS = 128
_DEVIANCE_EXCESS = 150


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
        max_sd: float = 0.2263,
        confidence: float = 0.95,
        rng: np.random.Generator,
    ) -> None:
        self.spectra, self.n_alternatives, self.confidence = spectra, n_alternatives, confidence
        self.interval_octaves, self.max_trials, self.block = interval_octaves, max_trials, block
        self.n_bands = len(spectra.power)
        self.noise_sds = np.concatenate([[0.0], _levels(min_sd, max_sd)])
        self.n_correct = np.zeros((len(self.noise_sds), self.n_bands), dtype=np.int64)
        self.n_trials = np.zeros_like(self.n_correct)
        self._posterior = _Posterior.of(spectra, n_alternatives, self.noise_sds, rng)
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
            cells = self._posterior.choose(self.n_correct, self.n_trials, n - n_explored, self._rng)
            chosen = np.unravel_index(cells, self.n_trials.shape)
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
        self._posterior.update(self.n_correct, self.n_trials)
        self._n_reached = self._n_reached + 1 if self._small_enough() else 0

    def channel(self) -> Channel:
        """Return the maximum-likelihood channel of all trials so far."""
        return fit_adaptive(
            self.n_correct,
            self.n_trials,
            self.noise_sds,
            spectra=self.spectra,
            n_alternatives=self.n_alternatives,
            confidence=self.confidence,
        )

    def _small_enough(self) -> bool:
        bandwidth, log_sd = self._posterior.bandwidth()
        expected = 2 * norm.ppf((1 + self.confidence) / 2) * log_sd * bandwidth
        if expected > _WALD_MARGIN * self.interval_octaves or self.n_trials.sum() < _MIN_TRIALS:
            return False
        channel = self.channel()
        return channel.identified and bool(np.diff(channel.bandwidth_interval)[0] <= self.interval_octaves)

    def _explore(self, n: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Rows and bands of the next `n` cells of the round: each band about its threshold, and no noise."""
        position = self._n_explored + np.arange(n)
        self._n_explored += n
        lap, stop = np.divmod(position, self.n_bands + 1)
        band = np.minimum(stop, self.n_bands - 1)
        threshold = self._posterior.threshold_log_sd()[band]
        octaves = np.array([0.0, -1.0, 1.0, -2.0])[lap % 4]
        target = threshold + np.log(2) * octaves
        row = 1 + np.abs(np.log(self.noise_sds[1:, None]) - target).argmin(axis=0)
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
    """Return the "ml" channel of counts from an adaptive run: `fit_channel` with corrected intervals."""
    factor = 1 + _DEVIANCE_EXCESS / max(float(np.sum(n_trials)), 1.0)
    corrected = chi2.cdf(factor * chi2.ppf(confidence, 1), 1)
    channel = fit_channel(
        n_correct,
        n_trials,
        noise_sds,
        spectra=spectra,
        n_alternatives=n_alternatives,
        confidence=float(corrected),
    )
    return replace(channel, confidence=confidence)


def _levels(min_sd: float, max_sd: float) -> Array:
    """Noise SDs from `max_sd` down to `min_sd`, half octaves apart, rising."""
    if not 0 < min_sd < max_sd:
        raise DataError(f"min_sd and max_sd must be above 0 and rise; got {min_sd} and {max_sd}")
    n = int(np.floor(LEVELS_PER_OCTAVE * np.log2(max_sd / min_sd) + 1e-9))
    return max_sd * 2.0 ** (-np.arange(n, -1, -1) / LEVELS_PER_OCTAVE)


@dataclass
class _Posterior:
    """Gaussian about the mode of the channel's posterior, given counts on the design's cells."""

    model: ChannelModel
    cells: Cells
    prior_mean: Array
    prior_precision: Array
    points: Array  # draws from the prior: starts of the climb to the mode
    point_accuracy: Array
    mode: Array
    precision: Array

    @property
    def lower(self) -> Array:
        return self.model.lower

    @property
    def upper(self) -> Array:
        return self.model.upper

    @classmethod
    def of(
        cls, spectra: BandSpectra, n_alternatives: int, noise_sds: Array, rng: np.random.Generator
    ) -> _Posterior:
        model = ChannelModel.of(spectra, n_alternatives)
        cells = Cells.grid(noise_sds, len(spectra.power))
        middle = np.log2(spectra.nominal_cpi).mean()
        mean = np.array([np.log(2.0), middle, np.log(40.0), 0.0, 1.5])
        sd = np.array([PRIOR_SD[name] for name in PARAMETERS])
        points = np.clip(
            mean + sd * rng.standard_normal((_N_PRIOR_POINTS, len(sd))), model.lower, model.upper
        )
        accuracy, _ = model.slopes(points, cells)
        precision = np.diag(sd**-2.0)
        return cls(model, cells, mean, precision, points, accuracy, mean.copy(), precision.copy())

    def update(self, n_correct: NDArray[np.int64], n_trials: NDArray[np.int64]) -> None:
        """Climb to the mode from the former one and from the best draw of the prior."""
        self._correct, self._trials = n_correct.ravel().astype(float), n_trials.ravel().astype(float)
        p = self.point_accuracy
        fit = np.log(p) @ self._correct + np.log1p(-p) @ (self._trials - self._correct)
        start = np.stack([self.mode, self.points[np.argmax(fit + self._log_prior(self.points))]])
        ends = maximise(self, start, np.zeros(2, dtype=np.int64))
        best = int(ends.value.argmax())
        self.mode, self.precision = ends.theta[best], ends.information[best]

    def __call__(self, theta: Array, rows: Rows) -> tuple[Array, Array, Array]:
        """Log posterior, its slope and information; a `cogattn.statistics.maximum_likelihood.Likelihood`."""
        seen = self._trials > 0
        p, slopes = self.model.slopes(theta, self.cells.take(seen))
        shape = (len(theta), int(seen.sum()))
        correct, trials = (np.broadcast_to(a[seen], shape) for a in (self._correct, self._trials))
        value, score, information = binomial(correct, trials, p, slopes)
        away = (theta - self.prior_mean) @ self.prior_precision
        return value + self._log_prior(theta), score - away, information + self.prior_precision

    def _log_prior(self, theta: Array) -> Array:
        away = theta - self.prior_mean
        return -0.5 * np.einsum("np,pq,nq->n", away, self.prior_precision, away)

    def bandwidth(self) -> tuple[float, float]:
        """Mode of the bandwidth in octaves, and SD of its logarithm."""
        return float(np.exp(self.mode[0])), float(np.linalg.inv(self.precision)[0, 0] ** 0.5)

    def threshold_log_sd(self) -> Array:
        """ln of the noise SD that halves the part of accuracy above chance, for each band."""
        return -self.mode[2] - self.model.log_weights(self.mode[None])[0] / 2

    def choose(
        self, n_correct: NDArray[np.int64], n_trials: NDArray[np.int64], n: int, rng: np.random.Generator
    ) -> NDArray[np.int64]:
        """Pick `n` cells, one by one, that most reduce the expected log variance of ln(bandwidth)."""
        root = np.linalg.cholesky(np.linalg.inv(self.precision))
        draws = self.mode + rng.standard_normal((_N_DRAWS, len(self.mode))) @ root.T
        draws = np.clip(draws, self.lower, self.upper)
        p, slopes = self.model.slopes(draws, self.cells)
        unit = slopes / np.sqrt(p * (1 - p))[..., None]  # (draws, cells, 5): one trial's information is u u'
        done = np.swapaxes(unit * n_trials.reshape(-1, 1), 1, 2) @ unit + self.prior_precision
        covariance = np.linalg.inv(done)
        chosen = np.empty(n, dtype=np.int64)
        for i in range(n):
            projected = unit @ covariance  # (draws, cells, 5)
            spread = 1 + (projected * unit).sum(axis=2)
            variance = covariance[:, 0, 0, None] - projected[:, :, 0] ** 2 / spread
            chosen[i] = np.log(variance).mean(axis=0).argmin()
            step = projected[:, chosen[i]]
            covariance = covariance - step[:, :, None] * (step / spread[:, chosen[i], None])[:, None, :]
        return chosen
