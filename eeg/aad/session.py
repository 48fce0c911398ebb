"""Decode one subject: load or simulate, preprocess, audit the split, decode, one row per window.

Columns of the trials: ``observer`` (the decoder, or "ridge, ignored talker"), ``subject``, ``task``
("decoding" or "response"). For decoding ``trial``, ``window_s``, ``window``, ``margin`` (evidence for the
attended talker), ``response`` ("attended", "unattended" or "tie"), ``correct`` (1, 0 or 0.5), ``p``
(permutation over the subject's trials, equal in all rows of a cell). For the response ``channel``, ``lag_s``
and ``amplitude``, the forward model's weights for the attended envelope.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cogattn.eeg.aad.cca import CcaDecoder
from cogattn.eeg.aad.config import AadConfig, FolderSession, SimulatedSession
from cogattn.eeg.aad.forward import ForwardModel
from cogattn.eeg.aad.metrics import correlation, window_margins
from cogattn.eeg.aad.ridge import RidgeDecoder
from cogattn.eeg.aad.significance import permutation_p
from cogattn.eeg.aad.splits import audit_split, enforce, facts_of, leave_one_out_folds
from cogattn.eeg.envelope import Envelope
from cogattn.eeg.readers import read_cnd, read_dtu, read_kul, with_audio
from cogattn.eeg.recording import Recording
from cogattn.eeg.simulate import draw_listener, simulate_recording
from cogattn.errors import ConfigError, DataError
from cogattn.seeds import Streams
from cogattn.study import Cell

FloatArray = NDArray[np.floating]
IGNORED = "ridge, ignored talker"
"""Name of the control."""
SIMULATION_SFREQ = 64.0
_PATTERNS = {"kul": "S*.mat", "dtu": "S*_data_preproc.mat", "cnd": "dataSub*.mat"}


def run(config: AadConfig, cell: Cell, rng: Streams) -> pd.DataFrame:
    """Return the rows of one cell."""
    recording = prepared(config, str(cell["subject"]))
    if cell["decoder"] == "response":
        return _response_rows(recording)
    train_on = str(cell["train_on"])
    observer = IGNORED if train_on == "unattended" else str(cell["decoder"])
    margins = decode(config, recording, str(cell["decoder"]), train_on=train_on)
    p = permutation_p(margins[0], rng.generator("permutation"), n_permutations=config.n_permutations)
    return _decoding_rows(config, recording, observer, margins, p)


def prepared(config: AadConfig, subject: str) -> Recording:
    """Load or draw a subject's recording and preprocess it."""
    raw = _recording(config, subject).checked()
    step = config.preprocessing
    for name in ("attended", "unattended"):
        raw.stream(name)
    if step.average_reference:
        raw = raw.referenced()
    filtered = raw.filtered(step.low_hz, step.high_hz, streams=("attended", "unattended"))
    return filtered.resampled(step.sfreq)


def decode(
    config: AadConfig, recording: Recording, decoder: str, *, train_on: str = "attended"
) -> list[list[FloatArray]]:
    """Margins of all windows, by window length and trial."""
    facts = facts_of(recording)
    folds = leave_one_out_folds(facts, config.validation)
    results: list[list[FloatArray]] = [[np.empty(0)] * len(facts) for _ in config.windows_s]
    for train, test in folds:
        enforce(audit_split(facts, train, test))
        for k, margins in zip(
            test, _fold_margins(config, recording, decoder, train_on, train, test), strict=True
        ):
            for i, values in enumerate(margins):
                results[i][k] = values
    return results


def subject_files(recordings: FolderSession) -> dict[str, Path]:
    """Recording of each subject, by name."""
    if not recordings.path.is_dir():
        raise ConfigError(f"recordings.path must be a folder; got {recordings.path}")
    files = sorted(recordings.path.glob(_PATTERNS[recordings.layout]))
    return {file.stem.removesuffix("_data_preproc"): file for file in files}


def fingerprints(recordings: FolderSession) -> dict[str, str]:
    """SHA-256 of every file that the study reads."""
    files = dict(subject_files(recordings))
    if recordings.layout == "cnd":
        files["stimulus"] = recordings.path / "dataStim.mat"
    if recordings.audio is not None:
        files |= {f"audio/{p.name}": p for p in sorted(recordings.audio.iterdir()) if p.is_file()}
    found = {}
    for name, path in files.items():
        try:
            with path.open("rb") as file:
                found[name] = hashlib.file_digest(file, "sha256").hexdigest()
        except OSError as error:
            raise DataError(f"recordings must be readable; got {path} ({error.strerror})") from error
    return found


def _recording(config: AadConfig, subject: str) -> Recording:
    source = config.recordings
    if isinstance(source, SimulatedSession):
        return _simulated(source, subject, Streams(config.seed).child("aad", subject))
    file = subject_files(source)[subject]
    if source.layout == "dtu":
        return read_dtu(file, unit=source.unit)
    if source.layout == "cnd":
        streams = {"attended": source.attended, "unattended": source.unattended}
        return read_cnd(file, source.path / "dataStim.mat", streams=streams, unit=source.unit)
    recording = read_kul(file, unit=source.unit)
    if source.audio is None:
        return recording
    return with_audio(recording, source.audio, Envelope(sfreq=recording.sfreq))


def _simulated(source: SimulatedSession, subject: str, rng: Streams) -> Recording:
    listener = draw_listener(
        rng.generator("listener"),
        name=subject,
        n_channels=source.n_channels,
        sfreq=SIMULATION_SFREQ,
        snr_db=source.snr_db,
        unattended_gain=source.unattended_gain,
    )
    return simulate_recording(
        rng.generator("session"),
        listener,
        n_trials=source.n_trials,
        duration_s=source.trial_s,
        sfreq=SIMULATION_SFREQ,
    )


def _fold_margins(
    config: AadConfig, recording: Recording, name: str, train_on: str, train: list[int], test: list[int]
) -> list[list[FloatArray]]:
    """Margins of each test trial at each window length, by a decoder of the training trials."""
    attended, unattended = recording.stream("attended"), recording.stream("unattended")
    eeg, sfreq = recording.eeg, recording.sfreq
    chosen = [eeg[k] for k in train]
    streams = [attended[k] for k in train], [unattended[k] for k in train]
    target = streams[0] if train_on == "attended" else streams[1]
    if name in ("cca", "classifier"):
        decider = _decider(config, name, sfreq).fit(chosen, *streams)
        return [
            [decider.margins(eeg[k], attended[k], unattended[k], window_s=w) for w in config.windows_s]
            for k in test
        ]
    if name == "forward":
        model = ForwardModel(sfreq, 0.0, 0.4).fit(target, chosen)
        return [_forward_margins(model, eeg[k], attended[k], unattended[k], config.windows_s) for k in test]
    decoder = _reconstructor(config, name, sfreq).fit(chosen, target)
    decoded = decoder.predict([eeg[k] for k in test])
    margins = window_margins(
        decoded,
        [attended[k] for k in test],
        [unattended[k] for k in test],
        sfreq=sfreq,
        windows_s=config.windows_s,
    )
    return [[by_length[i] for by_length in margins] for i in range(len(test))]


def _reconstructor(config: AadConfig, name: str, sfreq: float):
    lags = config.lags
    if name in ("cnn", "attention"):
        from cogattn.eeg.aad.networks import NetworkReconstructor

        return NetworkReconstructor(sfreq, name, context_s=lags.tmax_s, seed=config.seed)
    return RidgeDecoder(sfreq, lags.tmin_s, lags.tmax_s, "ledoit-wolf" if name == "ledoit-wolf" else None)


def _decider(config: AadConfig, name: str, sfreq: float):
    if name == "cca":
        return CcaDecoder(sfreq)
    from cogattn.eeg.aad.networks import SpeakerClassifier

    return SpeakerClassifier(sfreq, seed=config.seed)


def _forward_margins(
    model: ForwardModel, eeg: FloatArray, first: FloatArray, second: FloatArray, windows_s: tuple[float, ...]
) -> list[FloatArray]:
    """Mean over channels of how much better the attended talker predicts the EEG than the other."""
    predictions = model.predict([first, second])
    margins = []
    for window_s in windows_s:
        length = round(window_s * model.sfreq)
        n_windows = eeg.shape[0] // length

        def cut(x: FloatArray, length: int = length, n_windows: int = n_windows) -> FloatArray:
            return x[: n_windows * length].reshape(n_windows, length, -1).swapaxes(0, 1)

        r = [correlation(cut(eeg), cut(predicted)) for predicted in predictions]
        margins.append((r[0] - r[1]).mean(axis=1))
    return margins


def _decoding_rows(
    config: AadConfig, recording: Recording, observer: str, margins: list[list[FloatArray]], p: float
) -> pd.DataFrame:
    rows = []
    for window_s, by_trial in zip(config.windows_s, margins, strict=True):
        for trial, values in zip(recording.trials, by_trial, strict=True):
            rows.append(
                pd.DataFrame(
                    {
                        "trial": trial.name,
                        "window_s": window_s,
                        "window": np.arange(values.size),
                        "margin": values,
                    }
                )
            )
    table = pd.concat(rows, ignore_index=True)
    sign = np.sign(table["margin"].to_numpy())
    table["response"] = np.array(["unattended", "tie", "attended"])[(sign + 1).astype(int)]
    table["correct"] = 0.5 + 0.5 * sign
    table.insert(0, "observer", observer)
    table.insert(1, "subject", recording.subject)
    table.insert(2, "task", "decoding")
    table["p"] = p
    return table


def _response_rows(recording: Recording) -> pd.DataFrame:
    """Forward model of the attended talker beside the ignored one, for the figure."""
    both = [
        np.stack([a, u], axis=1) / np.std(a)
        for a, u in zip(recording.stream("attended"), recording.stream("unattended"), strict=True)
    ]
    # band-passed envelopes leave high frequencies of the response free; a fixed tenth of their power holds them
    penalty = 0.1 * sum(len(trial) for trial in both)
    model = ForwardModel(recording.sfreq, -0.1, 0.4, [penalty]).fit(both, recording.eeg)
    weights = model.coef_[:, 0]  # (lags, channels)
    lags_s = (np.arange(weights.shape[0]) + round(-0.1 * recording.sfreq)) / recording.sfreq
    grid_lag, grid_channel = np.meshgrid(lags_s, np.asarray(recording.channels, dtype=str), indexing="ij")
    return pd.DataFrame(
        {
            "observer": "response",
            "subject": recording.subject,
            "task": "response",
            "channel": grid_channel.ravel(),
            "lag_s": grid_lag.ravel(),
            "amplitude": weights.ravel(),
        }
    )


def columns_of(trials: pd.DataFrame, task: str) -> Mapping[str, pd.DataFrame]:
    """Rows of one task, by observer, in plan order."""
    rows = trials[trials["task"] == task]
    return {name: rows[rows["observer"] == name] for name in dict.fromkeys(rows["observer"])}
