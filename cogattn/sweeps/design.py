"""What a sweep asks: a study, settings that all its points share, and axes whose combinations are the points.

A file of a sweep is TOML:

    study = "masking"
    [settings]
    "noise.n_bands" = 5
    [axes]
    "observer.models" = [["resnet18"], ["resnet50"]]
    seed = "0..4"
    [[together]]
    "images.n_images" = [384, 768]
    "noise.sds" = [[0, 0.04, 0.16], [0, 0.02, 0.04, 0.08, 0.16]]

Every combination of the axes is a point; axes that stand ``together`` change together and count as one. Settings are
named by the study's own dotted paths, as one word in quotes or as tables. Whole numbers may be a range, both ends
included. A point is an ordinary run: it has the id that the study's own command gives it.
"""

from __future__ import annotations

import difflib
import itertools
import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

from pydantic import JsonValue

from cogattn.config import StudyConfig, at_path, merge, read_toml
from cogattn.errors import ConfigError
from cogattn.running.listing import short
from cogattn.running.store import run_id
from cogattn.study import Study

PARTS = ("study", "settings", "axes", "together")
RANGE = re.compile(r"(-?\d{1,12})\.\.(-?\d{1,12})")
MAX_POINTS = 10_000
SHOWN = 60
"""Characters of a value in an error."""


@dataclass(frozen=True)
class Design:
    """What a sweep asks of one study.

    Parameters
    ----------
    settings : mapping
        Nested settings that all points share.
    axes : mapping of str to sequence
        Values by dotted path; the combinations of all are the points, the last axis changing fastest.
    together : sequence of mapping
        As `axes`; the axes of one mapping change together, and count as one axis.
    """

    settings: Mapping[str, object] = field(default_factory=dict)
    axes: Mapping[str, Sequence[object]] = field(default_factory=dict)
    together: Sequence[Mapping[str, Sequence[object]]] = ()


@dataclass(frozen=True, eq=False)
class Point:
    """One combination.

    Parameters
    ----------
    values : mapping
        By axis, as given.
    config : StudyConfig
        All settings.
    """

    values: Mapping[str, object]
    config: StudyConfig

    def __str__(self) -> str:
        return ", ".join(f"{path} = {told(value)}" for path, value in self.values.items())


def read_design(path: Path) -> tuple[str, Design]:
    """Return the study's name and the design of a file.

    Raises
    ------
    ConfigError
        If it cannot be read, names no study, or holds something else than a sweep.
    """
    given = read_toml(path, what="a sweep")
    for name in given:
        if name not in PARTS:
            close = difflib.get_close_matches(name, PARTS, n=1)
            hint = f"; did you mean {close[0]}?" if close else ""
            raise ConfigError(f"a sweep must have {', '.join(PARTS)} and no more; got {name}{hint} ({path})")
    study = given.get("study")
    if not isinstance(study, str) or not study:
        raise ConfigError(f"study must be the name of a study; got {_shown(study)} ({path})")
    together = given.get("together", [])
    if not isinstance(together, list):
        raise ConfigError(f"together must be tables, [[together]]; got {_shown(together)} ({path})")
    return study, designed(given.get("settings", {}), given.get("axes", {}), together)


def designed(settings: object, axes: object, together: Sequence[object]) -> Design:
    """Return the design that nested or dotted mappings mean.

    Raises
    ------
    ConfigError
        If there is no axis, one is no list, is empty or is given twice, or axes that go together differ in length.
    """
    shared: dict[str, object] = {}
    for path, value in leaves(settings, "settings").items():
        shared = merge(shared, at_path(path, value))
    found = Design(
        shared,
        _axes(axes, "axes"),
        [_axes(group, f"together[{i}]") for i, group in enumerate(together)],
    )
    groups = [*({path: values} for path, values in found.axes.items()), *found.together]
    if not any(groups):
        raise ConfigError("axes must hold at least one axis; got none")
    for i, group in enumerate(found.together):
        lengths = {path: len(values) for path, values in group.items()}
        if len(set(lengths.values())) != 1:
            listed = ", ".join(f"{path} with {n}" for path, n in lengths.items()) or "no axis"
            raise ConfigError(f"together[{i}] must hold axes of as many values each; got {listed}")
    _refuse_overlap([path for group in groups for path in group])
    return found


def points_of(study: Study, design: Design) -> tuple[Point, ...]:
    """Return the points of a design in order, each with the study's settings.

    Raises
    ------
    ConfigError
        If the settings of a point break a rule of the study (the sentence is the study's own, with the point), two
        points are the same, or there are too many.
    """
    ways = [[{path: value} for value in values] for path, values in design.axes.items()]
    ways += [
        [dict(zip(group, row, strict=True)) for row in zip(*group.values(), strict=True)]
        for group in design.together
    ]
    n = math.prod(map(len, ways))
    if n > MAX_POINTS:
        raise ConfigError(f"a sweep must have at most {MAX_POINTS:,} points; got {n:,}")
    refused: list[str] = []
    points: list[Point] = []
    for combination in itertools.product(*ways):
        values = {path: value for part in combination for path, value in part.items()}
        try:
            points.append(Point(values, _config(study, design, values)))
        except ConfigError as error:
            refused.append(f"{error} (at {Point(values, StudyConfig())})")
    if refused:
        more = f"; and {len(refused) - 1} more of {n} points" if len(refused) > 1 else ""
        raise ConfigError(f"{refused[0]}{more}")
    _refuse_twins(study, points)
    return tuple(points)


def leaves(given: object, where: str) -> dict[str, object]:
    """Return what nested or dotted mappings hold by dotted path; raise ConfigError where a path comes twice."""
    if not isinstance(given, Mapping):
        raise ConfigError(f"{where} must be a table of settings by path; got {_shown(given)}")
    found: dict[str, object] = {}
    for path, value in _walk(given, ""):
        if path in found:
            raise ConfigError(f"{where}.{path} must be given once; got it twice")
        found[path] = value
    return found


def told(value: object) -> str:
    """Return a value of an axis as a reader would type it; a group as ``kind=timm models=resnet18``."""
    if isinstance(value, Mapping):
        if value.get("kind") == "module":  # a live network: nobody types its digest
            return f"{value.get('name')} {str(value.get('digest'))[:8]}"
        return " ".join(f"{path}={told(one)}" for path, one in _walk(value, ""))
    return ",".join(map(told, value)) if isinstance(value, list | tuple) else short(cast(JsonValue, value))


def _config(study: Study, design: Design, values: Mapping[str, object]) -> StudyConfig:
    nested = dict(design.settings)
    for path, value in values.items():
        nested = merge(nested, at_path(path, value))
    return study.Config.parse(nested)


def _axes(given: object, where: str) -> dict[str, Sequence[object]]:
    axes: dict[str, Sequence[object]] = {}
    for path, values in leaves(given, where).items():
        if isinstance(values, str) and (ends := RANGE.fullmatch(values)):
            first, last = map(int, ends.groups())
            if not 0 <= last - first < MAX_POINTS:
                raise ConfigError(
                    f"{where}.{path} must be a range of at most {MAX_POINTS:,} numbers, smallest first; got {values}"
                )
            values = list(range(first, last + 1))
        if not isinstance(values, list | tuple | range):
            raise ConfigError(
                f'{where}.{path} must be a list of values, or a range as "0..9"; got {_shown(values)}'
            )
        if not values:
            raise ConfigError(f"{where}.{path} must hold at least one value; got none")
        axes[path] = list(values)
    return axes


def _refuse_overlap(paths: Sequence[str]) -> None:
    """An axis twice, or one within another, would leave open which of the two holds."""
    for path in paths:
        if paths.count(path) > 1:
            raise ConfigError(f"{path} must be one axis; got it twice")
        within = next((other for other in paths if path.startswith(f"{other}.")), None)
        if within is not None:
            raise ConfigError(f"{path} and {within} must not both be axes: one is part of the other")


def _refuse_twins(study: Study, points: Sequence[Point]) -> None:
    first: dict[str, Point] = {}
    for point in points:
        twin = first.setdefault(run_id(study.name, point.config), point)
        if twin is not point:
            raise ConfigError(
                f"points of a sweep must differ; got the same settings at {twin} and at {point}"
            )


def _walk(given: Mapping[str, object], prefix: str) -> Iterator[tuple[str, object]]:
    for name, value in given.items():
        if isinstance(value, Mapping):
            yield from _walk(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value


def _shown(value: object) -> str:
    text = "nothing" if value is None else json.dumps(value, default=str)
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}..."
