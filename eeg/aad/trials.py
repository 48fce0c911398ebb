"""What a cell does: decode one listener, fit the response, weigh features; one row per window, trial or channel.

Columns are declared in `cogattn.eeg.aad.plan`. Trials may come in pieces (`pool`): windows lie within pieces, a trial's
score is the mean of its pieces' by their lengths, and significance swaps the talkers of whole trials.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cogattn.eeg.aad.config import CORRELATING, LINEAR, NETWORKS, AadConfig
from cogattn.eeg.aad.decoding import backward_problem, decode, feature_groups
from cogattn.eeg.aad.decoding import reconstructions as reconstructions
from cogattn.eeg.aad.features import columns_of, first_feature
from cogattn.eeg.aad.forward import ForwardModel, gains_left_out
from cogattn.eeg.aad.metrics import accuracy, correlation
from cogattn.eeg.aad.plan import TABLES, DecodingCell, FeatureCell, ResponseCell
from cogattn.eeg.aad.pool import Pool, pool_and_recording, prepared
from cogattn.eeg.aad.pool import pool_of as pool_of
from cogattn.eeg.aad.scorers import RESPONSE_S, Scorer
from cogattn.eeg.aad.significance import permutation_p, permuted_p, refit_p, trial_score
from cogattn.eeg.aad.splits import SAME_ENVELOPE_R, Finding, audit_labels, audit_splits, enforce
from cogattn.eeg.recordings.config import SimulatedTalkers
from cogattn.eeg.recordings.content import content_rows
from cogattn.eeg.recordings.intake import intake_rows
from cogattn.eeg.recordings.recording import Recording
from cogattn.eeg.types import FloatArray
from cogattn.errors import DataError
from cogattn.seeds import Streams
from cogattn.study import Outcome

if TYPE_CHECKING:
    from cogattn.eeg.aad.journal import Journal
    from cogattn.eeg.aad.penalties import Problem
    from cogattn.running.checkpoints import Checkpoint

WITHHELD = "withheld: tested sounds are in training"
"""Test of listeners whose p would not be one."""
SHORTEST_Z = 1 - 1e-9
"""Largest correlation of which Fisher's z is taken."""


def run(config: AadConfig, cell: DecodingCell, rng: Streams, checkpoint: Checkpoint | None = None) -> Outcome:
    """Decode one listener; networks go on from the checkpoint and leave their weights."""
    pool, recording = pool_and_recording(config, cell.observer)
    warnings = audited(config, pool)
    journal = _journal(cell, checkpoint)
    problem = backward_problem(config, pool, train_on=cell.train_on) if cell.decoder in LINEAR else None
    scorers = decode(config, pool, cell.decoder, train_on=cell.train_on, problem=problem, journal=journal)
    p, test = _significance(config, pool, scorers, cell, problem, rng.generator("permutation"))
    who = {"listener": cell.observer, "decoder": cell.reader.id}
    constants = {"p": p, "test": test, "warnings": "\n".join(warnings)}
    windows = _window_rows(config, pool, scorers, fisher=cell.decoder in CORRELATING)
    rows = {
        "window": windows.assign(**who),
        "trial": _trial_rows(pool, scorers).assign(**who, **constants),
    }
    trials = {name: table[list(TABLES[name])] for name, table in rows.items()}
    trials |= {"recording": intake_rows(recording, cell.task), "content": content_rows(recording)}
    return Outcome(trials, {"weights.safetensors": journal.to_bytes(who)} if journal else {})


def respond(config: AadConfig, cell: ResponseCell) -> Outcome:
    """Fit one listener's response to the attended talker."""
    recording = prepared(config.model_copy(update={"features": ("envelope",)}), cell.observer)
    rows = _response_rows(recording).assign(listener=cell.observer)
    tables = {"response": rows[list(TABLES["response"])], "recording": intake_rows(recording, cell.task)}
    return Outcome(tables)


def weigh(config: AadConfig, cell: FeatureCell) -> Outcome:
    """What each feature of the attended talker adds to a forward model, in trials that it has not seen."""
    pool, recording = pool_and_recording(config, cell.observer)
    groups = columns_of(config.features)
    whole, without = gains_left_out(
        pool.attended,
        pool.centred,
        pool.trial_splits("trial"),
        sfreq=pool.sfreq,
        delays_s=RESPONSE_S,
        groups=groups,
        banded=feature_groups(config) is not None,
        pieces=pool.trials,
    )
    rows = [
        (cell.observer, name, pool.facts[pieces[0]].trial, whole[i], without[i, f])
        for f, name in enumerate(config.features)
        for i, pieces in enumerate(pool.trials)
    ]
    table = pd.DataFrame(rows, columns=list(TABLES["feature"]))
    return Outcome({"feature": table, "recording": intake_rows(recording, cell.task)})


def audited(config: AadConfig, pool: Pool) -> tuple[str, ...]:
    """What the guards say about every split and about the design; DataError for what they refuse."""
    simulated = isinstance(config.recordings, SimulatedTalkers)  # nobody looks anywhere
    findings = audit_labels([pool.facts[pieces[0]] for pieces in pool.own_trials], told=simulated)
    findings += audit_splits(pool.facts, pool.splits(config.validation), pool.sharing)
    heard = pool.sharing or [()] * len(pool.facts)
    recurring = sum(any(heard[k] for k in pieces) for pieces in pool.own_trials)
    if recurring and pool.apart:
        reason = f"sounds of {recurring} of {len(pool.own_trials)} trials recur in other trials, which are left out of"
        findings.append(Finding("warn", f"{reason} their training (shared_sounds = leave_out)"))
    return enforce(findings)


def _journal(cell: DecodingCell, checkpoint: Checkpoint | None) -> Journal | None:
    """Where networks write what they have learned; nothing for decoders that are solved at once."""
    if cell.decoder not in NETWORKS:
        return None
    from cogattn.eeg.aad.journal import Journal

    return Journal(checkpoint)


def _whole(
    pool: Pool, pieces: list[int], scorers: Mapping[int, Scorer], sounds: list[list[FloatArray]]
) -> FloatArray:
    """Score of each sound over a whole trial: the mean over pieces by their lengths; sounds[i] holds piece i's."""
    lengths = np.array([len(pool.eeg[k]) for k in pieces], dtype=float)
    scores = [
        scorers[k](own, len(pool.eeg[k]) / pool.sfreq)[:, 0] for k, own in zip(pieces, sounds, strict=True)
    ]
    return lengths @ np.array(scores) / lengths.sum()


def _trial_margins(pool: Pool, scorers: Mapping[int, Scorer]) -> FloatArray:
    """Evidence for the attended talker over each whole trial, (n_trials,)."""
    margins = []
    for pieces in pool.own_trials:
        first, second = _whole(
            pool, pieces, scorers, [[pool.attended[k], pool.unattended[k]] for k in pieces]
        )
        margins.append(float(first - second))
    return np.array(margins)


def _significance(
    config: AadConfig,
    pool: Pool,
    scorers: Mapping[int, Scorer],
    cell: DecodingCell,
    problem: Problem | None,
    rng: np.random.Generator,
) -> tuple[float, str]:
    """One-sided p over the subject's trials, and which test gave it; none where training holds tested sounds.

    Every test swaps the talkers of trials one by one. Trials that share sounds would have to be swapped together: a
    decoder that follows what is played knows the sound again, whoever is listened to.
    """
    if pool.leaks(config.validation):
        return math.nan, WITHHELD
    method, n = config.significance.method, config.significance.n_permutations
    if config.validation == "subject":  # no tested trial teaches: swapping finished decodings is exact
        return permutation_p([m[None] for m in _trial_margins(pool, scorers)], rng, n_permutations=n), "swap"
    if method == "refit" or (method == "auto" and cell.decoder in LINEAR):
        if problem is not None:
            p = refit_p(
                problem,
                pool.trained_on(cell.train_on).attended,
                pool.trained_on(cell.train_on).unattended,
                pool.trial_splits(config.validation),
                rng,
                taught_is_attended=cell.train_on == "attended",
                n_permutations=n,
            )
            return p, "refit" if cell.decoder == "ledoit-wolf" else "refit with Ledoit-Wolf's penalty"

        def score(swap: NDArray[np.integer]) -> float:
            other = pool.swapped(swap)
            again = decode(config, other, cell.decoder, train_on=cell.train_on)
            return trial_score(_trial_margins(other, again))

        return permuted_p(score, len(pool.own_trials), rng, n), "refit"
    margins = [m[None] for m in _trial_margins(pool, scorers)]
    return permutation_p(margins, rng, n_permutations=n), "swap, approximate"


def _window_rows(
    config: AadConfig, pool: Pool, scorers: Mapping[int, Scorer], *, fisher: bool
) -> pd.DataFrame:
    """A row per window; windows are numbered through a trial's pieces."""
    rows = []
    for window_s in config.windows_s:
        length = round(window_s * pool.sfreq)
        found = False
        for pieces in pool.own_trials:
            fitting = [k for k in pieces if len(pool.eeg[k]) >= length]
            if not fitting:
                continue
            found = True
            scores = np.concatenate(
                [scorers[k]([pool.attended[k], pool.unattended[k]], window_s) for k in fitting], axis=1
            )
            first, second = np.arctanh(np.clip(scores, -SHORTEST_Z, SHORTEST_Z)) if fisher else scores
            columns = {
                "trial": pool.facts[pieces[0]].trial,
                "window_s": window_s,
                "window": np.arange(first.size),
            }
            rows.append(pd.DataFrame({**columns, "margin": first - second}))
        if not found:
            longest = max(len(pool.eeg[k]) for k in pool.own) / pool.sfreq
            raise DataError(
                f"windows_s must fit into a trial; got {window_s:g} s in {longest:g} s "
                f"(subject {pool.facts[pool.own[0]].subject})"
            )
    table = pd.concat(rows, ignore_index=True)
    sign = np.sign(table["margin"].to_numpy())
    table["response"] = np.array(["unattended", "tie", "attended"])[(sign + 1).astype(int)]
    table["correct"] = 0.5 + 0.5 * sign
    return table


def _trial_rows(pool: Pool, scorers: Mapping[int, Scorer]) -> pd.DataFrame:
    """Scores over whole trials, and the attended sound's rank among the sounds of the subject's other trials."""
    rows = []
    for pieces in pool.own_trials:
        lengths = [len(pool.eeg[k]) for k in pieces]
        heard = [_joined(role, pieces) for role in (pool.attended, pool.unattended)]
        sounds = [*heard, *_foreign(pool, pieces, heard)]
        cuts = np.cumsum(lengths)[:-1]
        per_piece = [list(own) for own in zip(*(np.split(sound, cuts) for sound in sounds), strict=True)]
        scores = _whole(pool, pieces, scorers, per_piece)
        rank = accuracy(scores[0] - scores[2:]) if len(sounds) > 2 else np.nan
        rows.append((pool.facts[pieces[0]].trial, scores[0], scores[1], rank))
    return pd.DataFrame(rows, columns=["trial", "attended", "unattended", "rank"])


def _joined(role: list[FloatArray], pieces: list[int]) -> FloatArray:
    """What was played in a trial's pieces, one after the other."""
    return role[pieces[0]] if len(pieces) == 1 else np.concatenate([role[k] for k in pieces])


def _foreign(pool: Pool, pieces: list[int], heard: list[FloatArray]) -> list[FloatArray]:
    """Sounds of the subject's other trials, cut to this one; those that are one of its own sounds left out."""
    n_times = len(heard[0])
    others = [
        sound[:n_times]
        for other in pool.own_trials
        if other != pieces
        for sound in (_joined(pool.attended, other), _joined(pool.unattended, other))
        if len(sound) >= n_times
    ]
    if not others:
        return []
    firsts = np.stack([first_feature(sound) for sound in others], axis=1)  # (n_times, n_sounds)
    alike = [correlation(np.broadcast_to(first_feature(own)[:, None], firsts.shape), firsts) for own in heard]
    return [sound for sound, r in zip(others, np.max(alike, axis=0), strict=True) if r < SAME_ENVELOPE_R]


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
