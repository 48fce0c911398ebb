"""What the study measures: keys that tables join on, units, labels; of one listener first, then of a group."""

from __future__ import annotations

from cogattn.eeg.encoding.measures import MODULATION
from cogattn.measures import Measure

AS_RECORDED = "as recorded"
"""The response where polarities are not parted."""

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

ALL = (
    FOLLOWED, COHERENCE, PEAK, GAIN_ERROR, RESPONSE, SWEEPS, *F0.values(), FOLLOWING, PUBLISHED, DETECTED,
    *MODULATION,
)  # fmt: skip
"""What listeners may have been measured by, each as it is or under parameters."""


def peak_of(curve: str, low_hz: float, high_hz: float) -> Measure:
    """Dominant band's peak within a published band: ``peak.response.8-11``."""
    span = f"{low_hz:g}-{high_hz:g}"
    return PEAK.at(curve, span, label=f"{curve} peak at {span} Hz")


def published_of(curve: str) -> Measure:
    """Share of a curve's published bands that are reproduced: ``published.csd``."""
    return PUBLISHED.at(curve, label=f"published {curve} bands")


def response_at(rate_hz: float, response: str) -> Measure:
    """Channels that respond at a rate: ``response.40``, or ``response.40.envelope`` where polarities are parted."""
    return RESPONSE.at(rate_hz, *_of(response), label=f"response at {rate_hz:g} Hz{_words(response)}")


def detected_at(rate_hz: float | None, response: str) -> Measure:
    """Listeners who respond at a rate, or at any harmonic where none is given: ``detected.40``."""
    at = () if rate_hz is None else (rate_hz,)
    place = "" if rate_hz is None else f" at {rate_hz:g} Hz"
    return DETECTED.at(*at, *_of(response), label=f"response{place}{_words(response)}")


def tracked(score: str, response: str) -> Measure:
    """Score of the tracked F0: ``f0.tracking``, ``f0.tracking.envelope``."""
    return F0[score].at(*_of(response), label=f"{F0[score].label}{_words(response)}")


def _of(response: str) -> tuple[str, ...]:
    return () if response == AS_RECORDED else (response,)


def _words(response: str) -> str:
    return "" if response == AS_RECORDED else f", {response}"
