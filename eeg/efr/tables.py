"""Trial tables of the study: what a cell leaves, one table for each kind of estimate.

A cell of task ``following`` fills recording, spectrum, curve, band, reported, mains, smoothness, over_time and pair;
one of task ``steady_state`` recording, sweeps, detection, amplitude, growth, growth_map, lock where a rate cannot be
tested and, where F0 is tracked, pitch and pitch_score.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from cogattn.eeg.encoding.plan import MODULATION
from cogattn.eeg.recordings.intake import INTAKE
from cogattn.study import Schema

if TYPE_CHECKING:
    import pandas as pd

TYPES = (
    dict.fromkeys(("observer", "channel", "other", "measure", "reported", "verdict", "reason", "kind"), "str")
    | dict.fromkeys(("response", "detector", "advice", "track", "score"), "str")
    | dict.fromkeys(("usable", "touches_mask", "masked", "testable"), "bool")
    | dict.fromkeys(("n", "used", "short", "bad", "rejected", "unpaired"), "int64")
)
"""Of columns by name; every other column is a float64."""


def _schema(columns: str) -> Schema:
    return {name: TYPES.get(name, "float64") for name in ("observer", *columns.split())}


TABLES: Mapping[str, Schema] = {
    "recording": INTAKE,
    "modulation": MODULATION,  # of front ends
    # Channels and frequencies. Power in unit^2 / Hz; coherence is debiased; ``chance`` is what 5 % of surrogates
    # exceed and ``chance_mean`` their mean, neither debiased; n counts segments.
    "spectrum": _schema(
        "channel frequency_hz usable power coherence coherence_lo coherence_hi p p_counted q chance chance_mean "
        "gain gain_lo gain_hi phase_rad n"
    ),
    # Frequencies: ``measure`` response, transfer, csd (dB over background) or following (mean coherence).
    "curve": _schema("measure frequency_hz usable value lo hi n"),
    # Dominant bands of each curve; ``followed`` of their usable frequencies some channel follows the envelope.
    "band": _schema(
        "measure low_hz high_hz peak_hz peak_lo_hz peak_hi_hz height height_lo height_hi touches_mask followed n"
    ),
    # Published bands beside ours: ``measure`` is our curve, ``reported`` the published one.
    "reported": _schema(
        "measure reported reported_low_hz reported_high_hz verdict reason low_hz high_hz peak_hz peak_lo_hz "
        "peak_hi_hz channels_following pairs_with_lagged_coupling n"
    ),
    # Mains of 50 and 60 Hz, harmonics too: ``kind`` line, notch or none; level relative to the surroundings.
    "mains": _schema("kind frequency_hz low_hz high_hz level_db masked"),
    # See `PathResponse.misfit`; no row where the transfer function was not smoothed.
    "smoothness": _schema("misfit"),
    # Root mean square over channels of the gain in each stretch.
    "over_time": _schema("time_s frequency_hz usable gain"),
    # Pairs of channels in each named band; q is of lagged coupling, the least within the band.
    "pair": _schema("channel other low_hz high_hz coherence imaginary wpli_squared q n"),
    # Tests of a rate and its harmonics; q over channels and harmonics of one detector and response; n counts sweeps.
    "detection": _schema("response detector channel frequency_hz statistic p q testable n"),
    # Rates that are not testable: the line of mains that would be called a response, how much of its amplitude the
    # average keeps, and what would help.
    "lock": _schema("response rate_hz line_hz kept advice"),
    # Sweeps used, and lost (see `Sweeps`).
    "sweeps": _schema("used short bad rejected unpaired fitting_s"),
    # What is not a test: amplitude of the mean, its ratio to neighbouring bins, pairwise phase consistency.
    "amplitude": _schema("response channel frequency_hz amplitude snr_db ppc n"),
    # T2circ and its signal to noise in the first n sweeps.
    "growth": _schema("response channel frequency_hz n snr_db p"),
    # Signal to noise of the power over all channels at every frequency of a sweep.
    "growth_map": _schema("response frequency_hz n snr_db"),
    # F0 over time: ``track`` stimulus or response.
    "pitch": _schema("response track time_s f0_hz strength n"),
    # ``score`` strength, error_hz or correlation; p by sign-flipped averages; n counts sweeps.
    "pitch_score": _schema("response score value lo hi p n"),
}
"""Columns and types of every trial table."""


def typed(table: str, rows: pd.DataFrame) -> pd.DataFrame:
    """Return rows with exactly the columns that `table` declares, in that order and of those types."""
    schema = TABLES[table]
    return rows[list(schema)].astype(dict(schema)).reset_index(drop=True)
