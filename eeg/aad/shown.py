"""What was heard and recorded in a trial: both talkers, EEG and, of a decision, what was decoded of its window.

The listener's recording is read or drawn, and prepared, as the cell did it. Decoders that are linear are solved again,
from trials other than the one that is looked at, so that the envelope by which a window was decided lies beside those
of the talkers; others are not fitted again, nor is any that has learned from all other listeners.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from cogattn.eeg.aad import plan
from cogattn.eeg.aad.config import LINEAR, AadConfig, DecoderName
from cogattn.eeg.aad.decoding import reconstructions
from cogattn.eeg.aad.features import first_feature
from cogattn.eeg.aad.lines import eeg_lines, envelope_lines, standard
from cogattn.eeg.aad.plan import DecodingCell, TrainOn
from cogattn.eeg.aad.pool import Pool, pool_and_recording
from cogattn.eeg.aad.scorers import by_reconstruction
from cogattn.eeg.aad.trials import SHORTEST_Z
from cogattn.eeg.recordings.files import listeners
from cogattn.eeg.recordings.recording import Recording
from cogattn.eeg.types import FloatArray
from cogattn.exhibits import Series, Shown

Value = str | int | float | bool

LONGEST_S = 10.0
"""So much of a window or trial is drawn at most, its first seconds."""
SAME = 1e-3
"""Margins that differ by less are the same."""
TABLES = ("window", "trial", "feature", "enhancement", "encoding", "ceiling")
"""Whose rows are of one trial of one listener."""


@dataclass(frozen=True)
class Stretch:
    """A part of a listener's trials.

    Parameters
    ----------
    pool : Pool
        The listener's trials as they were decoded.
    recording : Recording
        The same with names and labels.
    piece : int
        Which piece of a trial.
    start, stop : int
        Its samples.
    """

    pool: Pool
    recording: Recording
    piece: int
    start: int
    stop: int

    @property
    def start_s(self) -> float:
        """Seconds from the trial's onset."""
        return self.recording.trials[self.piece].start_s + self.start / self.pool.sfreq

    @property
    def duration_s(self) -> float:
        """Seconds."""
        return (self.stop - self.start) / self.pool.sfreq

    @property
    def n_drawn(self) -> int:
        """Samples that are drawn."""
        return min(self.stop - self.start, round(LONGEST_S * self.pool.sfreq))

    @property
    def times_s(self) -> FloatArray:
        """Of the samples that are drawn, from the trial's onset, (n_drawn,)."""
        return self.start_s + np.arange(self.n_drawn) / self.pool.sfreq

    def of(self, signal: FloatArray) -> FloatArray:
        """The part of a signal of the piece, (n_times, ...)."""
        return signal[self.start : self.stop]


def stimulus(config: AadConfig, task: str, trial: Mapping[str, object]) -> Shown | None:
    """Return both talkers' envelopes, the EEG, and of a decision what was decoded and what came of it.

    Parameters
    ----------
    config : AadConfig
        The run's.
    task : str
        Table of the trial; ``window`` shows the decision window, others their trial. A listener's response belongs to
        all trials and shows none.
    trial : mapping
        A row of that table.

    Returns
    -------
    Shown or None
        None where the run has no such listener, trial or window.

    Raises
    ------
    ConfigError, DataError
        If recordings are missing or damaged.
    """
    who = str(trial.get("listener", ""))
    if task not in TABLES or who not in listeners(config.recordings):
        return None
    cell = _decoding_cell(config, who, str(trial.get("decoder", "")))
    own = plan.relevant(config, cell or plan.ResponseCell(label="", task="response", observer=who))
    own = own.model_copy(update={"validation": "trial"}) if own.validation == "subject" else own
    stretch = _stretch(own, who, trial)
    if stretch is None:
        return None
    decided = task in ("window", "trial")
    solved = decided and cell is not None and cell.decoder in LINEAR and config.validation != "subject"
    decoded = _decoded(own, who, cell.decoder, cell.train_on) if cell is not None and solved else {}
    return Shown(
        (
            _envelopes(own, stretch, decoded),
            eeg_lines(
                stretch.of(stretch.recording.eeg[stretch.piece])[: stretch.n_drawn],
                stretch.times_s,
                stretch.recording,
                own.preprocessing,
            ),
        ),
        {**_place(stretch, trial), **dict(_decision(stretch, decoded, task, trial))},
    )


def _decoding_cell(config: AadConfig, who: str, decoder: str) -> DecodingCell | None:
    """The cell in which a listener was decoded by a decoder that has this id; None where none was."""
    cells = (cell for cell in plan.plan(config, [who]) if isinstance(cell, DecodingCell))
    return next((cell for cell in cells if cell.reader.id == decoder), None)


@lru_cache(maxsize=2)
def _pool(config: AadConfig, who: str) -> tuple[Pool, Recording]:
    """A listener's trials, kept for the next ones that are looked at."""
    return pool_and_recording(config, who)


@lru_cache(maxsize=4)
def _decoded(config: AadConfig, who: str, decoder: DecoderName, train_on: TrainOn) -> dict[int, FloatArray]:
    """What is decoded of each piece by its left-out decoder, (n_times,) or (n_times, n_features)."""
    return reconstructions(config, _pool(config, who)[0], decoder, train_on=train_on)


def _stretch(config: AadConfig, who: str, trial: Mapping[str, object]) -> Stretch | None:
    """The window of a row, or the first piece of its trial."""
    pool, recording = _pool(config, who)
    pieces = [k for k in pool.own if pool.facts[k].trial == trial["trial"]]
    if "window" not in trial:
        return Stretch(pool, recording, pieces[0], 0, len(pool.eeg[pieces[0]])) if pieces else None
    length, number = round(float(str(trial["window_s"])) * pool.sfreq), int(str(trial["window"]))
    for k in pieces:
        n_windows = len(pool.eeg[k]) // length
        if number < n_windows:
            return Stretch(pool, recording, k, number * length, (number + 1) * length)
        number -= n_windows
    return None


# ---- lines


def _envelopes(config: AadConfig, stretch: Stretch, decoded: Mapping[int, FloatArray]) -> Series:
    k, pool = stretch.piece, stretch.pool
    lines = {"attended": pool.attended[k], "ignored": pool.unattended[k]}
    if decoded:
        lines = {"decoded from EEG": decoded[k], **lines}
    feature, step = config.features[0], config.preprocessing
    what = {"envelope": "Envelopes", "onsets": "Onsets", "bands": "Envelopes of the lowest band"}[feature]
    beside = ", and what is decoded from the EEG by a decoder that has not seen the trial" if decoded else ""
    return envelope_lines(
        {name: standard(stretch.of(first_feature(line)))[: stretch.n_drawn] for name, line in lines.items()},
        stretch.times_s,
        caption=f"{what} of the two talkers from {step.low_hz:g} to {step.high_hz:g} Hz{beside}, each over its own SD.",
    )


# ---- facts


def _place(stretch: Stretch, trial: Mapping[str, object]) -> dict[str, Value]:
    """Who, when, and whom the listener was to follow."""
    labels = stretch.recording.trials[stretch.piece].labels
    part = "" if stretch.duration_s <= LONGEST_S else f"; the first {LONGEST_S:g} s are drawn"
    return {
        "listener": str(trial["listener"]),
        "trial": str(trial["trial"]),
        "seconds": f"{stretch.start_s:g} to {stretch.start_s + stretch.duration_s:g}{part}",
        **({"attended talker": labels["speaker"]} if labels.get("speaker") else {}),
        **({"decoder": str(trial["decoder"])} if "decoder" in trial else {}),
    }


def _decision(
    stretch: Stretch, decoded: Mapping[int, FloatArray], task: str, trial: Mapping[str, object]
) -> Iterator[tuple[str, Value]]:
    """What the row says of it and, where the envelope is decoded again, by which correlations."""
    if task == "trial":
        yield "score of the attended talker, whole trial", _rounded(trial["attended"])
        yield "score of the ignored talker, whole trial", _rounded(trial["unattended"])
    if task != "window":
        return
    margin = float(str(trial["margin"]))
    if decoded:
        first, second = _correlations(stretch, decoded)
        yield "correlation with the attended talker", round(first, 4)
        yield "correlation with the ignored talker", round(second, 4)
        here = float(np.diff(np.arctanh(np.clip([second, first], -SHORTEST_Z, SHORTEST_Z)))[0])
        if abs(here - margin) > SAME:
            yield (
                "differs",
                f"here the margin came out as {here:.4f}: the recordings are not those of the run",
            )
    yield "margin for the attended talker", round(margin, 4)
    yield "decided for", str(trial["response"])
    yield "right", {1.0: "yes", 0.0: "no"}.get(float(str(trial["correct"])), "half: a tie")


def _correlations(stretch: Stretch, decoded: Mapping[int, FloatArray]) -> tuple[float, float]:
    """Of what is decoded in a window with either talker, over all features, as the run scored them."""
    k, pool = stretch.piece, stretch.pool
    scorer = by_reconstruction(stretch.of(decoded[k]), pool.sfreq)
    sounds = [stretch.of(pool.attended[k]), stretch.of(pool.unattended[k])]
    first, second = scorer(sounds, stretch.duration_s)[:, 0]
    return float(first), float(second)


def _rounded(value: object) -> Value:
    number = float(str(value))
    return round(number, 4) if math.isfinite(number) else "none"
