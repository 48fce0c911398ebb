"""Decode every trial by a decoder that has not seen it: all folds at once where moments add up.

Ridge, Ledoit-Wolf, the forward model and canonical correlation need second moments of the training trials alone.
Those of all trials are computed once, and what a fold must not see is subtracted; the folds may be any lists of trials.
Networks are trained fold by fold. All choices are made inside a fold's training trials.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from cogattn.eeg.aad.cca import Task, combinations, most_components
from cogattn.eeg.aad.checks import checked_lags, checked_streams
from cogattn.eeg.aad.config import LINEAR, AadConfig, DecoderName
from cogattn.eeg.aad.crossval import reconstruct_left_out
from cogattn.eeg.aad.features import columns_of, first_feature
from cogattn.eeg.aad.forward import fit_left_out
from cogattn.eeg.aad.lagged import Lags
from cogattn.eeg.aad.penalties import Problem
from cogattn.eeg.aad.plan import TrainOn
from cogattn.eeg.aad.pool import Pool
from cogattn.eeg.aad.scorers import (
    RESPONSE_S,
    Scorer,
    by_components,
    by_network,
    by_prediction,
    by_reconstruction,
)
from cogattn.eeg.aad.splits import Split
from cogattn.eeg.types import FloatArray
from cogattn.errors import ConfigError

if TYPE_CHECKING:
    from cogattn.eeg.aad.journal import Journal
    from cogattn.eeg.aad.trainable import Architecture, NetworkReconstructor, SpeakerClassifier

CHOICE_GROUPS = 5
"""The folds are put into so many groups at most; constants of canonical correlation are chosen once for each."""


def decode(
    config: AadConfig,
    pool: Pool,
    decoder: DecoderName,
    *,
    train_on: TrainOn = "attended",
    problem: Problem | None = None,
    journal: Journal | None = None,
) -> dict[int, Scorer]:
    """What scores the sounds of each of the subject's own pieces, by a decoder that has not seen their trial.

    Parameters
    ----------
    config : AadConfig
        Folds, lags, constants.
    pool : Pool
        Prepared trials.
    decoder : str
        Which.
    train_on : {"attended", "unattended"}
        Whose sounds it learns.
    problem : Problem, optional
        Of `backward_problem`, where ridge's moments are there already.
    journal : Journal, optional
        Where networks keep a page for each fold, as in `cogattn.eeg.aad.training.train`.

    Returns
    -------
    dict of int to Scorer
        By piece, in order.
    """
    learnt = pool.trained_on(train_on)
    if decoder == "forward":
        scorers = _forward(config, learnt)
    elif decoder == "cca":
        scorers = _canonical(config, learnt)
    elif decoder == "classifier":
        scorers = _classified(config, learnt, journal)
    else:
        found = reconstructions(config, pool, decoder, train_on=train_on, problem=problem, journal=journal)
        scorers = {k: by_reconstruction(decoded, pool.sfreq) for k, decoded in found.items()}
    return {k: scorers[k] for k in pool.own}


def reconstructions(
    config: AadConfig,
    pool: Pool,
    decoder: DecoderName,
    *,
    train_on: TrainOn = "attended",
    problem: Problem | None = None,
    journal: Journal | None = None,
) -> dict[int, FloatArray]:
    """Held-out reconstruction of what was attended in each of the subject's own pieces.

    Parameters are those of `decode`; the decoder must be one that reconstructs.

    Returns
    -------
    dict of int to array
        By piece: (n_times,), or (n_times, n_features) where the settings name several.

    Raises
    ------
    ConfigError
        If the decoder reconstructs nothing.
    """
    if decoder in LINEAR:
        ready = problem or backward_problem(config, pool, train_on=train_on)
        alphas = "ledoit-wolf" if decoder == "ledoit-wolf" else None
        found, _ = reconstruct_left_out(ready, alphas, pool.trial_splits(config.validation))
        return {k: first_feature(found[k]) if found[k].shape[1] == 1 else found[k] for k in pool.own}
    if decoder in ("cnn", "attention"):
        return _by_networks(config, pool.trained_on(train_on), decoder, journal)
    raise ConfigError(
        f"decoder must reconstruct what was heard (ridge, ledoit-wolf, cnn, attention); got {decoder}"
    )


def backward_problem(config: AadConfig, pool: Pool, *, train_on: TrainOn = "attended") -> Problem:
    """Moments of every trial for the reconstruction of one talker's features from lagged EEG."""
    sounds = pool.trained_on(train_on).attended
    lags = checked_lags(config.lags.tmin_s, config.lags.tmax_s, pool.sfreq, pool.centred)
    return Problem.of(pool.centred, checked_streams(sounds, pool.centred, name=train_on), lags, pool.trials)


def _forward(config: AadConfig, pool: Pool) -> dict[int, Scorer]:
    """Responses to the training trials' sounds, all folds from the same moments."""
    lags = Lags.forward(*RESPONSE_S, pool.sfreq)
    heard = checked_streams(pool.attended, pool.centred, name="attended")
    problem = Problem.of(heard, pool.centred, lags, pool.trials)
    splits = pool.trial_splits(config.validation)
    left_out = [sorted(set(range(len(pool.trials))) - set(train)) for train, _ in splits]
    fitted = fit_left_out(problem, left_out, bands=feature_groups(config))
    return {
        k: by_prediction(response, lags, pool.centred[k], pool.sfreq)
        for response, (_, test) in zip(fitted, splits, strict=True)
        for trial in test
        for k in pool.trials[trial]
    }


def feature_groups(config: AadConfig) -> list[int] | None:
    """Feature of each column where each is to have a penalty of its own; None for one penalty."""
    return columns_of(config.features) if len(config.features) > 1 and config.banded else None


def check_components(config: AadConfig, n_channels: int, subject: str) -> None:
    """Raise ConfigError where every number of components that the settings name is more than there are."""
    given = config.cca
    contexts_s = max(given.eeg_contexts_s), max(given.stimulus_contexts_s)
    most = most_components(
        contexts_s, (n_channels, len(columns_of(config.features))), config.preprocessing.sfreq
    )
    if min(given.n_components) > most:
        raise ConfigError(
            f"cca.n_components must be at most {most}, the lags of the sound or those of all channels; got "
            f"{min(given.n_components)} ({subject})"
        )


def _canonical(config: AadConfig, pool: Pool) -> dict[int, Scorer]:
    """Canonical correlation, its constants chosen on trials that a group of folds has all in training."""
    given = config.cca
    candidates = combinations(
        given.eeg_contexts_s, given.stimulus_contexts_s, given.n_components, given.shrinkages
    )
    task = Task.checked(
        pool.eeg,
        pool.attended,
        pool.unattended,
        sfreq=pool.sfreq,
        longest=(max(given.eeg_contexts_s), max(given.stimulus_contexts_s)),
        window_s=given.window_s,
        pieces=pool.trials,
    )
    check_components(config, pool.eeg[0].shape[1], pool.facts[pool.own[0]].subject)
    candidates = [c for c in candidates if task.admits(c)]
    scorers = {}
    for group in _groups(pool.trial_splits(config.validation)):
        common = sorted(set.intersection(*(set(train) for train, _ in group)))
        chosen = task.choose(common, candidates)
        for train, test in group:
            decoder = task.fit(train, chosen)
            scorers |= {k: by_components(decoder, pool.eeg[k]) for trial in test for k in pool.trials[trial]}
    return scorers


def _groups(splits: Sequence[Split]) -> list[list[Split]]:
    """Neighbouring folds in at most `CHOICE_GROUPS` groups; a group's folds test different trials."""
    n_groups = min(CHOICE_GROUPS, len(splits))
    return [
        [split for i, split in enumerate(splits) if i * n_groups // len(splits) == g] for g in range(n_groups)
    ]


def _by_networks(
    config: AadConfig, pool: Pool, decoder: Architecture, journal: Journal | None
) -> dict[int, FloatArray]:
    from cogattn.eeg.aad.trainable import NetworkReconstructor

    found = {}
    for fold, (train, test) in enumerate(pool.splits(config.validation)):
        network: NetworkReconstructor = NetworkReconstructor(
            pool.sfreq, decoder, context_s=config.lags.tmax_s, training=config.training, seed=config.seed
        )
        network.fit(
            [pool.eeg[k] for k in train],
            [first_feature(pool.attended[k]) for k in train],
            journal=journal,
            fold=fold,
        )
        found |= {k: network.predict(pool.eeg[k]) for k in test}
    return found


def _classified(config: AadConfig, pool: Pool, journal: Journal | None) -> dict[int, Scorer]:
    from cogattn.eeg.aad.trainable import SpeakerClassifier

    scorers = {}
    for fold, (train, test) in enumerate(pool.splits(config.validation)):
        classifier: SpeakerClassifier = SpeakerClassifier(
            pool.sfreq, training=config.training, seed=config.seed
        )
        heard = ([first_feature(part[k]) for k in train] for part in (pool.attended, pool.unattended))
        classifier.fit([pool.eeg[k] for k in train], *heard, journal=journal, fold=fold)
        scorers |= {k: by_network(classifier, pool.eeg[k]) for k in test}
    return scorers
