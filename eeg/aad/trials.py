"""Decode one listener: load or simulate, preprocess, audit the split, decode, one row per window and per trial.

The columns of the rows are declared in `cogattn.eeg.aad.plan`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cogattn.eeg.aad.config import LINEAR, NETWORKS, AadConfig, DecoderName
from cogattn.eeg.aad.forward import ForwardModel
from cogattn.eeg.aad.metrics import accuracy, correlation
from cogattn.eeg.aad.plan import TABLES, DecodingCell, ResponseCell, TrainOn
from cogattn.eeg.aad.scorers import Scorer, fitted
from cogattn.eeg.aad.significance import permutation_p, permuted_p, refit_permutation_p, trial_score
from cogattn.eeg.aad.splits import (
    SAME_ENVELOPE_R,
    By,
    TrialFacts,
    audit_labels,
    audit_split,
    enforce,
    facts_of,
    leave_one_out_folds,
    with_sound_names,
)
from cogattn.eeg.recordings.intake import intake_rows
from cogattn.eeg.recordings.recording import Recording
from cogattn.eeg.recordings.sources import listeners, load
from cogattn.eeg.types import FloatArray
from cogattn.errors import DataError
from cogattn.seeds import Streams
from cogattn.study import Outcome

if TYPE_CHECKING:
    from cogattn.eeg.aad.journal import Journal
    from cogattn.running.checkpoints import Checkpoint

Split = tuple[list[int], list[int]]


@dataclass(frozen=True)
class Pool:
    """Trials to learn from and to decode; `own` are those of the tested subject."""

    eeg: list[FloatArray]
    attended: list[FloatArray]
    unattended: list[FloatArray]
    facts: list[TrialFacts]
    own: range
    sfreq: float

    def swapped(self, swap: NDArray[np.integer]) -> Pool:
        """The same with the talkers of the subject's own trials exchanged where `swap` is 1."""
        exchanged = {k for k, s in zip(self.own, swap, strict=True) if s}
        pairs = [
            (u, a) if k in exchanged else (a, u)
            for k, (a, u) in enumerate(zip(self.attended, self.unattended, strict=True))
        ]
        return replace(self, attended=[a for a, _ in pairs], unattended=[u for _, u in pairs])

    def splits(self, by: By) -> list[Split]:
        """Train and test trials of each fold that tests the subject's own trials."""
        folds = leave_one_out_folds(self.facts, by)
        return [(train, test) for train, test in folds if set(test) <= set(self.own)]


def run(config: AadConfig, cell: DecodingCell, rng: Streams, checkpoint: Checkpoint | None = None) -> Outcome:
    """Decode one listener; networks go on from the checkpoint and leave their weights."""
    pool = pool_of(config, cell.observer)
    warnings = audited(config, pool)
    journal = _journal(cell, checkpoint)
    scorers = decode(config, pool, cell.decoder, train_on=cell.train_on, journal=journal)
    p, test = _significance(config, pool, scorers, cell, rng.generator("permutation"))
    who = {"listener": cell.observer, "decoder": cell.reader.id}
    constants = {"p": p, "test": test, "warnings": "\n".join(warnings)}
    rows = {
        "window": _window_rows(config, pool, scorers).assign(**who),
        "trial": _trial_rows(pool, scorers).assign(**who, **constants),
    }
    trials = {name: table[list(TABLES[name])] for name, table in rows.items()}
    return Outcome(trials, {"weights.safetensors": journal.to_bytes(who)} if journal else {})


def respond(config: AadConfig, cell: ResponseCell) -> Outcome:
    """Fit one listener's response to the attended talker."""
    recording = prepared(config, cell.observer)
    rows = _response_rows(recording).assign(listener=cell.observer)
    tables = {"response": rows[list(TABLES["response"])], "recording": intake_rows(recording, cell.task)}
    return Outcome(tables)


def prepared(config: AadConfig, subject: str) -> Recording:
    """Load or draw a subject's recording and preprocess it."""
    raw = load(
        config.recordings, subject, cleaning=config.cleaning, envelope=config.envelope, seed=config.seed
    )
    step = config.preprocessing
    for name in ("attended", "unattended"):
        raw.stream(name)
    filtered = raw.filtered(step.low_hz, step.high_hz, streams=("attended", "unattended"))
    return filtered.resampled(step.sfreq)


def pool_of(config: AadConfig, subject: str) -> Pool:
    """A subject's trials, beside all others' (each subject's EEG at unit power) where they are to learn from."""
    if config.validation != "subject":
        return _pooled([prepared(config, subject)], subject)
    recordings = [prepared(config, name) for name in listeners(config.recordings)]
    first = recordings[0]
    for other in recordings:
        if other.channels != first.channels:
            raise DataError(
                f"all subjects must have the same channels; got {len(other.channels)} ({other.subject}) and "
                f"{len(first.channels)} ({first.subject}), or other names"
            )
    unit = [
        replace(r, trials=tuple(replace(t, eeg=t.eeg / _power(r)) for t in r.trials), unit="arbitrary")
        for r in recordings
    ]
    return _pooled(unit, subject)


def decode(
    config: AadConfig,
    pool: Pool,
    decoder: DecoderName,
    *,
    train_on: TrainOn = "attended",
    journal: Journal | None = None,
) -> dict[int, Scorer]:
    """What scores the sounds of each of the subject's own trials, by a decoder that has not seen the trial."""
    if train_on == "unattended":
        pool = replace(pool, attended=pool.unattended, unattended=pool.attended)
    scorers = {}
    for fold, (train, test) in enumerate(pool.splits(config.validation)):
        chosen = ([part[k] for k in train] for part in (pool.eeg, pool.attended, pool.unattended))
        scorer_of = fitted(config, decoder, *chosen, sfreq=pool.sfreq, journal=journal, fold=fold)
        scorers |= {k: scorer_of(pool.eeg[k]) for k in test}
    return {k: scorers[k] for k in pool.own}


def audited(config: AadConfig, pool: Pool) -> tuple[str, ...]:
    """What the guards say about every split and about the design; DataError for what they refuse."""
    findings = audit_labels([pool.facts[k] for k in pool.own])
    for train, test in pool.splits(config.validation):
        findings += audit_split(pool.facts, train, test)
    return enforce(findings)


def _journal(cell: DecodingCell, checkpoint: Checkpoint | None) -> Journal | None:
    """Where networks write what they have learned; nothing for decoders that are solved at once."""
    if cell.decoder not in NETWORKS:
        return None
    from cogattn.eeg.aad.journal import Journal

    return Journal(checkpoint)


def _pooled(recordings: list[Recording], subject: str) -> Pool:
    facts = [fact for recording in recordings for fact in facts_of(recording)]
    own = [k for k, fact in enumerate(facts) if fact.subject == subject]
    eeg, attended, unattended = (
        [trial for recording in recordings for trial in part(recording)]
        for part in (lambda r: r.eeg, lambda r: r.stream("attended"), lambda r: r.stream("unattended"))
    )
    facts = with_sound_names(facts, attended, unattended)
    return Pool(eeg, attended, unattended, facts, range(own[0], own[-1] + 1), recordings[0].sfreq)


def _power(recording: Recording) -> float:
    return float(np.sqrt(np.mean([np.mean(eeg**2) for eeg in recording.eeg])))


def _trial_margins(pool: Pool, scorers: Mapping[int, Scorer]) -> FloatArray:
    """Evidence for the attended talker over each whole trial, (n_trials,)."""
    margins = []
    for k, score in scorers.items():
        first, second = score([pool.attended[k], pool.unattended[k]], len(pool.eeg[k]) / pool.sfreq)
        margins.append(float(first[0] - second[0]))
    return np.array(margins)


def _significance(
    config: AadConfig,
    pool: Pool,
    scorers: Mapping[int, Scorer],
    cell: DecodingCell,
    rng: np.random.Generator,
) -> tuple[float, str]:
    """One-sided p over the subject's trials, and which test gave it."""
    method, n = config.significance.method, config.significance.n_permutations
    if config.validation == "subject":  # no tested trial teaches: swapping finished decodings is exact
        return permutation_p([m[None] for m in _trial_margins(pool, scorers)], rng, n_permutations=n), "swap"
    if method == "refit" or (method == "auto" and cell.decoder in LINEAR):
        if cell.decoder in LINEAR:
            return _linear_refit(config, pool, cell.train_on, rng), "refit"

        def score(swap: NDArray[np.integer]) -> float:
            other = pool.swapped(swap)
            again = decode(config, other, cell.decoder, train_on=cell.train_on)
            return trial_score(_trial_margins(other, again))

        return permuted_p(score, len(pool.own), rng, n), "refit"
    margins = [m[None] for m in _trial_margins(pool, scorers)]
    return permutation_p(margins, rng, n_permutations=n), "swap, approximate"


def _linear_refit(config: AadConfig, pool: Pool, train_on: TrainOn, rng: np.random.Generator) -> float:
    return refit_permutation_p(
        pool.eeg,
        pool.attended,
        pool.unattended,
        rng,
        sfreq=pool.sfreq,
        tmin=config.lags.tmin_s,
        tmax=config.lags.tmax_s,
        train_on=train_on,
        folds=pool.splits(config.validation),
        n_permutations=config.significance.n_permutations,
    )


def _window_rows(config: AadConfig, pool: Pool, scorers: Mapping[int, Scorer]) -> pd.DataFrame:
    rows = []
    for window_s in config.windows_s:
        fitting = {k: s for k, s in scorers.items() if len(pool.eeg[k]) >= round(window_s * pool.sfreq)}
        if not fitting:
            longest = max(len(pool.eeg[k]) for k in scorers) / pool.sfreq
            raise DataError(
                f"windows_s must fit into a trial; got {window_s:g} s in {longest:g} s "
                f"(subject {pool.facts[pool.own[0]].subject})"
            )
        for k, score in fitting.items():
            first, second = score([pool.attended[k], pool.unattended[k]], window_s)
            columns = {"trial": pool.facts[k].trial, "window_s": window_s, "window": np.arange(first.size)}
            rows.append(pd.DataFrame({**columns, "margin": first - second}))
    table = pd.concat(rows, ignore_index=True)
    sign = np.sign(table["margin"].to_numpy())
    table["response"] = np.array(["unattended", "tie", "attended"])[(sign + 1).astype(int)]
    table["correct"] = 0.5 + 0.5 * sign
    return table


def _trial_rows(pool: Pool, scorers: Mapping[int, Scorer]) -> pd.DataFrame:
    """Scores over whole trials, and the attended sound's rank among the sounds of the subject's other trials."""
    rows = []
    for k, score in scorers.items():
        sounds = [pool.attended[k], pool.unattended[k], *_foreign(pool, k)]
        scores = score(sounds, len(pool.eeg[k]) / pool.sfreq)[:, 0]
        rank = accuracy(scores[0] - scores[2:]) if len(sounds) > 2 else np.nan
        rows.append((pool.facts[k].trial, scores[0], scores[1], rank))
    return pd.DataFrame(rows, columns=["trial", "attended", "unattended", "rank"])


def _foreign(pool: Pool, k: int) -> list[FloatArray]:
    """Sounds of the subject's other trials, cut to trial k; those that are one of its own sounds left out."""
    n_times, own = len(pool.eeg[k]), (pool.attended[k], pool.unattended[k])
    others = [
        sound[:n_times]
        for j in pool.own
        for sound in (pool.attended[j], pool.unattended[j])
        if j != k and len(sound) >= n_times
    ]
    return [s for s in others if max(float(correlation(s, mine)) for mine in own) < SAME_ENVELOPE_R]


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
        {"channel": grid_channel.ravel(), "lag_s": grid_lag.ravel(), "amplitude": weights.ravel()}
    )
