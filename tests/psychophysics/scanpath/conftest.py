from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import pytest

from cogattn.psychophysics.scanpath.layouts.items import Layout, ObjectPath, PathSet
from cogattn.vision.scenes.scene import Scene, SceneObject, Target

SIDE, SCALE = 40.0, 20.0
"""Objects are squares of 2 degrees in a row of eight, rows below each other."""


def layout(
    name: str,
    *,
    n_objects: int = 6,
    target: int | None = None,
    target_name: str = "",
    group: str = "",
    picture: np.ndarray | None = None,
    size_px: tuple[int, int] = (240, 320),
) -> Layout:
    corners = np.array([(SIDE * (k % 8), SIDE * (k // 8)) for k in range(n_objects)])
    objects = tuple(
        SceneObject(f"o{k}", (x, y, x + SIDE, y + SIDE), category="cup" if k % 2 else "red cup")
        for k, (x, y) in enumerate(corners)
    )
    box = None if target is None else objects[target].box_px
    scene = Scene(
        name=name,
        picture=picture,
        size_px=size_px,
        pixels_per_degree=SCALE,
        objects=objects,
        target=Target(target_name or "red cup", box_px=box, category="red cup")
        if target is not None or target_name
        else None,
    )
    position = (corners + SIDE / 2 - scene.middle_px) / SCALE
    return Layout(scene, position, np.full((n_objects, 2), SIDE / SCALE), target, group or name, SCALE)


Given = tuple[str, str, Sequence[int]] | tuple[str, str, Sequence[int], Mapping[str, object]]


@pytest.fixture
def path_set() -> Callable[..., PathSet]:
    """Build a PathSet of (layout, person, objects, more); fixations lie off the middle, each somewhere else."""

    def build(*given: Given, layouts: Mapping[str, Layout] | None = None, seed: int = 0) -> PathSet:
        rng = np.random.default_rng(seed)
        found = {name: layout(name) for name in {one[0] for one in given}} | dict(layouts or {})
        names = sorted(found)
        paths = []
        for name, person, objects, *more in sorted(given, key=lambda one: one[:2]):
            own = found[name]
            chosen = np.array(objects, dtype=np.int64)
            middles = own.position_deg[chosen] * own.scale + own.scene.middle_px
            told = {"fixations_px": middles + rng.uniform(-9, 9, middles.shape)} | dict(*more)
            paths.append(ObjectPath(names.index(name), person, chosen, **told))
        return PathSet(tuple(found[name] for name in names), tuple(paths))

    return build


@pytest.fixture
def make_layout() -> Callable[..., Layout]:
    return layout
