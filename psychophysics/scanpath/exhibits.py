"""What can be looked at of scanpaths: a layout, a person's fixations on it, and where a model says the next one goes.

Layouts, persons and baselines are those of the study's defaults; layouts are of the first split's test, so that no
model was fitted to them. The persons are simulated, so that one of the models can be the truth.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from cogattn.exhibits import Control, Exhibit, Picture, Series, Shown
from cogattn.observers.observer import Observer
from cogattn.psychophysics.scanpath.config import ScanpathConfig
from cogattn.psychophysics.scanpath.shown import named, spread

if TYPE_CHECKING:
    from cogattn.psychophysics.scanpath.baselines.stepwise import Stepwise
    from cogattn.psychophysics.scanpath.layouts.items import Array, Layout, ObjectPath, PathSet
    from cogattn.psychophysics.scanpath.splitting import Split

DEFAULT = ScanpathConfig()
TRUTH = "the person's own"
"""The rule by which the person was simulated."""
MODELS = ("histogram", "nearest", "history", "saliency", "density", "centre", "uniform", TRUTH)
N_TESTED = round(DEFAULT.split.test * DEFAULT.synthetic.n_layouts)


def next_object(*, layout: int, person: int, fixation: int, model: str) -> Shown:
    """Return a layout with the first fixations of a person and the chances of what is looked at next.

    Parameters
    ----------
    layout : int
        Number among the layouts of the test.
    person : int
        Number of the simulated person.
    fixation : int
        Fixations so far; after the last one nothing more comes.
    model : str
        One of `MODELS`.
    """
    data, path = _data(), _path(layout, person)
    where, so_far = data.layout_of(path), min(fixation, len(path))
    log_p = _log_p(model, where, path)
    chances = np.exp(log_p[so_far])
    picture = Picture(
        np.asarray(where.scene.picture, dtype=float) / 255,
        f"A layout of {where.n_objects} items in which person {path.person} looks for something {where.target_name}: "
        f"the first {so_far} of {len(path)} fixations, and the chance of each item to be next. The box is "
        "what is sought.",
        points=path.fixations_px[:so_far],
        weights=spread(where, chances),
        boxes=np.empty((0, 4))
        if where.target is None
        else np.array([where.scene.objects[where.target].box_px]),
    )
    return Shown((picture, _bits(log_p, path, where, so_far)), _facts(where, path, so_far, chances))


# ---- layouts, persons, models


@lru_cache(maxsize=1)
def _data() -> PathSet:
    from cogattn.psychophysics.scanpath.layouts.reading import data_of

    return data_of(DEFAULT)


@lru_cache(maxsize=1)
def _split() -> Split:
    from cogattn.psychophysics.scanpath.splitting import split_of

    return split_of(_data(), DEFAULT.split, DEFAULT.seed, 0)


def _path(layout: int, person: int) -> ObjectPath:
    data = _data()
    tested = [data.paths[number] for number in _split().test]
    own = sorted({path.layout for path in tested})[layout]
    name = data.people[person]
    return next(path for path in tested if path.layout == own and path.person == name)


@lru_cache(maxsize=len(MODELS))
def _fitted(model: str) -> Stepwise:
    from cogattn.psychophysics.scanpath.baselines.registry import make

    return make(Observer(model, role="control", variant=model))().fit(_data(), _split(), DEFAULT)


def _log_p(model: str, layout: Layout, path: ObjectPath) -> Array:
    """ln of the chance of each object before every fixation and after the last, (n + 1, n_objects)."""
    if model == TRUTH:
        return _true_log_p(layout, path)
    from cogattn.psychophysics.scanpath.baselines.moments import block

    moments = block(layout, [path], np.arange(1)).moments
    return np.asarray(_fitted(model).log_p(moments), dtype=float)


def _true_log_p(layout: Layout, path: ObjectPath) -> Array:
    from cogattn.psychophysics.scanpath.baselines.stepwise import normalised
    from cogattn.psychophysics.scanpath.layouts.synthetic import true_weights
    from cogattn.psychophysics.scanpath.layouts.terms import terms

    weights = true_weights(DEFAULT.synthetic, DEFAULT.seed)
    own = weights.loc[weights["person"] == path.person, "value"].to_numpy()
    return normalised(np.stack([terms(layout, path.objects[:n]) @ own for n in range(len(path) + 1)]))


# ---- what is shown


def _bits(log_p: Array, path: ObjectPath, layout: Layout, so_far: int) -> Series:
    n = len(path)
    bits = -log_p[np.arange(n), path.objects] / np.log(2)
    return Series(
        x=np.arange(1.0, n + 1),
        lines={"this model": bits, "equal chances": np.full(n, np.log2(layout.n_objects))},
        x_label="fixation (number)",
        y_label="surprise (bits)",
        marks=(float(so_far + 1),) if so_far < n else (),
        caption="How surprised the model is by each fixation, told those before it: the fewer bits, the better it "
        "knew; the line marks the next one.",
    )


def _facts(
    layout: Layout, path: ObjectPath, so_far: int, chances: Array
) -> dict[str, str | int | float | bool]:
    best = int(np.argmax(chances))
    facts: dict[str, str | int | float | bool] = {
        "layout": layout.name,
        "person": path.person,
        "fixations so far": so_far,
        "fixations in all": len(path),
        "likeliest next": named(layout, best, chances),
    }
    if so_far < len(path):
        following = int(path.objects[so_far])
        facts["looked at next"] = named(layout, following, chances)
        facts["its rank"] = int((chances > chances[following]).sum()) + 1
    return facts


NEXT_OBJECT = Exhibit(
    title="Where next?",
    about="A simulated person looks for an item of one colour. Step through the fixations: the map is how likely a "
    "model holds each item to be next.",
    controls=(
        Control("layout", "Layout (number, of those that no model was fitted to)", 0, 0, N_TESTED - 1, 1),
        Control("person", "Person (number)", 0, 0, DEFAULT.synthetic.n_people - 1, 1),
        Control("fixation", "Fixations so far", 3, 0, 30, 1, help="At most as many as the person made."),
        Control(
            "model",
            "Model",
            "histogram",
            choices=MODELS,
            help="How saccades go in general (histogram), the nearest unseen item, geometry and history (fitted in "
            "some seconds), rules that know less, or the truth.",
        ),
    ),
    make=next_object,
)
