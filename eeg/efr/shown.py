"""What was heard and recorded behind a row: envelope and EEG of its channel, and what both hold about its frequency.

The listener's recording is read or drawn, and transformed, as the cell did it, for the row's channel alone. Rows that
are of many channels, of pairs, of bands, of a spatial filter or of F0 stand for no single channel and show none.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from cogattn.eeg.efr import plan, steady
from cogattn.eeg.efr.analysis import short_time
from cogattn.eeg.efr.config import EfrConfig, SteadyStateSettings
from cogattn.eeg.efr.plan import Task
from cogattn.eeg.efr.response import PathResponse, path_response
from cogattn.eeg.efr.spectra import SegmentSpectra
from cogattn.eeg.efr.sweep_cutting import by_polarity, cut_sweeps, sweeps_behind
from cogattn.eeg.efr.sweeps import Growth, growth
from cogattn.eeg.efr.trials import loaded
from cogattn.eeg.recordings.places import STIMULUS
from cogattn.eeg.recordings.recording import Recording
from cogattn.eeg.types import FloatArray
from cogattn.exhibits import Series, Shown

Value = str | int | float | bool

N_CYCLES, LONGEST_S = 10, 2.0
"""Of the row's frequency that are drawn over time, and how long that may be at most."""
ABOUT_HZ = 10.0
"""Drawn on either side of the frequency."""
TASKS: Mapping[str, Task] = {
    "spectrum": "following", "detection": "steady_state", "amplitude": "steady_state", "growth": "steady_state",
}  # fmt: skip
"""Tables whose rows are of one channel and frequency, and the task that fills them."""
MICROVOLTS = 1e6


def stimulus(config: EfrConfig, task: str, trial: Mapping[str, object]) -> Shown | None:
    """Return the envelope, the EEG of a row's channel, and what they hold about the row's frequency.

    Parameters
    ----------
    config : EfrConfig
        The run's.
    task : str
        ``spectrum``: the recording's beginning, both spectra, and their coherence; ``detection``, ``amplitude`` and
        ``growth``: the average over sweeps, as many as the row counts, and its spectrum beside noise. Others: nothing.
    trial : mapping
        A row of that table.

    Returns
    -------
    Shown or None
        None where the run has no such listener, channel or response, or the recording holds averages.

    Raises
    ------
    ConfigError, DataError
        If the recording is missing or damaged.
    """
    cell = next(
        (
            one
            for one in plan.cells(config)
            if (one.task, one.observer) == (TASKS.get(task), trial["observer"])
        ),
        None,
    )
    if cell is None:
        return None
    own = plan.relevant(config, cell)
    recording = loaded(own, cell)
    if trial["channel"] not in recording.channels:
        return None
    if own.steady_state is not None:
        return _of_sweeps(own, own.steady_state, recording, trial)
    return _of_recording(own, recording, trial)


# ---- the whole recording


def _of_recording(config: EfrConfig, recording: Recording, trial: Mapping[str, object]) -> Shown:
    column = recording.channels.index(str(trial["channel"]))
    frequency_hz = float(str(trial["frequency_hz"]))
    low, high = config.spectrum.low_hz, config.spectrum.high_hz
    band_hz = max(low, frequency_hz - ABOUT_HZ), min(high, frequency_hz + ABOUT_HZ)
    heard, eeg = (
        short_time(signals, recording.sfreq, config.spectrum).within(band_hz)
        for signals in (
            [envelope[:, None] for envelope in recording.stream(STIMULUS)],
            [one[:, [column]] for one in recording.eeg],
        )
    )
    response = path_response(heard, eeg)
    return Shown(
        (
            _beginning(recording, column, frequency_hz),
            _spectra(heard, eeg, recording.channels[column], frequency_hz),
            _coherence(response, frequency_hz),
        ),
        _facts_of_recording(recording, response, trial),
    )


def _beginning(recording: Recording, column: int, frequency_hz: float) -> Series:
    """The first cycles of the first trial."""
    first = recording.trials[0]
    n = min(_n_drawn(frequency_hz, recording.sfreq), len(first.eeg))
    channel = recording.channels[column]
    return Series(
        x=first.start_s + np.arange(n) / recording.sfreq,
        lines={
            "envelope of the sound": _standard(first.streams[STIMULUS][:n]),
            f"EEG, {channel}": _standard(first.eeg[:n, column]),
        },
        x_label="time (s)",
        y_label="over its own SD",
        caption=f"The beginning of the recording: the envelope of what was heard, and the EEG at {channel}.",
    )


def _spectra(heard: SegmentSpectra, eeg: SegmentSpectra, channel: str, frequency_hz: float) -> Series:
    named = {"envelope of the sound": heard.power[0], f"EEG, {channel}": eeg.power[0]}
    return Series(
        x=eeg.frequencies_hz,
        lines={name: 10 * np.log10(power / power.mean()) for name, power in named.items()},
        x_label="frequency (Hz)",
        y_label="power (dB re mean)",
        marks=(frequency_hz,),
        caption="Power densities of envelope and EEG about the frequency, each over its mean in what is drawn.",
    )


def _coherence(response: PathResponse, frequency_hz: float) -> Series:
    return Series(
        x=response.frequencies_hz,
        lines={"with the envelope": response.debiased[0]},
        x_label="frequency (Hz)",
        y_label="squared coherence",
        marks=(frequency_hz,),
        caption="Squared coherence of the EEG with the envelope, its bias removed; the line marks the frequency.",
    )


def _facts_of_recording(
    recording: Recording, response: PathResponse, trial: Mapping[str, object]
) -> dict[str, Value]:
    frequency_hz = float(str(trial["frequency_hz"]))
    here = float(np.interp(frequency_hz, response.frequencies_hz, response.debiased[0]))
    unit = "µV²/Hz" if recording.unit == "V" else "arbitrary unit"
    scale = MICROVOLTS**2 if recording.unit == "V" else 1.0
    return {
        **_place(recording, trial),
        "seconds analysed": round(sum(map(len, recording.eeg)) / recording.sfreq, 2),
        "squared coherence": round(here, 4),
        "exceeded by 5 % of chance": _number(trial["chance"]),
        "q": _number(trial["q"]),
        f"EEG power ({unit})": _number(scale * float(str(trial["power"]))),
        "masked as mains": not trial["usable"],
        **_differs("coherence", here, trial, smallest=1e-4),
    }


# ---- sweeps


def _of_sweeps(
    config: EfrConfig, settings: SteadyStateSettings, recording: Recording, trial: Mapping[str, object]
) -> Shown | None:
    if recording.intake.how == "averages":
        return None
    bounds = {"reject_uv": config.cleaning.reject_uv, "flat_uv": config.cleaning.flat_uv}
    sweeps = cut_sweeps(recording, settings, **bounds)
    column = recording.channels.index(str(trial["channel"]))
    parted = by_polarity(sweeps.eeg[:, [column]], sweeps.inverted, recording.subject)
    if trial["response"] not in parted:
        return None
    response = str(trial["response"])
    own = parted[response][: int(str(trial["n"])) // sweeps_behind(response)]  # (sweep or pair, 1, time)
    frequency_hz = float(str(trial["frequency_hz"]))
    frequencies_hz = _bins(frequency_hz, own.shape[-1], recording.sfreq)
    grown = growth(steady.amplitudes_at(own, recording.sfreq, frequencies_hz)[:, 0], [len(own)])
    at = int(np.argmin(np.abs(frequencies_hz - frequency_hz)))
    parts = (
        *_heard(recording, settings, frequency_hz),
        _average(own.mean(axis=(0, 1)), recording, str(trial["channel"]), frequency_hz),
        _about(frequencies_hz, grown, recording, frequency_hz),
    )
    return Shown(parts, _facts_of_sweeps(recording, grown, at, trial))


def _bins(frequency_hz: float, n_times: int, sfreq: float) -> FloatArray:
    """Frequencies of whole cycles in a sweep about the rate."""
    bins_hz = np.fft.rfftfreq(n_times, 1 / sfreq)
    near = np.abs(bins_hz - frequency_hz) <= max(ABOUT_HZ, 3 * bins_hz[1])
    return bins_hz[near & (bins_hz > 0) & (bins_hz < sfreq / 2)]


def _heard(recording: Recording, settings: SteadyStateSettings, frequency_hz: float) -> list[Series]:
    """The envelope of the first sweep; none where nothing tells what was heard."""
    if STIMULUS not in recording.trials[0].streams:
        return []
    heard = steady.heard(recording, settings)[: _n_drawn(frequency_hz, recording.sfreq)]
    return [
        Series(
            x=np.arange(len(heard)) / recording.sfreq,
            lines={"envelope of the sound": heard},
            x_label="time in the sweep (s)",
            y_label="envelope",
            caption="What was heard in a sweep: the envelope of the sound.",
        )
    ]


def _average(average: FloatArray, recording: Recording, channel: str, frequency_hz: float) -> Series:
    scale, unit = _unit(recording)
    drawn = scale * average[: _n_drawn(frequency_hz, recording.sfreq)]
    return Series(
        x=np.arange(len(drawn)) / recording.sfreq,
        lines={channel: drawn},
        x_label="time in the sweep (s)",
        y_label=f"average EEG ({unit})",
        caption=f"The average over sweeps at {channel}.",
    )


def _about(frequencies_hz: FloatArray, grown: Growth, recording: Recording, frequency_hz: float) -> Series:
    scale, unit = _unit(recording)
    return Series(
        x=frequencies_hz,
        lines={
            "average of the sweeps": scale * grown.amplitude[0],
            "noise to be expected": scale * grown.noise[0],
        },
        x_label="frequency (Hz)",
        y_label=f"amplitude ({unit})",
        marks=(frequency_hz,),
        caption="Spectrum of the average about the frequency, beside what noise alone would leave, from the scatter "
        "of the sweeps; the line marks the frequency.",
    )


def _facts_of_sweeps(
    recording: Recording, grown: Growth, at: int, trial: Mapping[str, object]
) -> dict[str, Value]:
    scale, unit = _unit(recording)
    amplitude = float(grown.amplitude[0, at])
    return {
        **_place(recording, trial),
        "response": str(trial["response"]),
        "sweeps averaged": int(grown.n_sweeps[0]) * sweeps_behind(str(trial["response"])),
        f"amplitude ({unit})": round(scale * amplitude, 4),
        f"noise of the average ({unit})": round(scale * float(grown.noise[0, at]), 4),
        "signal to noise (dB)": round(float(grown.snr_db[0, at]), 2),
        **({"detector": str(trial["detector"])} if "detector" in trial else {}),
        **({"p": _number(trial["p"])} if "p" in trial else {}),
        **_differs("amplitude", amplitude, trial, smallest=0.0),
    }


# ---- both


def _place(recording: Recording, trial: Mapping[str, object]) -> dict[str, Value]:
    return {
        "listener": recording.subject,
        "electrode": str(trial["channel"]),
        "frequency (Hz)": float(str(trial["frequency_hz"])),
    }


def _differs(name: str, here: float, trial: Mapping[str, object], *, smallest: float) -> dict[str, Value]:
    """Say so where a column of the row is not what comes out here."""
    told = float(str(trial.get(name, here)))
    if math.isclose(here, told, rel_tol=1e-3, abs_tol=smallest):
        return {}
    return {"differs": f"the run's {name} was {told:.4g}: the recording is not that of the run"}


def _n_drawn(frequency_hz: float, sfreq: float) -> int:
    return max(2, round(min(N_CYCLES / frequency_hz, LONGEST_S) * sfreq))


def _unit(recording: Recording) -> tuple[float, str]:
    return (MICROVOLTS, "µV") if recording.unit == "V" else (1.0, "arbitrary unit")


def _standard(signal: FloatArray) -> FloatArray:
    return (signal - signal.mean()) / (signal.std() or 1.0)


def _number(value: object) -> Value:
    number = float(str(value))
    return float(f"{number:.3g}") if math.isfinite(number) else "none"
