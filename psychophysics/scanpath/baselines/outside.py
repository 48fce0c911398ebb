"""Predictions from elsewhere, scored beside the models of a run: scanpaths in a file, or densities over pixels.

Scanpaths come as a CSV table with the columns ``scene``, ``sample``, ``fixation``, ``x``, ``y`` and, where it is known,
``person``; or as JSON in the form of COCO-Search18, a list of objects with ``name`` (of the image), ``X`` and ``Y``
and, where they are known, ``subject`` and ``task``. Durations are not read. x and y are pixels of the image. A path
with a person is a prediction of that person's; one without, of everybody's. Sample -1 is what the predictor holds
likeliest; where there is one sample only it stands for both. Such files say nothing of how likely a fixation is: only
scores of paths are to be had.

Densities (`densities`) are likelihoods of single fixations and say nothing of paths.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, cast

import numpy as np

from cogattn.errors import DataError
from cogattn.psychophysics.scanpath.baselines import densities
from cogattn.psychophysics.scanpath.config import ObjectSettings
from cogattn.psychophysics.scanpath.layouts.assigning import assign
from cogattn.psychophysics.scanpath.layouts.items import Array, Ints, ObjectPath, PathSet
from cogattn.psychophysics.scanpath.predicting import Prediction
from cogattn.vision.scenes.files import numbers, read_json, rows_of

if TYPE_CHECKING:
    import pandas as pd

NEEDED = ("scene", "sample", "fixation", "x", "y")
FIELDS = ("name", "X", "Y")
LIKELIEST = -1
"""Number of the sample that is no sample."""
MAX_BYTES = 1 << 29
N_NAMED = 3
Sample = tuple[int, Ints]
Whose = tuple[int, str]
"""Number of a layout, and a person; "" for everybody."""


@dataclass(frozen=True, eq=False)
class Outside:
    """What somebody else predicted, as a `predicting.Predictor`.

    Parameters
    ----------
    log_p : mapping of int to array
        ln of the chance of each object, by layout.
    paths : mapping of (layout, person) to list of (sample, objects)
        Scanpaths.
    said : tuple of str
        What a reader must know.
    """

    log_p: Mapping[int, Array] = field(default_factory=dict)
    paths: Mapping[Whose, Sequence[Sample]] = field(default_factory=dict)
    said: tuple[str, ...] = ()

    @property
    def has_likelihood(self) -> bool:
        """Whether it says how likely fixations are; where not, `predict` may not be asked."""
        return bool(self.log_p)

    @property
    def has_paths(self) -> bool:
        """Whether it has scanpaths; where not, `sample` returns none."""
        return bool(self.paths)

    def covers(self, path: ObjectPath) -> bool:
        """Tell whether it predicts this path in whichever way it predicts any."""
        return path.layout in self.log_p or bool(self._own(path))

    def predict(self, data: PathSet, paths: Sequence[ObjectPath]) -> list[Prediction]:
        """Return the same chances at each fixation of paths that it covers; raise DataError for others."""
        return [self._prediction(data, path) for path in paths]

    def sample(
        self,
        data: PathSet,
        paths: Sequence[ObjectPath],
        *,
        n: int,
        rng: np.random.Generator,
        max_length: int,
    ) -> list[list[Ints]]:
        """Return the first `n` of its scanpaths for each path, fewer where it has fewer; the likeliest with ``n=0``."""
        return [self._samples(path, n) for path in paths]

    def state(self) -> Mapping[str, np.ndarray]:
        """Return nothing: it learned nothing here."""
        return {}

    def _prediction(self, data: PathSet, path: ObjectPath) -> Prediction:
        if path.layout not in self.log_p:
            raise DataError(f"predictions must be of {data.layout_of(path).name}; got none")
        return Prediction(np.tile(self.log_p[path.layout], (len(path) - path.n_given, 1)))

    def _samples(self, path: ObjectPath, n: int) -> list[Ints]:
        own = self._own(path)
        drawn = [objects for number, objects in own if number != LIKELIEST]
        likeliest = [objects for number, objects in own if number == LIKELIEST]
        only = drawn if len(drawn) == 1 else []
        chosen = (drawn or likeliest)[:n] if n else (likeliest or only)[:1]
        given = path.objects[: path.n_given]
        return [np.concatenate([given, objects[path.n_given :]]) for objects in chosen]

    def _own(self, path: ObjectPath) -> list[Sample]:
        """Its scanpaths for a path that go on beyond what is given."""
        whose = (path.layout, path.person)
        found = self.paths.get(whose) or self.paths.get((path.layout, "")) or ()
        return [one for one in found if len(one[1]) > path.n_given]


def read(path: Path, data: PathSet, settings: ObjectSettings | None = None) -> Outside:
    """Read predictions.

    Parameters
    ----------
    path : Path
        A CSV or JSON file of scanpaths, or a folder of densities.
    data : PathSet
        Layouts, whose names predictions go by.
    settings : ObjectSettings, optional
        What becomes of pixels and fixations beside objects.

    Raises
    ------
    DataError
        If nothing can be read, nothing is of a layout here, or numbers are none.
    """
    settings = settings or ObjectSettings()
    if path.is_dir():
        if not densities.is_there(path):
            raise DataError(
                f"predictors must be CSV, JSON, or folders of arrays or images; got none of these ({path})"
            )
        log_p, said = densities.read(path, data, settings)
        return Outside(log_p=log_p, said=said)
    if not path.is_file():
        raise DataError(f"predictors must be files or folders that are there; got {path}")
    if path.stat().st_size > MAX_BYTES:
        raise DataError(
            f"predictions must have at most {MAX_BYTES / 1e6:.0f} MB; got {path.stat().st_size / 1e6:.0f}"
        )
    if path.suffix.lower() == ".json":
        return _assigned(path.name, _of_json(path, data), data, settings)
    if path.suffix.lower() == ".csv":
        return _assigned(path.name, _of_table(path, data), data, settings)
    raise DataError(f"predictors must be CSV, JSON, or folders of arrays or images; got {path.name}")


# ---- scanpaths


@dataclass(frozen=True, eq=False)
class _Given:
    """One scanpath of a file: its scene's number (None where it is not known), in pixels."""

    scene: str
    layout: int | None
    person: str
    sample: int
    fixations_px: Array


def _of_table(path: Path, data: PathSet) -> Iterator[_Given]:
    """Scanpaths of a CSV table."""
    table = _table(path)
    layouts = {layout.name: number for number, layout in enumerate(data.layouts)}
    keys = ["scene", "person", "sample"]
    for key, own in table.groupby(keys, sort=True):
        scene, person, sample = cast(tuple[str, str, float], key)
        points = own.sort_values("fixation", kind="stable")[["x", "y"]].to_numpy(float)
        if own["fixation"].duplicated().any():
            raise DataError(
                f"fixation must be numbered once a scanpath; got {own['fixation'].mode()[0]:g} twice "
                f"({scene}, sample {sample:g}, {path.name})"
            )
        yield _Given(scene, layouts.get(scene), person, int(sample), points)


def _table(path: Path) -> pd.DataFrame:
    import pandas as pd

    try:
        table = pd.read_csv(path, dtype=str, keep_default_na=False, skipinitialspace=True)
    except (OSError, ValueError) as error:
        raise DataError(f"{path.name} must be a CSV table; got {error}") from error
    if lacking := [name for name in NEEDED if name not in table]:
        raise DataError(f"{path.name} must have the columns {', '.join(NEEDED)}; got none named {lacking[0]}")
    for name in NEEDED[1:]:
        values = pd.to_numeric(table[name], errors="coerce")
        if not np.isfinite(values).all():
            line = int(np.flatnonzero(~np.isfinite(values))[0])
            raise DataError(
                f"{name} must be a number; got {table[name][line]!r} (line {line + 2}, {path.name})"
            )
        table[name] = values
    if (table["sample"] != table["sample"].round()).any():
        raise DataError(f"sample must be a whole number; got others ({path.name})")
    texts = {name: table[name].str.strip() if name in table else "" for name in ("scene", "person")}
    return table.assign(**texts)


def _of_json(path: Path, data: PathSet) -> Iterator[_Given]:
    """Scanpaths of a list in the form of COCO-Search18; those of one image, task and person are samples."""
    layouts = {layout.name: number for number, layout in enumerate(data.layouts)}
    counts: dict[tuple[str, str], int] = {}
    try:
        rows = rows_of(read_json(path), path, FIELDS)
    except RecursionError as error:
        raise DataError(f"{path.name} must be a list of scanpaths; got lists in lists") from error
    for row in rows:
        image, person = str(row["name"]), str(row.get("subject", ""))
        stem = Path(image).with_suffix("").as_posix()
        names = (f"{stem}, {row.get('task', '')}", stem, image)
        scene = next((name for name in names if name in layouts), image)
        where = f"{image}, {path.name}"
        x, y = numbers(row["X"], f"X of {where}"), numbers(row["Y"], f"Y of {where}")
        if len(x) != len(y) or not len(x) or not np.isfinite([x, y]).all():
            raise DataError(f"X and Y must hold as many finite numbers; got {len(x)} and {len(y)} ({where})")
        sample = counts[scene, person] = counts.get((scene, person), -1) + 1
        yield _Given(scene, layouts.get(scene), person, sample, np.column_stack([x, y]))


def _assigned(name: str, given: Iterator[_Given], data: PathSet, settings: ObjectSettings) -> Outside:
    """Scanpaths over objects."""
    people = set(data.people)
    paths: dict[Whose, list[Sample]] = {}
    unknown: dict[str, list[str]] = {"scene": [], "person": []}
    dropped, empty, n = 0, 0, 0
    for one in given:
        n += 1
        if one.layout is None:
            unknown["scene"].append(one.scene)
        elif one.person and one.person not in people:
            unknown["person"].append(one.person)
        else:
            objects = _objects(one, data, settings)
            dropped += len(one.fixations_px) - len(objects)
            empty += not len(objects)
            if len(objects):
                paths.setdefault((one.layout, one.person), []).append((one.sample, objects))
    if not paths:
        raise DataError(
            f"predictions must be of scenes and people that are here ({data.layouts[0].name} ...); got "
            f"{_some([*unknown['scene'], *unknown['person']]) or 'no scanpath'} ({name})"
        )
    return Outside(paths=paths, said=tuple(_told(name, n, paths, unknown, dropped, empty)))


def _objects(one: _Given, data: PathSet, settings: ObjectSettings) -> Ints:
    """Objects of the fixations that lie in the image and on, or near, an object."""
    layout = data.layouts[one.layout or 0]
    size = np.array(layout.scene.size_px[::-1])
    points = one.fixations_px
    points = points[((points >= 0) & (points <= size)).all(axis=1)]
    if not len(points):
        return np.zeros(0, dtype=np.int64)
    found = assign(layout.scene.objects, points, layout.scene.size_px)
    limit = np.inf if settings.beside_deg is None else settings.beside_deg * layout.scale
    kept = (found.n_holding > 0) | ((settings.beside == "nearest") & (found.beside_px <= limit))
    objects = found.objects[kept]
    if settings.merge and len(objects):
        objects = objects[np.r_[True, objects[1:] != objects[:-1]]]
    return objects


def _told(
    name: str,
    n: int,
    paths: Mapping[Whose, Sequence[Sample]],
    unknown: Mapping[str, Sequence[str]],
    dropped: int,
    empty: int,
) -> Iterator[str]:
    n_layouts = len({layout for layout, _ in paths})
    yield (
        f"predictions of {name}: {sum(map(len, paths.values())):,} scanpaths over {n_layouts:,} layouts; they say "
        "nothing of how likely a fixation is, so there are no bits"
    )
    for what, cases in unknown.items():
        if cases:
            yield f"predictions of {name}: {len(cases):,} of {n:,} scanpaths are of no {what} here ({_some(cases)})"
    if dropped:
        more = f", and {empty:,} scanpaths had no other" if empty else ""
        yield (
            f"predictions of {name}: {dropped:,} fixations outside the image, on no object or merged are not "
            f"counted{more}"
        )


def _some(cases: Sequence[str]) -> str:
    different = list(dict.fromkeys(cases))
    return ", ".join(different[:N_NAMED]) + (
        f" and {len(different) - N_NAMED} more" if len(different) > N_NAMED else ""
    )
