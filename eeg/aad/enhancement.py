"""Enhance the mixtures of one listener's trials by their held-out reconstructions: one row per piece of a trial.

Both talkers are mixed at equal power. What the decoded envelope is worth is learned on the listener's other trials,
on reconstructions that were held out too; trials that share a sound with the enhanced one teach nothing.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from cogattn.eeg.aad.config import AadConfig
from cogattn.eeg.aad.decoding import reconstructions
from cogattn.eeg.aad.features import first_feature
from cogattn.eeg.aad.metrics import correlation
from cogattn.eeg.aad.plan import TABLES, EnhancementCell
from cogattn.eeg.aad.pool import Pool, pool_and_recording
from cogattn.eeg.intent.components import SOUND_SFREQ
from cogattn.eeg.intent.conditioning import si_sdr
from cogattn.eeg.intent.config import IntentSettings
from cogattn.eeg.intent.enhancing import LOUDNESS_ONLY, EnvelopeEnhancer, Prior
from cogattn.eeg.intent.tracking import Band, Tracking, side_by_side
from cogattn.eeg.recordings.config import Simulated
from cogattn.eeg.recordings.intake import intake_rows
from cogattn.eeg.recordings.recording import Recording, Trial, resample
from cogattn.eeg.recordings.sources import load, sound
from cogattn.eeg.types import FloatArray
from cogattn.errors import DataError
from cogattn.study import Outcome

Talkers = tuple[FloatArray, FloatArray]


def enhance(config: AadConfig, cell: EnhancementCell) -> Outcome:
    """Enhance one listener's mixtures; columns are those of the table ``enhancement``."""
    settings = config.intent or IntentSettings()
    pool, recording = pool_and_recording(config, cell.observer)
    step = config.preprocessing
    band = Band(step.low_hz, step.high_hz, pool.sfreq)
    found = reconstructions(config, pool, cell.decoder)
    decoded = {k: first_feature(found[k]) for k in pool.own}
    heard = _heard(config, recording)
    talkers = {k: _talkers(config, heard, trial) for k, trial in zip(pool.own, heard.trials, strict=True)}
    parts = {k: side_by_side(decoded[k], *talkers[k], band) for k in pool.own}
    prior = Prior() if settings.method == "components" else LOUDNESS_ONLY
    rows = []
    for pieces in pool.own_trials:
        known = known_pieces(pool, pieces)
        if len(known) < 2:
            raise DataError(
                f"two other trials at least must share no sound with a trial that is enhanced; got {len(known)} "
                f"(subject {cell.observer}, {pool.facts[pieces[0]].trial})"
            )
        tracking = Tracking.of_parts([parts[k] for k in known], band=band)
        enhancer = EnvelopeEnhancer(tracking, prior, n_components=settings.n_components, seed=config.seed)
        for k in pieces:
            rows.append(
                (
                    pool.facts[k].trial,
                    *_gain(enhancer, decoded[k], first_feature(pool.attended[k]), talkers[k]),
                )
            )
    columns = ["trial", "duration_s", "r", "contrast", "si_sdr_mixture_db", "si_sdr_enhanced_db"]
    table = pd.DataFrame(rows, columns=columns).assign(listener=cell.observer, decoder=cell.reader.id)
    return Outcome(
        {"enhancement": table[list(TABLES["enhancement"])], "recording": intake_rows(recording, cell.task)}
    )


def _heard(config: AadConfig, recording: Recording) -> Recording:
    """The recording whose trials tell what was heard: of a simulation the unfiltered one, whose envelopes make it."""
    if not isinstance(config.recordings, Simulated):
        return recording
    return load(
        config.recordings,
        recording.subject,
        cleaning=config.cleaning,
        envelope=config.envelope,
        seed=config.seed,
    )


def known_pieces(pool: Pool, tested: list[int]) -> list[int]:
    """The subject's pieces of other trials that share no sound with the tested one."""
    shared = {j for k in tested for j in pool.sharing[k]} if pool.sharing is not None else set()
    return [k for k in pool.own if k not in tested and k not in shared]


def _talkers(config: AadConfig, recording: Recording, trial: Trial) -> Talkers:
    """Both sounds of a trial at `SOUND_SFREQ`, of unit power and equal length."""
    sounds = []
    for role in ("attended", "unattended"):
        samples, rate = sound(config.recordings, recording, trial, role, seed=config.seed)
        at_rate = resample(samples, rate, SOUND_SFREQ)
        power = float(np.mean(at_rate**2))
        if not power > 0:
            raise DataError(
                f"a sound must not be silent; got silence ({recording.subject}, {trial.name}, {role})"
            )
        sounds.append(at_rate / np.sqrt(power))
    n = min(len(s) for s in sounds)
    return sounds[0][:n], sounds[1][:n]


def _gain(
    enhancer: EnvelopeEnhancer, decoded: FloatArray, target: FloatArray, talkers: Talkers
) -> tuple[float, ...]:
    attended, other = talkers
    mixture = attended + other
    enhanced = enhancer(mixture, decoded, audio_sfreq=SOUND_SFREQ)
    return (
        len(mixture) / SOUND_SFREQ,
        float(correlation(decoded, target)),
        enhancer.tracking.contrast,
        si_sdr(mixture, attended),
        si_sdr(enhanced, attended),
    )
