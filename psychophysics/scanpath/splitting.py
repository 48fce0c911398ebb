"""Training, validation and test: parts that share no layout, no target or no person.

What is split are the layouts (or targets, or persons), never their scanpaths: people's paths over one layout are alike,
and a model that saw some of them has seen what the others are. Splits by trial, as published, are there to show what
that gives away (Fang et al., 2024, split trials at random).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from cogattn.errors import ConfigError
from cogattn.psychophysics.scanpath.config import By, SplitSettings
from cogattn.psychophysics.scanpath.layouts.items import Ints, PathSet
from cogattn.seeds import Streams


@dataclass(frozen=True, eq=False)
class Split:
    """Numbers of the paths of each part in their `PathSet`.

    Parameters
    ----------
    train, validation, test : array of int, shape (n_paths,)
        Sorted, disjoint.
    """

    train: Ints
    validation: Ints
    test: Ints


def split_of(data: PathSet, settings: SplitSettings, seed: int, number: int) -> Split:
    """Return one of the splits of the data.

    Parameters
    ----------
    data : PathSet
        Layouts and scanpaths.
    settings : SplitSettings
        What is split, and the shares of test and validation, which are rounded to whole layouts, targets or persons,
        at least one.
    seed : int
        The run's.
    number : int
        Which split, from 0; the test parts of successive splits are disjoint until all were tested on, then they
        are dealt again.

    Returns
    -------
    Split
        The same for the same data, in whatever order they were read. By target, scenes without one are in training.

    Raises
    ------
    ConfigError
        If there are fewer than three layouts, targets or persons, or no targets to split by.
    """
    owners = np.array([_owner(data, number, settings.by) for number in range(len(data.paths))])
    units = sorted(set(owners.tolist()) - {""})
    if len(units) < 3:
        raise ConfigError(_too_few(units, settings.by))
    streams = Streams(seed).child("split", settings.by)
    test = _tested(units, settings.test, number, streams)
    others = [unit for unit in units if unit not in test]
    n_validation = min(max(round(settings.validation * len(others)), 1), len(others) - 1)
    validation = set(_shuffled(others, streams, "validation", number)[:n_validation])
    in_test, in_validation = (np.isin(owners, sorted(part)) for part in (test, validation))
    return Split(
        train=np.flatnonzero(~in_test & ~in_validation),
        validation=np.flatnonzero(in_validation),
        test=np.flatnonzero(in_test),
    )


def _owner(data: PathSet, number: int, by: By) -> str:
    """What decides in which part a path is; empty where it can only be in training."""
    path = data.paths[number]
    layout = data.layout_of(path)
    if by == "layout":
        return layout.group
    if by == "target":
        return layout.target_name
    return path.person if by == "person" else f"{path.layout} {path.person} {number}"


def _tested(units: Sequence[str], share: float, number: int, streams: Streams) -> set[str]:
    """Units of the test: a share of a shuffled deck, the next one for the next split, until the deck is dealt."""
    n = min(max(round(share * len(units)), 1), len(units) - 2)
    deals, place = divmod(number, len(units) // n)
    return set(_shuffled(units, streams, "test", deals)[place * n : (place + 1) * n])


def _shuffled(units: Sequence[str], streams: Streams, *names: str | int) -> list[str]:
    return [units[place] for place in streams.generator(*names).permutation(len(units))]


def _too_few(units: Sequence[str], by: By) -> str:
    if by == "target" and not units:
        return "split.by must be layout or person where nothing is looked for; got target"
    return (
        f"split.by must name what there are at least 3 of, to train, validate and test on; got {by} with "
        f"{len(units)} of them"
    )
