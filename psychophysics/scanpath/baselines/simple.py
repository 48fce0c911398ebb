"""Rules that know no content: evenly, towards the middle, where others looked in other layouts, to the nearest, and by
how saccades go in general.

Each says how likely every object is next, with the empirical chance of ending after so many fixations. Widths, scales
and tables are fitted to the training part, bandwidths chosen on the validation part.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence

import numpy as np
from scipy.optimize import minimize, minimize_scalar
from scipy.special import ndtr

from cogattn.psychophysics.scanpath.baselines import density, logit
from cogattn.psychophysics.scanpath.baselines.moments import Moments, blocks, some_paths
from cogattn.psychophysics.scanpath.baselines.stepwise import State, Stepwise, normalised, with_even_part
from cogattn.psychophysics.scanpath.config import ScanpathConfig
from cogattn.psychophysics.scanpath.layouts.items import Array, Ints, Layout, ObjectPath, PathSet
from cogattn.seeds import Streams

Paths = Sequence[ObjectPath]
AMPLITUDES_DEG = (0.75, 1.5, 2.25, 3.0, 4.0, 5.5, 7.5, 10.0, 14.0, 20.0)
"""Limits of the rings of saccades."""
DIRECTIONS = 8
"""Sectors, the first about rightwards, then clockwise on the screen."""
N_FITTED = 8000
"""Fixations, at most, that the two numbers of `Nearest` are fitted to."""
RIDGE = 1.0
"""Nats a squared unit of a histogram's log odds costs, twice: what an empty bin rests on."""


class Uniform(Stepwise):
    """Every object is as likely as any other."""

    def _fit(self, data: PathSet, train: Paths, validation: Paths, config: ScanpathConfig) -> None:
        return None

    def log_p(self, moments: Moments) -> Array:
        """Return ln of 1 over the number of objects."""
        n_objects = moments.layout.n_objects
        return np.full((len(moments), n_objects), -np.log(n_objects))

    def _state(self) -> State:
        return {}

    def _load(self, state: State) -> None:
        return None


class Steady(Stepwise):
    """A predictor to whom all moments over a layout are alike."""

    def log_p(self, moments: Moments) -> Array:
        """Return the same odds at every moment."""
        own = self.of_layout(moments.layout)
        return np.broadcast_to(own, (len(moments), len(own)))

    @abstractmethod
    def of_layout(self, layout: Layout) -> Array:
        """Return ln of the chance of each object, shape (n_objects,)."""


class Centre(Steady):
    """A Gaussian about the image's middle, added up over each object; its width is fitted.

    Its standard deviation is the same part of the image's width and of its height.
    """

    width: float

    def _fit(self, data: PathSet, train: Paths, validation: Paths, config: ScanpathConfig) -> None:
        counts = fixated(data, train)

        def loss(log_width: float) -> float:
            width = float(np.exp(log_width))
            return -sum(float(own @ _central(data.layouts[k], width)) for k, own in counts.items())

        self.width = float(np.exp(minimize_scalar(loss, bounds=(-4.0, 2.0), method="bounded").x))

    def of_layout(self, layout: Layout) -> Array:
        """Return ln of each object's part of the Gaussian."""
        return _central(layout, self.width)

    def _state(self) -> State:
        return {"width": np.array([self.width])}

    def _load(self, state: State) -> None:
        self.width = float(state["width"][0])


class Density(Steady):
    """A kernel density of where fixations were in other layouts, added up over each object.

    Places are parts of the image's width and height; the bandwidth is that of the best validation likelihood. Where
    layouts are all the same grid this is how often each of its cells was looked at.
    """

    map: Array

    def _fit(self, data: PathSet, train: Paths, validation: Paths, config: ScanpathConfig) -> None:
        counts = density.Counts.of(data, train)
        seen = fixated(data, validation or train)
        maps = [density.smoothed(counts.total, bandwidth) for bandwidth in density.BANDWIDTHS]
        self.map = max(maps, key=lambda one: _steady_likelihood(data, seen, one))

    def of_layout(self, layout: Layout) -> Array:
        """Return ln of each object's part of the density."""
        return _dense(layout, self.map)

    def _state(self) -> State:
        return {"map": self.map}

    def _load(self, state: State) -> None:
        self.map = np.asarray(state["map"], dtype=float)


class Nearest(Stepwise):
    """The nearest object that was not looked at yet, with odds that fall off exponentially with distance.

    Published as a walk without chance (Fang et al., 2024). Here the fall-off and the part of fixations that follow no
    rule, spread evenly over all objects, are fitted. The first fixation is near the image's middle.
    """

    scale_deg: float
    even: float

    def _fit(self, data: PathSet, train: Paths, validation: Paths, config: ScanpathConfig) -> None:
        rng = Streams(config.seed).child("scanpath", "nearest").generator("training")
        some = [one.choices() for one in blocks(data, some_paths(train, N_FITTED, rng))]

        def loss(theta: Array) -> float:
            self.scale_deg, self.even = float(np.exp(theta[0])), float(1 / (1 + np.exp(-theta[1])))
            return -sum(float(_of(self.log_p(moments), chosen).sum()) for moments, chosen in some)

        bounds = [(np.log(0.1), np.log(100.0)), (-7.0, 7.0)]
        begin = np.array([[1.0, 0.0], [2.0, 0.0], [1.0, -2.0]])
        options = {"xatol": 0.005, "fatol": 0.1, "initial_simplex": begin}
        loss(minimize(loss, begin[0], method="Nelder-Mead", bounds=bounds, options=options).x)

    def log_p(self, moments: Moments) -> Array:
        """Return ln of a softmax of minus distance over objects not looked at, mixed with an even part."""
        layout = moments.layout
        away = gaze_distance(layout)[moments.now]
        score = np.where(moments.visits > 0, -np.inf, -away / self.scale_deg)
        score[~np.isfinite(score).any(axis=1)] = 0.0  # all were looked at
        return np.log((1 - self.even) * np.exp(normalised(score)) + self.even / layout.n_objects)

    def _state(self) -> State:
        return {"scale_deg": np.array([self.scale_deg]), "even": np.array([self.even])}

    def _load(self, state: State) -> None:
        self.scale_deg, self.even = float(state["scale_deg"][0]), float(state["even"][0])


class Histogram(Stepwise):
    """How far and in which direction saccades go: a log odds for each ring and sector, times each object's area.

    Knows neither content nor what was looked at before. The table has its maximum likelihood given which objects there
    were to go to; staying on the object has a bin of its own, and so have the rings about the middle from which the
    first fixation comes.
    """

    table: Array

    def _fit(self, data: PathSet, train: Paths, validation: Paths, config: ScanpathConfig) -> None:
        n_bins = 1 + (len(AMPLITUDES_DEG) + 1) * (DIRECTIONS + 1)
        parts, chosen = [], []
        for one in blocks(data, train):
            moments, next_one = one.choices()
            at = bins(moments)
            area = np.broadcast_to(moments.layout.log_area, at.shape)
            rows = np.broadcast_to(np.arange(len(at))[:, None], at.shape)
            room = np.zeros((len(at), n_bins))
            np.add.at(room, (rows, at), np.exp(area))
            parts.append(room)
            chosen.append(at[np.arange(len(at)), next_one])
        room = np.concatenate(parts)
        choices = _BinnedChoices(room, np.concatenate(chosen))
        self.table = logit.climb(choices, np.zeros(n_bins), np.full(n_bins, RIDGE), len(room)).weights

    def log_p(self, moments: Moments) -> Array:
        """Return ln of area times the table's value, normalised over objects."""
        return with_even_part(normalised(self.table[bins(moments)] + moments.layout.log_area))

    def _state(self) -> State:
        return {"table": self.table}

    def _load(self, state: State) -> None:
        self.table = np.asarray(state["table"], dtype=float)


class _BinnedChoices:
    """Log likelihood of choices of objects whose log odds are their bin's, where only each bin's room counts."""

    def __init__(self, room: Array, chosen: Ints) -> None:
        self.room, self.chosen = room, np.bincount(chosen, minlength=room.shape[1]).astype(float)

    def __call__(self, table: Array) -> tuple[float, Array, Array]:
        weight = self.room * np.exp(table)
        total = weight.sum(axis=1, keepdims=True)
        p = weight / total
        value = float(self.chosen @ table - np.log(total).sum())
        return value, self.chosen - p.sum(axis=0), np.diag(p.sum(axis=0)) - p.T @ p


def bins(moments: Moments) -> Ints:
    """Return the bin of a saccade to each object, shape (n, n_objects): 0 to stay, then rings x sectors, then the rings
    about the middle."""
    layout = moments.layout
    places = np.concatenate([layout.position_deg, np.zeros((1, 2))])  # the last one, -1, is the middle
    way = layout.position_deg - places[:, None]
    ring = np.searchsorted(AMPLITUDES_DEG, np.hypot(way[..., 0], way[..., 1]))
    turn = np.arctan2(way[..., 1], way[..., 0]) / (2 * np.pi) * DIRECTIONS
    sector = np.round(turn).astype(np.int64) % DIRECTIONS
    n_rings = len(AMPLITUDES_DEG) + 1
    table = 1 + ring * DIRECTIONS + sector
    np.fill_diagonal(table, 0)
    table[-1] = 1 + n_rings * DIRECTIONS + ring[-1]
    return table[moments.now]


def gaze_distance(layout: Layout) -> Array:
    """Return degrees from each object, and in the last row from the image's middle, to each object."""
    places = np.concatenate([layout.position_deg, np.zeros((1, 2))])
    way = layout.position_deg - places[:, None]
    return np.hypot(way[..., 0], way[..., 1])


def fixated(data: PathSet, paths: Paths) -> dict[int, Array]:
    """Return how often each object of each layout was looked at, fixations that are given left out."""
    counts: dict[int, Array] = {}
    for path in paths:
        own = counts.setdefault(path.layout, np.zeros(data.layouts[path.layout].n_objects))
        np.add.at(own, path.objects[path.n_given :], 1.0)
    return counts


def _of(log_p: Array, chosen: Ints) -> Array:
    return log_p[np.arange(len(chosen)), chosen]


def _central(layout: Layout, width: float) -> Array:
    low, high = (ndtr((edge - 0.5) / width) for edge in density.edges(layout))
    share = np.exp(layout.log_area) / np.prod(layout.size_deg, axis=1)
    return with_even_part(normalised(np.log(np.maximum((high - low).prod(axis=1) * share, 1e-300))))


def _dense(layout: Layout, density_map: Array) -> Array:
    return with_even_part(normalised(np.log(density.over_objects(density_map, layout))))


def _steady_likelihood(data: PathSet, counts: dict[int, Array], density_map: Array) -> float:
    return sum(float(own @ _dense(data.layouts[k], density_map)) for k, own in counts.items())
