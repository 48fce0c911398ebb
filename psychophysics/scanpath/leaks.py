"""What a test gives away: scanpaths of the test that are in training as well, and images that are in both.

In a data set that was built with one person's scanpath under every person's name, each path of a test that was split by
trial has its twin in training, and a model that remembers scores far above people. So equal scanpaths across parts end
a run, unless it is to show what they score.
"""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

import numpy as np

from cogattn.errors import DataError
from cogattn.psychophysics.scanpath.config import SplitSettings
from cogattn.psychophysics.scanpath.layouts.items import Layout, ObjectPath, PathSet
from cogattn.psychophysics.scanpath.splitting import Split
from cogattn.running.digests import file_digest

MIN_FIXATIONS = 2
"""Shorter scanpaths may be equal by chance."""
BY_CHANCE = 1e-4
"""Paths that tell objects but not where on them the eye was may be equal by chance up to this expected number."""
N_NAMED = 3
"""So many are named in a sentence."""


@dataclass(frozen=True)
class Leak:
    """A scanpath of the test and its equal in training or validation.

    Parameters
    ----------
    layout, person : str
        Of the test.
    other_layout, other_person : str
        Of its equal.
    part : str
        ``training`` or ``validation``.
    """

    layout: str
    person: str
    other_layout: str
    other_person: str
    part: str

    def __str__(self) -> str:
        there = "" if self.layout == self.other_layout else f" in {self.other_layout}"
        return f"{self.person} in {self.layout} = {self.other_person}{there} ({self.part})"


@dataclass(frozen=True)
class Leaks:
    """What was found.

    Parameters
    ----------
    paths : tuple of Leak
        One for each scanpath of the test that has an equal.
    images : tuple of (str, str)
        Layouts of the test and layouts of training or validation that show the same image though they count as two.
    n_test : int
        Scanpaths of the test.
    """

    paths: tuple[Leak, ...]
    images: tuple[tuple[str, str], ...]
    n_test: int

    @property
    def count(self) -> int:
        """Scanpaths of the test that have an equal."""
        return len(self.paths)

    def sentence(self) -> str:
        """Return what a reader must know; empty where nothing leaks."""
        told = []
        if self.paths:
            told.append(
                f"{self.count:,} of {self.n_test:,} scanpaths of the test are in training or validation as well "
                f"({_named(map(str, self.paths), self.count)})"
            )
        if self.images:
            pairs = (f"{one} = {other}" for one, other in self.images)
            told.append(
                f"images of the test that training or validation has under another name: {len(self.images):,} "
                f"({_named(pairs, len(self.images))})"
            )
        return "; ".join(told)

    def raise_or_say(self, settings: SplitSettings) -> str:
        """Return `sentence` where leaks are to be shown; raise DataError where there are some that are not."""
        sentence = self.sentence()
        if sentence and settings.leaks == "refuse":
            raise DataError(
                f"the test must share no scanpath and no image with training; got: {sentence}; correct the data, or "
                "see what the leak scores with split.leaks = show"
            )
        return sentence


def find(data: PathSet, split: Split) -> Leaks:
    """Look for scanpaths and images of the test in the other parts.

    Parameters
    ----------
    data : PathSet
        Layouts and scanpaths.
    split : Split
        The parts.

    Returns
    -------
    Leaks
        Scanpaths are equal where all fixations that a model must predict are, in pixels, at least two of them. Where
        all of them lie in the very middle of their object (the data tell which object, but not where on it), there
        must be so many that chance does not do it.
    """
    known: dict[bytes, tuple[int, str]] = {}
    for part, numbers in (("validation", split.validation), ("training", split.train)):
        for number in numbers[::-1]:
            known[_key(data.paths[number])] = int(number), part  # the first one of training is named, if any
    n_others = len(split.train) + len(split.validation)
    found = [
        _leak(data, data.paths[number], *known[key])
        for number in split.test
        if (key := _key(data.paths[number])) in known and _tells(data, data.paths[number], n_others)
    ]
    return Leaks(tuple(found), _images(data, split), len(split.test))


def twins(data: PathSet) -> tuple[str, ...]:
    """Return a sentence for each two persons who have equal scanpaths in one layout or more, as `find` tells them.

    Somebody was copied: what people tell of one another is too high, whichever way the data are split.
    """
    owners: dict[tuple[int, bytes], list[str]] = defaultdict(list)
    for path in data.paths:
        if _tells(data, path, len(data.paths)):
            owners[path.layout, _key(path)].append(path.person)
    counts = Counter(pair for people in owners.values() for pair in combinations(sorted(people), 2))
    return tuple(
        f"{one} and {other} have the same scanpath, to the pixel, in {n:,} layout{'s' if n > 1 else ''}: one is a copy"
        for (one, other), n in sorted(counts.items())
    )


def marks(data: PathSet) -> dict[str, str]:
    """Return what tells each layout from others, whoever looked at it: a SHA-256 by the layout's name.

    It is of the image, or where there is none of the layout's name, objects and target. A trained model keeps those
    of its training.
    """
    return {layout.name: _mark(layout) for layout in data.layouts}


def against(data: PathSet, known: Mapping[str, str]) -> tuple[str, ...]:
    """Return the names of layouts that a model was trained on, whose `marks` were `known`."""
    seen = set(known.values())
    return tuple(name for name, mark in marks(data).items() if mark in seen)


def _key(path: ObjectPath) -> bytes:
    own = np.ascontiguousarray(path.fixations_px[path.n_given :], dtype=np.float64) + 0.0  # -0 is 0
    return own.tobytes()


def _leak(data: PathSet, path: ObjectPath, other: int, part: str) -> Leak:
    twin = data.paths[other]
    return Leak(data.layout_of(path).name, path.person, data.layout_of(twin).name, twin.person, part)


def _tells(data: PathSet, path: ObjectPath, n_others: int) -> bool:
    """Whether an equal of this path is no accident."""
    n, layout = len(path) - path.n_given, data.layout_of(path)
    if n < MIN_FIXATIONS:
        return False
    middles = layout.position_deg[path.objects] * layout.scale + layout.scene.middle_px
    if not np.allclose(middles[path.n_given :], path.fixations_px[path.n_given :], rtol=0, atol=1e-3):
        return True
    return n_others * float(layout.n_objects) ** -n < BY_CHANCE


def _images(data: PathSet, split: Split) -> tuple[tuple[str, str], ...]:
    """Pairs of layouts with one image, one in the test and one not, where the parts share no layout otherwise."""
    tested, fitted = (
        [data.layouts[number] for number in sorted({data.paths[path].layout for path in numbers})]
        for numbers in (split.test, np.concatenate([split.train, split.validation]))
    )
    groups = {layout.group for layout in fitted}
    first: dict[str, str] = {}
    for layout in fitted:
        if layout.scene.picture is not None:
            first.setdefault(_mark(layout), layout.name)
    return tuple(
        (layout.name, first[_mark(layout)])
        for layout in tested
        if layout.scene.picture is not None and layout.group not in groups and _mark(layout) in first
    )


def _mark(layout: Layout) -> str:
    scene = layout.scene
    if isinstance(scene.picture, Path):
        return file_digest(scene.picture)
    if scene.picture is not None:
        told = repr((scene.picture.shape, scene.picture.dtype.str)).encode()
        return hashlib.sha256(told + np.ascontiguousarray(scene.picture).tobytes()).hexdigest()
    boxes = [(thing.name, tuple(map(float, thing.box_px))) for thing in scene.objects]
    target = None if scene.target is None else (scene.target.name, scene.target.box_px)
    return hashlib.sha256(repr((scene.name, scene.size_px, boxes, target)).encode()).hexdigest()


def _named(texts: Iterable[str], n: int) -> str:
    first = [text for text, _ in zip(texts, range(N_NAMED), strict=False)]
    return "; ".join(first) + (f" and {n - N_NAMED:,} more" if n > N_NAMED else "")
