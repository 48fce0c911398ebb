"""What cells of the attended-speaker study run for front ends: one listener's trials heard, or the ceiling."""

from __future__ import annotations

from cogattn.eeg.aad.config import AadConfig
from cogattn.eeg.aad.pool import pool_and_recording, prepared
from cogattn.eeg.encoding.fronts import build
from cogattn.eeg.encoding.listening import SoundOf, ceiling, encode
from cogattn.eeg.encoding.plan import TABLES, CeilingCell, EncodingCell
from cogattn.eeg.recordings.config import Simulated
from cogattn.eeg.recordings.files import listeners
from cogattn.eeg.recordings.intake import intake_rows
from cogattn.eeg.recordings.recording import Recording, Trial
from cogattn.eeg.recordings.sound import sound
from cogattn.eeg.recordings.sources import load
from cogattn.eeg.types import FloatArray
from cogattn.study import Outcome


def run(config: AadConfig, cell: EncodingCell | CeilingCell) -> Outcome:
    """Run either cell; what comes out is described in `cogattn.eeg.encoding.plan`."""
    return hear(config, cell) if isinstance(cell, EncodingCell) else predict_from_others(config, cell)


def hear(config: AadConfig, cell: EncodingCell) -> Outcome:
    """Set one front end against one listener's EEG; tables ``encoding`` and ``encoding_channel``.

    Trials are left out as the study's validation says, sounds that are shared with them too; where decoders would come
    from other listeners, one trial at a time.
    """
    config = _of_envelopes(config)
    pool, recording = pool_and_recording(config, cell.observer)
    raw = _raw(config, cell.observer) if isinstance(config.recordings, Simulated) else recording
    rows, channels = encode(
        recording,
        raw,
        build(cell.model, config.encoding, seed=config.seed, untrained=cell.untrained),
        _sound_of(config, raw),
        config.encoding,
        band_hz=(config.preprocessing.low_hz, config.preprocessing.high_hz),
        folds=pool.splits(config.validation),
    )
    who = {"listener": cell.observer, "model": cell.reader.id}
    tables = {"encoding": rows.assign(**who), "encoding_channel": channels.assign(**who)}
    named = {name: table[list(TABLES[name])] for name, table in tables.items()}
    return Outcome({**named, "recording": intake_rows(recording, cell.task)})


def predict_from_others(config: AadConfig, cell: CeilingCell) -> Outcome:
    """Predict one listener's EEG from the others' who attended to the same sounds; table ``ceiling``."""
    config = _of_envelopes(config)
    own = prepared(config, cell.observer)
    others = (prepared(config, name) for name in listeners(config.recordings) if name != cell.observer)
    rows = ceiling(own, others).assign(listener=cell.observer)
    return Outcome({"ceiling": rows[list(TABLES["ceiling"])], "recording": intake_rows(own, cell.task)})


def _of_envelopes(config: AadConfig) -> AadConfig:
    validation = "trial" if config.validation == "subject" else config.validation
    return config.model_copy(update={"features": ("envelope",), "validation": validation})


def _raw(config: AadConfig, listener: str) -> Recording:
    return load(
        config.recordings, listener, cleaning=config.cleaning, envelope=config.envelope, seed=config.seed
    )


def _sound_of(config: AadConfig, recording: Recording) -> SoundOf:
    def of(trial: Trial, role: str) -> tuple[FloatArray, float]:
        return sound(config.recordings, recording, trial, role, seed=config.seed)

    return of
