"""What is known of one observer's channel, and in words what is not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import chi2

from cogattn.psychophysics.masking.channel.gains import N_FEATURES, GainName
from cogattn.psychophysics.masking.channel.likelihood import ChannelModel, channel_parameters, top_accuracy
from cogattn.psychophysics.masking.channel.maximum import ChannelFits

if TYPE_CHECKING:
    from cogattn.psychophysics.masking.stimuli.noise import BandSpectra

Array = NDArray[np.float64]
Interval = tuple[float, float]
Estimator = Literal["ml", "paper"]

_P_NO_EFFECT = 0.01
_NAMES = ("bandwidth", "centre", "peak sensitivity", "steepness", "top")


@dataclass(frozen=True)
class Channel:
    """A spatial-frequency channel with intervals.

    "ml" and "paper" are the estimators of `cogattn.psychophysics.masking.channel.fit`.

    Parameters
    ----------
    bandwidth_octaves, center_cpi, peak_sensitivity : float
        Full width at half maximum of the power gain; centre in cycles per image (true for "ml", nominal for
        "paper"), midway between the half heights; peak sensitivity in 1 / SD ("ml") or 0.01 / SD ("paper"). NaN where
        the counts do not determine them.
    bandwidth_interval, center_interval, peak_interval : tuple of float
        Interval of level `confidence`; 0 or inf where it is open.
    estimator : {"ml", "paper"}
        How it was estimated.
    identified : bool
        Whether the counts determine all three, and no other parameter lies on a limit.
    reason : str
        Why not; or a remark.
    n_trials : int
        Trials behind it.
    confidence : float
        Of the intervals.
    standard_errors : tuple of float
        Of bandwidth, centre and peak sensitivity, in their units ("ml" only); NaN where the value is.
    steepness, top_accuracy : float
        Exponent of the psychometric function, and accuracy without noise ("ml" only, else NaN).
    deviance : float
        Against the saturated model ("ml" only, else NaN).
    df : float
        Degrees of freedom of the deviance; not whole where a gain's own parameters are partly the prior's.
    gain_name : {"log-gaussian", "asymmetric", "free"}
        Shape of the gain; see `gains`.
    weight : float
        Probability of this gain among those that were compared; NaN where none were.
    at_limit : tuple of str
        Parameters that lie on a limit.
    model, parameters
        What was fitted, and its parameters ("ml" only).
    thresholds : tuple of int
        Integer threshold of each band ("paper" only).
    """

    bandwidth_octaves: float
    bandwidth_interval: Interval
    center_cpi: float
    center_interval: Interval
    peak_sensitivity: float
    peak_interval: Interval
    estimator: Estimator
    identified: bool
    reason: str
    n_trials: int
    confidence: float = 0.95
    standard_errors: tuple[float, float, float] = (np.nan, np.nan, np.nan)
    steepness: float = np.nan
    top_accuracy: float = np.nan
    deviance: float = np.nan
    df: float = 0.0
    thresholds: tuple[int, ...] = ()
    gain_name: GainName = "log-gaussian"
    weight: float = field(default=np.nan, compare=False)
    at_limit: tuple[str, ...] = ()
    model: ChannelModel | None = field(default=None, compare=False, repr=False)
    parameters: tuple[float, ...] = field(default=(), repr=False)

    @property
    def dispersion(self) -> float:
        """Deviance per degree of freedom: about 1 for binomial counts, more where cells or people differ."""
        return self.deviance / self.df if self.df > 0 else np.nan

    @property
    def p_misfit(self) -> float:
        """P value of the deviance if the channel were true and the counts binomial (chi-square on `df`)."""
        return float(chi2.sf(self.deviance, self.df)) if self.df > 0 else np.nan

    def gain(self, frequencies_cpi: ArrayLike) -> Array:
        """Power gain at frequencies of any shape, 1 at its maximum and 1/2 at the bandwidth's ends; NaN if unknown."""
        x = np.log2(np.asarray(frequencies_cpi, dtype=float))
        if self.model is None or not self.model.gain.own:
            return np.exp2(-((2 * (x - np.log2(self.center_cpi)) / self.bandwidth_octaves) ** 2))
        theta = np.array([self.parameters])
        height = 2 * (self.model.features(theta)[0][:, 2] - theta[:, 2])
        gain = np.exp(self.model.gain.log_gain(theta, x.ravel())[0] - height[:, None])
        return gain[0].reshape(x.shape) * (1.0 if np.isfinite(self.center_cpi) else np.nan)

    def accuracy(self, noise_sds: ArrayLike, spectra: BandSpectra, *, n_alternatives: int = 16) -> Array:
        """Accuracy that an "ml" channel predicts in noise of these spectra, shape (n_sds, n_bands).

        NaN if the channel is not determined. The bands must be those of the fit if the gain is free.
        """
        if self.model is not None and np.isfinite(self.bandwidth_octaves):
            model = ChannelModel.of(spectra, n_alternatives, self.gain_name)
            return replace(model, gain=self.model.gain).accuracy(self.parameters, noise_sds)
        theta = channel_parameters(
            self.bandwidth_octaves,
            self.center_cpi,
            self.peak_sensitivity,
            steepness=self.steepness,
            top_accuracy=self.top_accuracy,
            n_alternatives=n_alternatives,
        )
        return ChannelModel.of(spectra, n_alternatives).accuracy(theta, noise_sds)


def channel_of(
    fits: ChannelFits,
    i: int,
    *,
    n_trials: int,
    mean_accuracy: float,
    confidence: float,
    weight: float = np.nan,
) -> Channel:
    """Return the channel of observer `i` of a batch of fits.

    Parameters
    ----------
    fits : ChannelFits
        Of one gain.
    i : int
        Row of the observer.
    n_trials : int
        Trials behind it.
    mean_accuracy : float
        Share of right answers in all of them.
    confidence : float
        Of the intervals in `fits`.
    weight : float
        Of this gain among those that were compared.
    """
    theta, gain = fits.parameters[i], fits.model.gain
    values, errors, ends = _in_units(fits.features[i]), fits.errors[i].copy(), fits.intervals[i]
    with np.errstate(over="ignore"):
        ends = np.stack([np.exp(ends[0]), np.exp2(ends[1]), np.exp(ends[2])])
    names = [*_NAMES, *(name.rpartition("_")[0].replace("_", " ") or name for name in gain.own)]
    limits = [name for name, reached in zip(names, fits.at_limit[i], strict=True) if reached]
    if fits.p_constant[i] > _P_NO_EFFECT:
        reasons = [
            f"accuracy does not fall with the noise (P = {fits.p_constant[i]:.2g}): {mean_accuracy:.2f} on "
            f"average, {fits.model.guess:.2f} by guessing"
        ]
        values[:], ends[:] = np.nan, (0.0, np.inf)
        remark = ""
    else:
        unknown = (ends[:, 0] == 0) & np.isinf(ends[:, 1]) | ~np.isfinite(values)
        if gain.explicit:
            unknown |= fits.at_limit[i, :N_FEATURES]
        values[unknown] = np.nan
        reasons = _reasons(unknown, limits, gain.explicit, bool(theta[4] > 0))
        remark = (
            "" if "top" not in limits or theta[4] < 0 else "no error without noise: the top is at its limit"
        )
    errors = errors * [1.0, np.log(2.0), 1.0] * values
    first, second, third = (float(error) if error > 0 else np.nan for error in errors)
    intervals = [(float(lo), float(hi)) for lo, hi in ends]
    return Channel(
        float(values[0]),
        intervals[0],
        float(values[1]),
        intervals[1],
        float(values[2]),
        intervals[2],
        estimator="ml",
        identified=not reasons,
        reason="; ".join(filter(None, [*reasons, remark])),
        n_trials=n_trials,
        confidence=confidence,
        standard_errors=(first, second, third),
        steepness=float(np.exp(theta[3])),
        top_accuracy=float(top_accuracy(theta, round(1 / fits.model.guess))),
        deviance=float(fits.deviance[i]),
        df=float(fits.df[i]),
        gain_name=gain.name,
        weight=weight,
        at_limit=tuple(limits),
        model=fits.model,
        parameters=tuple(theta.tolist()),
    )


def _in_units(features: Array) -> Array:
    return np.array([np.exp(features[0]), 2.0 ** features[1], np.exp(features[2])])


def _reasons(
    unknown: NDArray[np.bool_], limits: Sequence[str], explicit: bool, top_is_perfect: bool
) -> list[str]:
    """Why the channel is not identified: first what the counts do not determine, then what lies on a limit."""
    missing = [name for name, is_missing in zip(_NAMES, unknown, strict=False) if is_missing]
    reasons = [f"the counts do not determine the {' and the '.join(missing)}"] if missing else []
    aside = [name for name in limits if name not in _NAMES[: N_FEATURES if explicit else 0]]
    aside = [name for name in dict.fromkeys(aside) if name != "top" or not top_is_perfect]
    if aside:
        reasons.append(
            f"the {' and the '.join(aside)} {'are' if len(aside) > 1 else 'is'} at the limit, so that intervals may be "
            f"too narrow"
        )
    return reasons
