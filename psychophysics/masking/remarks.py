"""What a reader must know before the numbers: first what makes them other than they look, then what was left out."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import PurePosixPath

import numpy as np

from cogattn.fetch import Manual
from cogattn.measures import Row
from cogattn.observers.config import ReadoutObserver, TimmObserver
from cogattn.people.tables import remark_on
from cogattn.psychophysics.masking.channel.misfit import P_MISFIT, RMS_MISFIT
from cogattn.psychophysics.masking.config import (
    AdaptiveDesign,
    MaskingConfig,
    NoiseSettings,
    Shown,
    StimulusSettings,
)
from cogattn.psychophysics.masking.datasets import DATASETS
from cogattn.psychophysics.masking.material import training_images, trial_images
from cogattn.psychophysics.masking.observed import Observed
from cogattn.psychophysics.masking.people import People, Persons
from cogattn.study import Trials

UNLIKELY = 0.05
"""A gain of less weight than this is spoken against."""
MOST_NAMED = 6
"""Observers that a sentence names."""


def remarks(
    config: MaskingConfig,
    trials: Trials,
    found: Sequence[Observed],
    people: People | Persons,
    *,
    rows: Sequence[Row] = (),
) -> tuple[str, ...]:
    """Return the sentences of a run, the gravest first.

    Parameters
    ----------
    config : MaskingConfig
        Of the run.
    trials : Trials
        Of all observers that are whole.
    found : sequence of Observed
        These observers.
    people : People or Persons
        Whom they are set beside.
    rows : sequence of Row
        Of the summary.
    """
    fits = (_misfits(found), _other_gain(config, found), _limits(found))
    if config.observer.kind == "human":
        said = (_unknown_stimuli(config, people), *fits, _unused_people(config), _who(people, rows))
        return tuple(filter(None, said))
    said = (
        _other_stimuli(config, people),
        _unknown_stimuli(config, people),
        _untrained(config),
        *fits,
        *_unused(config),
        *(_interval_missed(config.design, one) for one in found if isinstance(config.design, AdaptiveDesign)),
        _divided(config),
        _skipped(config),
        _clipped(config, trials),
        _who(people, rows),
    )
    return tuple(filter(None, said))


def _misfits(found: Sequence[Observed]) -> str:
    """Whose channel does not fit, by the rule of `cogattn.psychophysics.masking.channel.misfit`."""
    poor = sorted((one for one in found if one.misfit.speaks), key=lambda one: -one.misfit.rms)
    if not poor:
        return ""
    each = _some(
        f"{one.observer.name} (deviance / df {one.misfit.dispersion.estimate:.1f}, {one.misfit.rms:.0%} off)"
        for one in poor
    )
    return (
        f"the channel does not fit {each}: the deviance's P is below {P_MISFIT:g}, and fitted accuracies are off by "
        f"more than {RMS_MISFIT:.0%} (root mean square, binomial scatter apart); see channel_misfit.csv"
    )


def _other_gain(config: MaskingConfig, found: Sequence[Observed]) -> str:
    """Whose counts speak against the gain that the settings name."""
    gain = config.channel.gain
    if gain in ("auto", "free"):
        return ""
    against = [one for one in found if one.gains.under(gain).weight < UNLIKELY]
    if not against:
        return ""
    each = _some(f"{one.observer.name} ({one.gains.chosen})" for one in against)
    return f"channel.gain is {gain}, but the counts speak for another gain of {each}; see channel_models.csv"


def _limits(found: Sequence[Observed]) -> str:
    """Whose channel has a parameter on a limit."""
    each = [f"{one.observer.name} ({', '.join(one.ml.at_limit)})" for one in found if one.ml.at_limit]
    return f"at a limit of what is fitted: {_some(each)}" if each else ""


def _some(texts: Iterable[str]) -> str:
    """The first of them, and how many more."""
    listed = list(texts)
    more = len(listed) - MOST_NAMED
    return ", ".join(listed[:MOST_NAMED]) + (f" and {more} more" if more > 0 else "")


def differences(config: MaskingConfig, people: People | Persons) -> list[tuple[str, str]]:
    """Return in what the stimuli of people and those of the run differ: theirs, and the run's.

    Nothing is known of the stimuli of a table of one's own, whose noise is taken to be that of the settings. Images are
    known by their names. That people saw stimuli which had been stored as JPEG is left out, as no setting brings it
    back.
    """
    if config.observer.kind == "human" or isinstance(people, Persons) or people.counts.shown is None:
        return []
    shown = people.counts.shown
    return [*_images(config, shown), *_noise(config, shown), *_stimulus(config.stimulus, shown.stimulus)]


def _images(config: MaskingConfig, shown: Shown) -> Iterator[tuple[str, str]]:
    if config.images.kind == "procedural":
        yield "photographs", "drawn objects"
    else:
        named = re.compile(_pattern(shown.images), re.IGNORECASE)
        names = [PurePosixPath(image).name for image in trial_images(config).ids]
        others = sum(not named.fullmatch(name) for name in names)
        if others:
            yield f"the photographs of {shown.images}", f"{others:,} of {len(names):,} images are others"
    if config.images.size != shown.size:
        yield f"images of {shown.size} pixels a side", f"{config.images.size} pixels"


def _pattern(data_set: str) -> str:
    """What the names of a data set's images look like."""
    return next(one.pattern for one in DATASETS if isinstance(one, Manual) and one.name == data_set)


def _noise(config: MaskingConfig, shown: Shown) -> Iterator[tuple[str, str]]:
    theirs, ours = shown.noise, config.noise
    if (theirs.bands, theirs.n_bands) != (ours.bands, ours.n_bands):
        yield f"noise in {theirs.n_bands} {theirs.bands} bands", f"{ours.n_bands} {ours.bands} bands"
    levels = f"noise SDs {_listed(_above_0(theirs.sds))}"
    if isinstance(config.design, AdaptiveDesign):
        yield levels, "those that the adaptive design chose"
    elif not np.isin(np.round(ours.sds, 9), np.round(theirs.sds, 9)).all():
        yield levels, _listed(_above_0(ours.sds))


def _stimulus(ours: StimulusSettings, theirs: StimulusSettings) -> Iterator[tuple[str, str]]:
    for name in ("contrast", "mean"):
        if getattr(ours, name) != getattr(theirs, name):
            yield f"{name} {getattr(theirs, name):g}", f"{getattr(ours, name):g}"
    if ours.scale != theirs.scale:
        yield f"contrast and noise set in {SCALES[theirs.scale]}", f"in {SCALES[ours.scale]}"
    if ours.clipping != theirs.clipping:
        yield FITTED[theirs.clipping], FITTED[ours.clipping]


SCALES = {"code": "code values", "luminance": "linear luminance"}
FITTED = {"reference": "image pixels moved so that the noise fits", "clip": "the sum clipped"}


def _above_0(sds: Sequence[float]) -> list[float]:
    return [sd for sd in sds if sd > 0]


def _other_stimuli(config: MaskingConfig, people: People | Persons) -> str:
    pairs = differences(config, people)
    if not pairs:
        return ""
    listed = "; ".join(f"{theirs} (here {ours})" for theirs, ours in pairs)
    return (
        f"people and the observer saw different things, so what differs between them may be the stimuli. People "
        f"saw {listed}"
    )


def _unknown_stimuli(config: MaskingConfig, people: People | Persons) -> str:
    """Counts say nothing of the noise, and a channel follows from counts and noise."""
    if isinstance(people, Persons) or people.counts.shown is not None:
        return ""
    noise = config.noise
    return (
        f"what {people.name} saw is not known: their noise is taken to be that of the settings, {noise.n_bands} "
        f"{noise.bands} bands"
    )


def _listed(sds: Sequence[float]) -> str:
    return ", ".join(f"{sd:g}" for sd in sds)


def _untrained(config: MaskingConfig) -> str:
    observer = config.observer
    if not isinstance(observer, TimmObserver | ReadoutObserver) or observer.weights != "random":
        return ""
    what = "networks" if config.observer.kind == "timm" else "features"
    return f"observer.weights is random: the {what} are untrained"


def _unused(config: MaskingConfig) -> Iterator[str]:
    """Settings that were given and that change nothing."""
    noise, given = config.noise, NoiseSettings()
    if isinstance(config.design, AdaptiveDesign) and noise.sds != given.sds:
        yield f"noise.sds ({_listed(noise.sds)}) is not used: the adaptive design has noise SDs of its own"
    if isinstance(config.design, AdaptiveDesign) and config.channel.gain != "log-gaussian":
        yield (
            f"channel.gain ({config.channel.gain}) is used for people only: an adaptive session finds the log-Gaussian "
            f"channel of the crossed grid; set channel.gain to log-gaussian to compare like with like"
        )
    if noise.bands == "pyramid" and noise.lowest_cpi != given.lowest_cpi:
        yield f"noise.lowest_cpi ({noise.lowest_cpi:g}) is not used: pyramid bands follow from images.size"
    if config.decision != "mean" and config.observer.kind in ("readout", "template"):
        kind = config.observer.kind
        yield f"decision ({config.decision}) is not used: a {kind} knows the images' own categories only"
    if config.stimulus.strict and config.images.kind == "procedural":
        yield "stimulus.strict is not used: drawn images cannot be damaged"


def _unused_people(config: MaskingConfig) -> str:
    if config.humans == MaskingConfig.model_fields["humans"].default:
        return ""
    return f"humans ({config.humans}) is not used: people are set beside the mean of their own table"


def _interval_missed(design: AdaptiveDesign, found: Observed) -> str:
    lo, hi = found.ml.bandwidth_interval
    goal, n = design.interval_octaves, found.n_trials
    if hi - lo <= goal:
        return f"{found.observer.name}: the interval of the bandwidth came down to {goal:g} octaves after {n} trials"
    return (
        f"{found.observer.name}: the interval of the bandwidth is {hi - lo:.2f} octaves wide after {n} trials, "
        f"design.interval_octaves asked for {goal:g}; raise design.max_trials"
    )


def _divided(config: MaskingConfig) -> str:
    """Where images come from files, training takes its part of them."""
    if config.observer.kind != "readout" or config.images.kind == "procedural":
        return ""
    n_train, n_test = len(training_images(config)), len(trial_images(config))
    return f"{n_train} of {n_train + n_test} images train the readout, {n_test} are tested"


def _skipped(config: MaskingConfig) -> str:
    skipped = trial_images(config).skipped
    if not skipped:
        whole = config.stimulus.strict and config.images.kind != "procedural"
        return "no image is damaged (stimulus.strict)" if whole else ""
    shown = "; ".join(f"{name}: {reason}" for name, reason in list(skipped.items())[:3])
    return f"{len(skipped)} damaged image(s) were skipped ({shown}{'; ...' if len(skipped) > 3 else ''})"


def _clipped(config: MaskingConfig, trials: Trials) -> str:
    by_sd = trials.counts("masking", by=["noise_sd"], totals=["n_clipped"])
    if by_sd.empty:
        return ""
    n_pixels = by_sd["n"] * config.images.size**2
    share, top = by_sd["n_clipped"].sum() / n_pixels.sum(), (by_sd["n_clipped"] / n_pixels).max()
    how = "were clipped" if config.stimulus.clipping == "clip" else "had their image pixel moved"
    return f"{share:.2%} of all pixels fell outside [0, 1] and {how}, at most {top:.2%} at one noise SD"


def _who(people: People | Persons, rows: Sequence[Row]) -> str:
    if isinstance(people, Persons):
        return remark_on(people.name, people.table, rows)
    n, n_trials = len(people.counts.observers), int(people.counts.n_trials.sum())
    if n == 1:
        return (
            f"people: {people.name}, 1 observer, {n_trials:,} trials; interval over trials, not over persons"
        )
    return (
        f"people: {people.name}, {n} observers, {n_trials:,} trials; mean and interval over persons (their pooled "
        f"counts scatter {people.population.pooled.dispersion:.1f} times as much as binomial ones)"
    )
