"""What the study measures: keys that tables join on, units, labels; of one listener first, then of a group."""

from __future__ import annotations

from cogattn.eeg.efr.sweep_cutting import AS_RECORDED
from cogattn.eeg.encoding.measures import MODULATION
from cogattn.measures import Measure

FOLLOWED = Measure("followed", "share", "followed", scale="share")
COHERENCE = Measure("coherence.largest", "squared coherence", "largest coherence", scale="share")
PEAK = Measure("peak", "Hz", "peak", scale="log")
GAIN_ERROR = Measure("gain_error", "%", "error of the gain")
RESPONSE = Measure("response", "share of channels", "response", scale="share")
SWEEPS = Measure("sweeps_needed", "sweeps", "sweeps needed", scale="log")
F0 = {
    "strength": Measure("f0.strength", "r", "F0 strength", scale="correlation"),
    "error_hz": Measure("f0.error", "Hz", "F0 error"),
    "correlation": Measure("f0.tracking", "r", "F0 tracking", scale="correlation"),
}
"""By the score of table ``pitch_score``."""

FOLLOWING = Measure("following", "share of listeners", "following the envelope", scale="share")
PUBLISHED = Measure("published", "share of bands", "published bands", scale="share")
DETECTED = Measure("detected", "share of listeners", "response", scale="share")

OF_ONE = (FOLLOWED, COHERENCE, PEAK, GAIN_ERROR, RESPONSE, SWEEPS, *F0.values())
ALL = (*OF_ONE, FOLLOWING, PUBLISHED, DETECTED, *MODULATION)
"""What listeners may have been measured by, each as it is or under parameters."""


CURVES = {"csd": "cross-spectrum"}
"""What a reader calls a curve that is not called by its key."""


def peak_of(curve: str, low_hz: float, high_hz: float) -> Measure:
    """Dominant band's peak within a published band: ``peak.response.8-11``."""
    span = f"{low_hz:g}-{high_hz:g}"
    return PEAK.at(curve, span, label=f"{CURVES.get(curve, curve)} peak at {span} Hz")


def published_of(curve: str) -> Measure:
    """Share of a curve's published bands that are reproduced: ``published.csd``."""
    return PUBLISHED.at(curve, label=f"published {CURVES.get(curve, curve)} bands")


def of_response(measure: Measure, response: str, rate_hz: float | None = None) -> Measure:
    """Measure at a rate, or at any: ``response.40``; ``detected.40.envelope`` where polarities are parted."""
    rate = () if rate_hz is None else (rate_hz,)
    part = () if response == AS_RECORDED else (response,)
    label = measure.label + "".join(f" at {r:g} Hz" for r in rate) + "".join(f", {p}" for p in part)
    return measure.at(*rate, *part, label=label)
