"""Features over time: columns, the moments that they stand for, and how far around these they hear."""

from __future__ import annotations

from dataclasses import dataclass

from cogattn.eeg.types import FloatArray


@dataclass(frozen=True)
class Columns:
    """Features over time.

    Parameters
    ----------
    times_s : array, shape (n_columns,)
        Middle of each column in seconds from the sound's start, rising.
    values : array, shape (n_columns, n_features)
        Features.
    past_s, future_s : float
        How far before and after its middle a column hears.
    """

    times_s: FloatArray
    values: FloatArray
    past_s: float
    future_s: float
