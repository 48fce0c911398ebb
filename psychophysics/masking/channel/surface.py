"""An observer's accuracy in every cell of noise SD and band, where a log-Gaussian channel is only about right.

The model of `likelihood` with a departure d of its own in every cell with noise,

    p = 1/K + (top - 1/K) * 2^-exp(k u),        u = ln(sd^2 peak^2 W_b) + d,

so that noise acts as if its power were exp(d) times what the channel says. Departures are a Gaussian process: mean 0,
SD `DEPARTURE_SD`, and correlation exp(-(x/a)^2/2 - (b/c)^2/2) between cells whose noise lies x octaves of SD and b
bands apart (a = `REACH_OCTAVES`, c = `REACH_BANDS`). A gain of another shape shifts whole bands, another psychometric
function the levels within one. Any such process makes the counts of the paper's networks far more probable than no
departures do (by 10 in ln likelihood a network). Smoother ones than this (SD 1.4, 12 octaves, 1.4 bands) are the most
probable, by 1.5 a network, but their posterior is too narrow where a network departs in one band alone, as
EfficientNet-lite0 does about 28 cycles per image.

The posterior is approximated by a Gaussian about its mode (Laplace), in the drives u, ln k and logit top, in which
the counts are nearly those of a generalised linear model. What a design would find that shows all its cells equally
often follows from it, whichever cells were shown (`Grid`): the channel that the maximum-likelihood fit gives for the
accuracies in these cells.

References
----------
Kennedy, O'Hagan (2001), J. R. Stat. Soc. B 63, 425-464 (departures from a model as a Gaussian process). Rasmussen,
Williams (2006), Gaussian Processes for Machine Learning, section 3.4 (Laplace's approximation).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import expit
from scipy.stats import qmc

from cogattn.psychophysics.masking.channel.likelihood import (
    PARAMETERS,
    Cells,
    ChannelLikelihood,
    ChannelModel,
)
from cogattn.psychophysics.masking.channel.maximum import find_maximum
from cogattn.statistics.maximum_likelihood import Array, Rows, binomial, maximise

if TYPE_CHECKING:
    from cogattn.psychophysics.masking.stimuli.noise import BandSpectra

DEPARTURE_SD = 1.0
"""Of the departure, in ln of noise power."""
REACH_OCTAVES = 2.5
"""Octaves of noise SD over which departures of a band are alike."""
REACH_BANDS = 0.7
"""Bands over which departures are alike."""
PRIOR_SD = {"log_bandwidth": 0.6, "log2_center": 1.2, "log_peak": 1.0, "log_steepness": 0.4, "logit_top": 1.2}
"""SDs of the channel's prior. Its means: 2 octaves, the middle of the bands, a peak sensitivity of 40 (threshold
.025), steepness 1, and a top that is 0.82 of the way from guessing to perfect."""
_P = len(PARAMETERS)
_LN2 = np.log(2.0)
_NUGGET = 1e-4
_JITTER = 1e-8
_RIDGE = 1e-6
_LEAST = 1e-9
_STEP = 1e-4
_SAME_LEVEL = 1e-3
_MANY = 1000.0
_FIELDS = ("log_variance", "band", "noisy")
_N_PRIOR_POINTS = 2000
_N_DRAWS = 1024


@dataclass(frozen=True)
class Surface:
    """Channel and departures as one parameter array z, shape (5 + n_noisy_cells,), with its prior.

    Parameters
    ----------
    model : ChannelModel
        The channel.
    cells : Cells
        Cells of the surface: first one without noise, then those with noise, each with a departure.
    mean : array, shape (n_z,)
        Prior mean.
    covariance : array, shape (n_z, n_z)
        Prior covariance.
    """

    model: ChannelModel
    cells: Cells
    mean: Array
    covariance: Array

    @classmethod
    def of(cls, spectra: BandSpectra, n_alternatives: int, noise_sds: ArrayLike) -> Surface:
        """Build the surface of noise with these spectra and SDs above 0, row by row."""
        noisy = Cells.grid(noise_sds, len(spectra.power))
        clean = Cells.of([0.0], [0])
        cells = Cells(*(np.concatenate([getattr(of, name) for of in (clean, noisy)]) for name in _FIELDS))
        n = _P + len(noisy.band)
        mean, covariance = np.zeros(n), np.zeros((n, n))
        mean[:_P] = np.log(2.0), np.log2(spectra.nominal_cpi).mean(), np.log(40.0), 0.0, 1.5
        covariance[:_P, :_P] = np.diag([PRIOR_SD[name] ** 2.0 for name in PARAMETERS])
        covariance[_P:, _P:] = departure_covariance(noisy)
        return cls(ChannelModel.of(spectra, n_alternatives), cells, mean, covariance)

    @cached_property
    def precision(self) -> Array:
        """Inverse of the prior covariance."""
        return np.linalg.inv(self.covariance).astype(np.float64)

    @cached_property
    def lower(self) -> Array:
        """Lower limits, shape (n_z,)."""
        return np.concatenate([self.model.lower, np.full(len(self.mean) - _P, -np.inf)])

    @cached_property
    def upper(self) -> Array:
        """Upper limits, shape (n_z,)."""
        return np.concatenate([self.model.upper, np.full(len(self.mean) - _P, np.inf)])

    def drives(self, z: Array) -> tuple[Array, Array]:
        """Return w = (u of cells with noise, ln k, logit top), (n, n_w), of z (n, n_z), and slopes (n, n_w, n_z)."""
        n_noisy, band, theta = z.shape[1] - _P, self.cells.band[1:], z[:, :_P]
        level = self.cells.log_variance[1:] + 2 * theta[:, 2, None]
        w = np.concatenate([level + self.model.log_weights(theta)[:, band] + z[:, _P:], theta[:, 3:]], axis=1)
        slopes = np.zeros((*w.shape, z.shape[1]))
        for i in range(2):
            step = _STEP * np.eye(_P)[i]
            rise = self.model.log_weights(theta + step) - self.model.log_weights(theta - step)
            slopes[:, :n_noisy, i] = rise[:, band] / (2 * _STEP)
        slopes[:, :n_noisy, 2] = 2
        slopes[:, n_noisy:, 3:_P] = np.eye(2)
        slopes[:, :n_noisy, _P:] = np.eye(n_noisy)
        return w, slopes

    def accuracy(self, w: Array) -> tuple[Array, Array]:
        """Return accuracy (n, n_cells) and its slopes (n, n_cells, n_w) at w (n, n_w)."""
        return accuracy_of_drives(w, self.model.guess)

    def posterior(self, correct: Array, trials: Array, starts: Array | None = None) -> Posterior:
        """Return the posterior given counts, (n_cells,) each: the highest climb, also from `starts` (n, n_z)."""
        best = self._best_draw(correct, trials)[None]
        starts = best if starts is None else np.concatenate([starts, best])
        ends = maximise(_LogPosterior(self, correct, trials), starts, np.zeros(len(starts), dtype=np.int64))
        return Posterior(self, ends.theta[ends.value.argmax()], trials)

    def log_prior(self, z: Array) -> Array:
        """Return the logarithm of the prior density up to a constant, shape (n,)."""
        away = z - self.mean
        return -0.5 * (away @ self.precision * away).sum(axis=1)

    def _best_draw(self, correct: Array, trials: Array) -> Array:
        """The most probable of draws of the channel from its prior, without departures."""
        points, log_prior, log_p, log_q = self._draws
        best = np.argmax(log_p @ correct + log_q @ (trials - correct) + log_prior)
        return np.concatenate([points[best], np.zeros(len(self.mean) - _P)])

    @cached_property
    def _draws(self) -> tuple[Array, Array, Array, Array]:
        """Channels (n, 5), their log prior, and the logarithms of the chances to be right and wrong in each cell."""
        mean, sd = self.mean[:_P], np.sqrt(np.diag(self.covariance)[:_P])
        normal = np.random.default_rng(0).standard_normal((_N_PRIOR_POINTS, _P))
        points = np.clip(mean + sd * normal, self.model.lower, self.model.upper)
        p = np.clip(self.model.slopes(points, self.cells)[0], _LEAST, 1 - _LEAST)
        return points, -0.5 * (((points - mean) / sd) ** 2).sum(axis=1), np.log(p), np.log1p(-p)


def accuracy_of_drives(w: Array, guess: float) -> tuple[Array, Array]:
    """Return accuracy, (n, 1 + n_noisy), the first without noise, and slopes at w = (u, ln k, logit top), (n, n_w)."""
    drive, steepness, top = w[:, :-2], np.exp(w[:, -2, None]), w[:, -1, None]
    exponent = np.clip(steepness * drive, -500, 50)
    power = _LN2 * np.exp(exponent)
    height = (1 - guess) * expit(top)
    above = np.concatenate([height, height * np.exp(-power)], axis=1)
    slopes = np.zeros((*above.shape, w.shape[1]))
    noisy = np.arange(drive.shape[1])
    slopes[:, 1 + noisy, noisy] = -above[:, 1:] * power * steepness
    slopes[:, 1:, -2] = -above[:, 1:] * power * exponent
    slopes[:, :, -1] = above * expit(-top)
    return np.clip(guess + above, _LEAST, 1 - _LEAST), slopes


def departure_covariance(
    cells: Cells, *, sd: float = DEPARTURE_SD, octaves: float = REACH_OCTAVES, bands: float = REACH_BANDS
) -> Array:
    """Return the prior covariance of departures, shape (n_cells, n_cells), of cells that all have noise."""
    level = cells.log_variance / (2 * _LN2)  # octaves
    far = ((level[:, None] - level) / octaves) ** 2 + ((cells.band[:, None] - cells.band) / bands) ** 2
    return sd**2 * np.exp(-far / 2) + _NUGGET * np.eye(len(level))


@dataclass(frozen=True)
class _LogPosterior:
    """Log posterior of one observer's counts; a `cogattn.statistics.maximum_likelihood.Likelihood`."""

    surface: Surface
    correct: Array
    trials: Array

    @property
    def lower(self) -> Array:
        return self.surface.lower

    @property
    def upper(self) -> Array:
        return self.surface.upper

    def __call__(self, theta: Array, rows: Rows) -> tuple[Array, Array, Array]:
        seen = self.trials > 0
        w, by_z = self.surface.drives(theta)
        p, by_w = self.surface.accuracy(w)
        slopes = by_w[:, seen] @ by_z
        shape = (len(theta), int(seen.sum()))
        correct, trials = (np.broadcast_to(a[seen], shape) for a in (self.correct, self.trials))
        value, score, information = binomial(correct, trials, p[:, seen], slopes)
        away = (theta - self.surface.mean) @ self.surface.precision
        return value + self.surface.log_prior(theta), score - away, information + self.surface.precision


@dataclass(frozen=True)
class Posterior:
    """Gaussian in w = (u, ln k, logit top) about the mode z, shape (n_z,), after `trials`, (n_cells,)."""

    surface: Surface
    mode: Array
    trials: Array

    @cached_property
    def drives(self) -> Array:
        """w at the mode, shape (n_w,)."""
        return self.surface.drives(self.mode[None])[0][0]

    @cached_property
    def prior_covariance(self) -> Array:
        """Of w, shape (n_w, n_w), by the prior and the slopes at the mode."""
        _, by_z = self.surface.drives(self.mode[None])
        return by_z[0] @ self.surface.covariance @ by_z[0].T

    @cached_property
    def covariance(self) -> Array:
        """Of w, shape (n_w, n_w), at the mode."""
        return self.covariance_at(*self.surface.accuracy(self.drives[None]))[0]

    def covariance_at(self, p: Array, slopes: Array) -> Array:
        """Covariance of w, (n, n_w, n_w), if accuracies and slopes were these: (n, n_cells) and (n, n_cells, n_w)."""
        seen = self.trials > 0
        if not seen.any():
            return np.repeat(self.prior_covariance[None], len(p), axis=0)
        p, slopes = p[:, seen], slopes[:, seen]
        known = slopes @ self.prior_covariance  # of accuracies with w, (n, n_seen, n_w)
        among = known @ np.swapaxes(slopes, 1, 2)
        np.einsum("nii->ni", among)[...] += p * (1 - p) / self.trials[seen]
        return self.prior_covariance - np.swapaxes(known, 1, 2) @ np.linalg.solve(among, known)

    def draw(self, n: int, rng: np.random.Generator) -> Array:
        """Return w, shape (n, n_w)."""
        return self.drives + rng.standard_normal((n, len(self.drives))) @ _root(self.covariance).T


@dataclass(frozen=True)
class Grid:
    """What a design finds that shows all its cells equally often, as a function of the accuracies in them.

    Parameters
    ----------
    surface : Surface
        Holds the design's cells.
    index : array of int, shape (n_grid,)
        Which of the surface's cells they are; the first without noise.
    """

    surface: Surface
    index: NDArray[np.int64]

    @classmethod
    def of(cls, surface: Surface, noise_sds: ArrayLike) -> Grid:
        """Take the cells of these SDs, each of which the surface must have, and the one without noise."""
        wanted = Cells.of(noise_sds, np.zeros(np.shape(noise_sds)))
        near = np.abs(surface.cells.log_variance[:, None] - wanted.log_variance[wanted.noisy]) < _SAME_LEVEL
        return cls(surface, np.concatenate([[0], np.flatnonzero(surface.cells.noisy & near.any(axis=1))]))

    @cached_property
    def cells(self) -> Cells:
        """The design's cells."""
        return self.surface.cells.take(self.index)

    def channel(self, accuracy: Array, start: Array) -> Array:
        """Return the maximum-likelihood channel, (n, 5), of accuracies (n, n_grid), climbing from `start`, (n, 5)."""
        return maximise(
            self._likelihood(accuracy), np.broadcast_to(start, (len(accuracy), _P)), np.arange(len(accuracy))
        ).theta

    def found(self, posterior: Posterior) -> Array:
        """Return the channel at the mode of the posterior, shape (5,)."""
        p, _ = self.surface.accuracy(posterior.drives[None])
        return find_maximum(self._likelihood(p[:, self.index])).theta[0]

    def draws(self, posterior: Posterior, found: Array) -> Array:
        """Return channels, shape (n_draws, 5), spread as the posterior is; the same for the same posterior."""
        kept = np.concatenate([self.index[1:] - 1, len(posterior.drives) + np.array([-2, -1])])
        root = _root(posterior.covariance[np.ix_(kept, kept)])
        w = posterior.drives[kept] + _normal_draws(len(kept)) @ root.T
        return self.channel(accuracy_of_drives(w, self.surface.model.guess)[0], found[None])

    def influence(self, channel: Array) -> Array:
        """Return what each cell's accuracy does to each parameter of the channel, near (n, 5): (n, 5, n_grid)."""
        p, slopes = self.surface.model.slopes(channel, self.cells)
        weighted = np.swapaxes(slopes / (p * (1 - p))[..., None], 1, 2)
        return np.linalg.solve(weighted @ slopes + _RIDGE * np.eye(_P), weighted)

    def _likelihood(self, accuracy: Array) -> ChannelLikelihood:
        return ChannelLikelihood(
            self.surface.model, self.cells, _MANY * accuracy, np.full(accuracy.shape, _MANY)
        )


def _root(covariance: Array) -> Array:
    """Lower triangle whose square is a covariance."""
    even = (covariance + covariance.T) / 2 + _JITTER * np.eye(len(covariance))
    return np.linalg.cholesky(even).astype(np.float64)


@lru_cache(maxsize=8)
def _normal_draws(n_dimensions: int) -> Array:
    """Standard normal draws, (n_draws, n_dimensions), evener than random ones (a scrambled Sobol sequence)."""
    return qmc.MultivariateNormalQMC(np.zeros(n_dimensions), rng=np.random.default_rng(0)).random(_N_DRAWS)
