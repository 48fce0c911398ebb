"""What must be said above the numbers: what was lost, what cannot be tested, what a verdict is worth."""

from __future__ import annotations

from collections.abc import Iterator
from typing import cast

from cogattn.eeg.efr.config import EfrConfig
from cogattn.eeg.efr.findings import is_null
from cogattn.eeg.efr.pitch import N_DRAWS
from cogattn.eeg.recordings.config import SimulatedPath
from cogattn.eeg.recordings.intake import intake_remarks
from cogattn.study import Trials

LARGEST_MISFIT = 1.2
"""Of a smoothed transfer function, before the reader is told."""
LOSSES = {
    "short": "belong to trials that are shorter than a sweep",
    "bad": "lie around what was left out of the recording",
    "rejected": "are rejected for their peak-to-peak amplitude",
    "unpaired": "lack one of the other polarity",
}
NOT_THEIRS = (
    "The published preprocessing, electrodes and formulae are not available; these are our own, so a verdict "
    "speaks of the data given, not of the published recordings."
)
COUPLED = (
    "coherence between channels is raised by volume conduction and a common reference; only lagged measures "
    "(imaginary coherency, wPLI) speak of coupling"
)
AVERAGED = (
    "averages over sweeps are tested against neighbouring frequencies alone (F-test): how sweeps scatter, how a "
    "response grows with their number and how F0 is tracked against chance cannot be known from them"
)


def remarks(config: EfrConfig, trials: Trials) -> Iterator[str]:
    """Yield the sentences, what was lost first."""
    yield from _of_sweeps(trials)
    yield from _of_locks(trials)
    if len(trials["detection"]) and (trials["recording"]["how"] == "averages").any():
        yield AVERAGED
    yield from _of_simulation(config)
    yield from intake_remarks(trials["recording"])
    if len(trials["spectrum"]):
        yield NOT_THEIRS
        yield from _of_mains(config, trials)
        yield from _of_bands(trials)
        yield COUPLED
    least = 1 / (1 + N_DRAWS)
    if len(trials["pitch_score"]) and config.significance.alpha < least:
        yield f"the least p that the tracking of F0 can reach is {least:g}, above alpha"


def _of_sweeps(trials: Trials) -> Iterator[str]:
    """How many sweeps were lost, and to what."""
    for row in trials["sweeps"].to_dict("records"):
        lost = {why: int(row[why]) for why in LOSSES if row[why]}
        if lost:
            total, taken = row["used"] + sum(lost.values()), [f"{n} {LOSSES[why]}" for why, n in lost.items()]
            length = f"steady_state.sweep_s = {row['fitting_s']:.6g}"
            fits = f"; {length} would fit them" if row["fitting_s"] > 0 else ""
            yield f"{row['observer']}: {row['used']} of {total} sweeps are used: {', '.join(taken)}{fits}"


def _of_locks(trials: Trials) -> Iterator[str]:
    """Which rates cannot be told from mains, and what would help."""
    for key, own in trials["lock"].groupby(["rate_hz", "line_hz", "response"]):
        rate, line, response = cast(tuple[float, float, str], key)
        yield (
            f"{', '.join(dict.fromkeys(own['observer']))}: {rate:g} Hz ({response}) is not testable here: mains at "
            f"{line:g} Hz keep their phase from sweep to sweep and would pass for a response; what would help: "
            f"{own['advice'].iloc[0]}"
        )


def _of_simulation(config: EfrConfig) -> Iterator[str]:
    """What a simulation can and cannot show."""
    source = config.recordings
    if isinstance(source, SimulatedPath) and config.following:
        what = "envelopes near 5, 40 and 90 Hz" if source.strength else "nothing"
        yield (
            f"The listeners are simulated: they follow {what} and were not built to have the published bands, so a "
            "band that is not reproduced here says nothing about people."
        )
    if config.steady_state is not None and is_null(config):
        rate = config.steady_state.modulation_hz
        yield f"Nothing in the simulation responds to {rate:g} Hz: that row is a null, and the right answer is none."


def _of_mains(config: EfrConfig, trials: Trials) -> Iterator[str]:
    """Notches, lines of the other country, and lines that are left in."""
    rows, own = trials["mains"], config.mains.mains_hz
    notches = set(rows.loc[rows["kind"] == "notch", "frequency_hz"])
    lines = rows[rows["kind"] == "line"]
    left = set(lines.loc[~lines["masked"], "frequency_hz"])
    foreign = {f for f in lines["frequency_hz"] if own not in ("auto", 0) and f % float(own)} - left
    for what, places, then in (
        ("notch filters", notches, "and masked with their edges"),
        ("mains", left, "and left in, as mains.mains_hz = 0 asks"),
        ("mains", foreign, f"too, which are no multiples of mains.mains_hz = {own}, and masked"),
    ):
        if places:
            yield f"{what} found at {', '.join(f'{f:g}' for f in sorted(places))} Hz {then}"


def _of_bands(trials: Trials) -> Iterator[str]:
    """Peaks of power that no sound drives, and a transfer function that is not as smooth as was assumed."""
    reported, what = trials["reported"], "a band dominates but does not follow the envelope"
    idle = reported[(reported["verdict"] == "not reproduced") & reported["peak_hz"].notna()]
    for who, own in idle.groupby("observer", sort=False):
        spans = dict.fromkeys(
            f"{r.measure} {r.reported_low_hz:g}-{r.reported_high_hz:g} Hz" for r in own.itertuples()
        )
        yield f"{who}: {what}, and is not counted as reproduced: {', '.join(spans)}"
    rough = trials["smoothness"][trials["smoothness"]["misfit"] > LARGEST_MISFIT]
    if len(rough):
        yield (
            f"{', '.join(rough['observer'])}: the transfer function varies faster over frequency than a response "
            f"between the lags can (up to {rough['misfit'].max():.2f} times what noise explains); widen "
            "spectrum.lag_low_s and lag_high_s, or turn spectrum.smooth off"
        )
