"""Features of a network as the numbers that a model is told: standardised, fewer, and weighed against the target.

All is fitted on layouts of training; `describe` says of any layout what the objects look like by it. Per depth:

- principal components of features that are standardised channel by channel, divided by one number so that their mean
  variance is 1;
- *likeness*: the cosine between an object's standardised features and those of what is looked for: the target's
  picture; else the mean of the objects of its category in other layouts of training; else, where models are told which
  object is the target, that object itself. 0, which is the mean, where nothing is known of it;
- *oddness*: the root mean square of an object's standardised features less their mean over its layout.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence

import numpy as np
import torch
from torch import Tensor

from cogattn.psychophysics.scanpath.layouts.items import Array, Layout
from cogattn.psychophysics.scanpath.models.seeing import N_DEPTHS, Features, Seen

N_COMPONENTS = 64
"""Of each depth, at most."""
State = Mapping[str, np.ndarray]
See = Callable[[Layout], Seen]


def fit(layouts: Sequence[Layout], see: See) -> dict[str, np.ndarray]:
    """Fit everything on the objects of some layouts, each object counting once.

    Parameters
    ----------
    layouts : sequence of Layout
        Of training.
    see : callable
        What the network sees of a layout.

    Returns
    -------
    dict of str to array
        ``channels_0``, (2, n_channels): mean and SD; ``components_0``, (n_channels, n_components); the same of each
        depth; ``categories``, ``category_n`` and ``category_0``: names as JSON, objects, and sums of their standardised
        features; ``extra``, (2, 2 * n_depths): mean and SD of likeness and oddness.
    """
    moments = [_Moments() for _ in range(N_DEPTHS)]
    for layout in layouts:
        for own, features in zip(moments, see(layout).objects, strict=True):
            own.add(features.astype(np.float64))
    state: dict[str, np.ndarray] = {}
    for depth, own in enumerate(moments):
        state[f"channels_{depth}"], state[f"components_{depth}"] = _components(own)
    state |= _sums(layouts, see, state)
    every = np.concatenate([_extra(state, layout, see(layout), trained=True) for layout in layouts])
    known = ~np.isnan(every)
    n, told = np.maximum(known.sum(axis=0), 1), np.where(known, every, 0)
    mean = told.sum(axis=0) / n
    spread = np.sqrt((np.where(known, every - mean, 0) ** 2).sum(axis=0) / n)
    return state | {"extra": np.stack([mean, _divisor(spread)])}


def describe(state: State, layout: Layout, seen: Seen, *, trained: bool) -> Tensor:
    """Return what the objects of a layout look like, float32 of shape (n_objects, n_features).

    Parameters
    ----------
    state : mapping of str to array
        By `fit`.
    layout : Layout
        Of training or not.
    seen : Seen
        Its features.
    trained : bool
        Whether it was among those that were fitted on: then its own objects have no part in what categories look like.
    """
    parts = [z @ state[f"components_{depth}"] for depth, z in enumerate(_standardised(state, seen))]
    mean, spread = state["extra"]
    extra = (_extra(state, layout, seen, trained=trained) - mean) / spread
    return torch.from_numpy(np.concatenate([*parts, np.nan_to_num(extra)], axis=1)).float()


def fits(state: State, seen: Seen) -> bool:
    """Whether a state is of a network with as many depths and channels."""
    return all(
        f"channels_{depth}" in state and state[f"channels_{depth}"].shape[1:] == found.shape[1:]
        for depth, found in enumerate(seen.objects)
    )


# ---- channels and components


class _Moments:
    """Number, mean and scatter of rows, part by part (Chan et al., 1983)."""

    def __init__(self) -> None:
        self.n = 0
        self.mean, self.scatter = np.zeros(()), np.zeros(())

    def add(self, rows: Array) -> None:
        own, total = rows.mean(axis=0), self.n + len(rows)
        apart, step = rows - own, own - self.mean
        self.scatter = self.scatter + apart.T @ apart + np.outer(step, step) * (self.n * len(rows) / total)
        self.mean = self.mean + step * (len(rows) / total)
        self.n = total


def _components(moments: _Moments) -> tuple[Array, Array]:
    """Mean and SD of channels, and the axes of the largest variance of standardised ones."""
    covariance = moments.scatter / moments.n
    spread = _divisor(np.sqrt(np.diag(covariance)))
    values, vectors = np.linalg.eigh(covariance / np.outer(spread, spread))
    kept = np.argsort(values)[::-1][: min(N_COMPONENTS, max(moments.n - 1, 1))]
    kept = kept[values[kept] > 1e-9 * values.max()] if values.max() > 0 else kept[:1]
    axes = vectors[:, kept]
    axes = axes * np.sign(axes[np.abs(axes).argmax(axis=0), np.arange(len(kept))])
    return np.stack([moments.mean, spread]), axes / _divisor(np.sqrt(values[kept].mean(keepdims=True)))


def _divisor(spread: Array) -> Array:
    """What may be divided by: 1 where nothing varies."""
    return np.where(spread > 1e-12 * max(float(spread.max(initial=0)), 1e-30), spread, 1.0)


def _standardised(state: State, seen: Seen) -> list[Array]:
    """Objects at each depth, (n_objects, n_channels)."""
    return [_standard(state, depth, found) for depth, found in enumerate(seen.objects)]


def _standard(state: State, depth: int, features: Features) -> Array:
    mean, spread = state[f"channels_{depth}"]
    return (features.astype(np.float64) - mean) / spread


# ---- what is looked for


def _sums(layouts: Sequence[Layout], see: See, state: State) -> dict[str, np.ndarray]:
    """Number and summed features of the objects of each category."""
    names = sorted({name for layout in layouts for name in layout.categories if name})
    counts = np.zeros(len(names))
    sums = [np.zeros((len(names), state[f"channels_{depth}"].shape[1])) for depth in range(N_DEPTHS)]
    for layout in layouts:
        of = np.array(layout.categories, dtype=object) == np.array(names, dtype=object)[:, None]
        counts += of.sum(axis=1)
        if names:
            for total, z in zip(sums, _standardised(state, see(layout)), strict=True):
                total += of @ z
    return {
        "categories": np.frombuffer(json.dumps(names).encode(), dtype=np.uint8).copy(),
        "category_n": counts,
        **{f"category_{depth}": total for depth, total in enumerate(sums)},
    }


def _looked_for(
    state: State, layout: Layout, seen: Seen, objects: list[Array], *, trained: bool
) -> list[Array]:
    """What the target looks like at each depth, up to a factor; empty where nobody knows."""
    target = layout.scene.target
    if seen.target is not None:
        return [_standard(state, depth, found) for depth, found in enumerate(seen.target)]
    if target is not None and target.category:
        names = json.loads(state["categories"].tobytes())
        if target.category in names:
            number, own = names.index(target.category), np.array(layout.categories) == target.category
            others = state["category_n"][number] - own.sum() * trained
            if others > 0.5:
                sums = [state[f"category_{depth}"][number] for depth in range(len(objects))]
                return [total - z[own].sum(axis=0) * trained for total, z in zip(sums, objects, strict=True)]
    return [] if layout.target is None else [z[layout.target] for z in objects]


def _extra(state: State, layout: Layout, seen: Seen, *, trained: bool) -> Array:
    """Likeness and oddness at each depth, (n_objects, 2 * n_depths); NaN where nobody knows what is looked for."""
    objects = _standardised(state, seen)
    wanted = _looked_for(state, layout, seen, objects, trained=trained)
    nothing = np.full(len(objects[0]), np.nan)
    likeness = [_cosine(z, one) for z, one in zip(objects, wanted, strict=True)] if wanted else []
    oddness = [np.sqrt(((z - z.mean(axis=0)) ** 2).mean(axis=1)) for z in objects]
    return np.stack([*(likeness or [nothing] * len(objects)), *oddness], axis=1)


def _cosine(rows: Array, one: Array) -> Array:
    lengths = np.linalg.norm(rows, axis=1) * np.linalg.norm(one)
    return np.divide(rows @ one, lengths, out=np.zeros(len(rows)), where=lengths > 0)
