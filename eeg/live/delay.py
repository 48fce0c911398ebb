"""How late a decision is about what is heard: every part, and their sum."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Delay:
    """Seconds between a moment of listening and the decision about it, part by part.

    Parameters
    ----------
    lag_s : float
        The decoder's last lag: the EEG that it needs after the sound.
    resampling_s : float
        What the resamplers must see ahead.
    filter_s : float
        Energy centroid of the band-pass's impulse response: how late, on average, the band comes through.
    hop_s : float
        Mean wait for the next decision: half a hop.
    computing_s : float
        Measured; 0 before anything was.
    window_s : float
        Length of a decision's window, *not* in the sum: evidence about a moment goes on to come in for so long.
    """

    lag_s: float
    resampling_s: float
    filter_s: float
    hop_s: float
    computing_s: float
    window_s: float

    @property
    def total_s(self) -> float:
        """The sum of all parts but the window."""
        return self.lag_s + self.resampling_s + self.filter_s + self.hop_s + self.computing_s

    def text(self) -> str:
        """One line: the sum, then its parts in milliseconds."""
        parts = {
            "lag": self.lag_s,
            "resampling": self.resampling_s,
            "filter": self.filter_s,
            "half a hop": self.hop_s,
            "computing": self.computing_s,
        }
        listed = " + ".join(f"{name} {1000 * value:.3g}" for name, value in parts.items())
        return f"delay {1000 * self.total_s:.0f} ms ({listed}), and the window of {self.window_s:g} s"
