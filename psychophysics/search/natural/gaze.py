"""How well a searcher tells where people looked next, from where they stood and where they had been.

For every fixation of every person, the searcher is put where that person was, with that person's history of visited
places, and asked for the density of its next fixation. A density is over the places of a lattice, its rows sum to 1; a
fixation is the place nearest to it. The searcher looks from the lattice, too, so that what it sees is computed once
for all who stood at a place.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import logsumexp

from cogattn.errors import DataError
from cogattn.psychophysics.search.config import RulesSettings, ScenesSettings, SearchConfig
from cogattn.psychophysics.search.displays.display import Display
from cogattn.psychophysics.search.natural.columns import (
    GAZES,
    LOG2_DENSITIES,
    TEMPERATURES,
)
from cogattn.psychophysics.search.natural.scores import auc_of, nss_of
from cogattn.psychophysics.search.searchers.searching import (
    Places,
    Searcher,
    View,
    inhibition,
    next_fixation_density,
    priority,
)
from cogattn.study import empty_table
from cogattn.vision.retina import visibility
from cogattn.vision.scenes.scene import Scanpath, Scene

Array = NDArray[np.float64]
BLOCK = 64
"""Gazes whose evidence is asked for at once."""


def densities_along(
    searcher: Searcher,
    scene: Scene,
    fixations_deg: Array,
    *,
    rules: RulesSettings,
    rng: np.random.Generator,
    places: Places | None = None,
) -> tuple[Array, NDArray[np.int64]]:
    """Return the density of each next fixation of a given scanpath, as the searcher would have drawn it.

    Parameters
    ----------
    searcher, scene, rules, rng
        As for `cogattn.psychophysics.search.searchers.searching.search`.
    fixations_deg : array, shape (n, 2)
        Somebody's fixations after the start.
    places : Places, optional
        Where it may look: the lattice of a display, or that of `ScenesSettings`, when absent.

    Returns
    -------
    densities : array, shape (n, n_places)
    fixated : array of int, shape (n,)
        The place nearest to each fixation.

    Raises
    ------
    DataError
        If there is no fixation, or endless inhibition leaves no place for one, every place having been visited.
    """
    lattice = places or _places_of(scene, rules)
    fixations = np.asarray(fixations_deg, dtype=float).reshape(-1, 2)
    if not len(fixations):
        raise DataError(f"fixations_deg must hold a fixation; got none ({scene.name})")
    gaze = np.concatenate([start_deg(scene)[None], fixations])
    seen = _Seen(searcher.begin(scene, lattice, rng), lattice, gaze[:-1])
    steps = _along(seen, np.arange(len(gaze))[None], np.array([len(gaze)]), rules)
    worth = np.concatenate([worth for _, _, (worth, _) in steps])
    if not np.isfinite(worth).any(axis=1).all():
        raise DataError(
            "rules.inhibition must be finite for scanpaths that go on after every place was visited; got "
            f"{len(fixations_deg)} fixations on {len(lattice.points_deg)} places ({scene.name})"
        )
    return next_fixation_density(worth, rules.temperature), lattice.nearest(fixations)


def score(view: View, scene: Scene, places: Places, config: SearchConfig, *, observer: str) -> pd.DataFrame:
    """Weigh where people looked in a scene by the densities of a searcher.

    Parameters
    ----------
    view : View
        What the searcher sees of the scene.
    scene : Scene
        With the scanpaths of people, first fixations being where they were made to start.
    places : Places
        Where the searcher may look.
    config : SearchConfig
        ``rules`` count.
    observer : str
        What the table calls the searcher.

    Returns
    -------
    DataFrame
        Columns `columns.GAZES`: a row for every fixation on the image but the first of each scanpath. One off the
        image is where the person looks from next, seen from the nearest place.
    """
    paths = [path for path in scene.scanpaths if path.n_saccades > 0]
    if not paths:
        return empty_table(GAZES)
    fixated, lengths, inside = fixated_places(scene, places, paths)
    stood, standing = np.unique(fixated[:, :-1], return_inverse=True)
    seen = _Seen(view, places, places.points_deg[stood])
    near = cortical_area(places, places.points_deg[stood], e2_deg=config.rules.e2_deg)
    steps = _along(seen, standing.reshape(len(paths), -1), lengths, config.rules)
    tables = [
        _rows(worth, free, near[here], fixated[own, step], config.rules).assign(row=own, fixation=step)
        for step, (own, here, (worth, free)) in enumerate(steps, start=1)
    ]
    rows = pd.concat(tables, ignore_index=True)
    rows = rows[inside[rows["row"], rows["fixation"]]].sort_values(["row", "fixation"], ignore_index=True)
    numbers = [number for number, path in enumerate(scene.scanpaths) if path.n_saccades > 0]
    who = np.array([path.person for path in paths], dtype=object)
    rows = rows.assign(
        observer=observer, scene=scene.name, person=who[rows["row"]], trial=np.array(numbers)[rows["row"]]
    )
    return rows[list(GAZES)].astype(dict(GAZES))


def first_density(
    view: View, scene: Scene, places: Places, config: SearchConfig, *, observer: str
) -> pd.DataFrame:
    """Return what each place is worth for the first saccade of a search, columns `columns.DENSITIES`."""
    gaze = start_deg(scene)[None]
    nothing = np.zeros((1, len(places.points_deg)))
    worth = priority(view.evidence(gaze), nothing, gaze, places, config.rules)[0]
    x, y = scene.to_pixels(places.points_deg).T
    return pd.DataFrame({"observer": observer, "scene": scene.name, "x_px": x, "y_px": y, "worth": worth})


def start_deg(scene: Scene) -> Array:
    """Return where a search starts, (2,) in degrees: the middle where the scene does not tell."""
    return np.zeros(2) if scene.start_px is None else scene.to_degrees(np.array(scene.start_px))


def on_image(scene: Scene, points_px: Array) -> NDArray[np.bool_]:
    """Tell which points (n, 2) in pixels lie on the image, its edges included."""
    height, width = scene.size_px
    return np.asarray(((points_px >= 0) & (points_px <= (width, height))).all(axis=1))


def _places_of(scene: Scene, rules: RulesSettings) -> Places:
    if isinstance(scene, Display):
        return Places.of(scene, pitch_deg=rules.pitch_deg)
    lattice = ScenesSettings()
    return Places.over(
        scene,
        pitch_deg=lattice.pitch_deg,
        inhibition_deg=lattice.inhibition_deg,
        found_within_deg=lattice.found_within_deg,
    )


def fixated_places(
    scene: Scene, places: Places, paths: Sequence[Scanpath]
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.bool_]]:
    """Return the place of each fixation (n_paths, most), scanpaths' lengths (n_paths,), and what is on the image."""
    lengths = np.array([len(path.fixations_px) for path in paths])
    fixated = np.zeros((len(paths), lengths.max()), dtype=np.int64)
    inside = np.zeros(fixated.shape, dtype=bool)
    for row, path in enumerate(paths):
        fixated[row, : lengths[row]] = places.nearest(scene.to_degrees(path.fixations_px))
        inside[row, : lengths[row]] = on_image(scene, path.fixations_px)
    return fixated, lengths, inside


class _Seen:
    """What a searcher sees from some gazes (n_gazes, 2) in degrees, and which places a look there visits."""

    def __init__(self, view: View, places: Places, gaze_deg: Array) -> None:
        self.places, self.gaze_deg = places, gaze_deg
        blocks = [gaze_deg[start : start + BLOCK] for start in range(0, len(gaze_deg), BLOCK)]
        self.evidence = np.concatenate([view.evidence(block) for block in blocks])
        self.closed = np.concatenate([places.closed_by(block) for block in blocks])


def _along(
    seen: _Seen, standing: NDArray[np.int64], lengths: NDArray[np.int64], rules: RulesSettings
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64], tuple[Array, Array]]]:
    """Step all scanpaths, rows of `standing` in ``seen.gaze_deg``: yield who goes on, from where, and what places are
    worth, with visited ones held back and without."""
    belief = np.zeros((len(standing), len(seen.places.points_deg)))
    visits = np.full(belief.shape, np.inf)  # fixations since each place was visited
    for step in range(1, lengths.max()):
        own = np.flatnonzero(lengths > step)
        here = standing[own, step - 1]
        if step > 1:  # the start is no visit
            visits[own] = np.where(seen.closed[here], 0, visits[own] + 1)
        belief[own] = rules.memory * belief[own] + seen.evidence[here]
        held_back = inhibition(visits[own], rules)
        free, worth = (
            priority(belief[own], holding, seen.gaze_deg[here], seen.places, rules)
            for holding in (np.zeros_like(held_back), held_back)
        )
        yield own, here, (worth, free)


def cortical_area(places: Places, gaze_deg: Array, *, e2_deg: float) -> Array:
    """Return the log of how large each place is in primary visual cortex from gazes (n, 2), (n, n_places)."""
    distance = np.linalg.norm(places.points_deg - gaze_deg[:, None], axis=-1)
    return 2 * np.log(visibility(distance, e2_deg=e2_deg))


def _rows(
    worth: Array, free: Array, near: Array, fixated: NDArray[np.int64], rules: RulesSettings
) -> pd.DataFrame:
    """Scores of one step of several scanpaths, (n, n_places) each; nothing left open makes an even density."""
    n_open = np.isfinite(worth).sum(axis=1)
    worth = np.where(n_open[:, None] > 0, worth, 0.0)
    own = next_fixation_density(worth, rules.temperature or 1.0)  # at 0 its posterior is weighed
    with np.errstate(divide="ignore"):
        raw = np.log2(own[np.arange(len(own)), fixated])
    columns = {"place": fixated, "n_open": n_open, "log2_raw": raw}
    scaled = [worth / temperature for temperature in TEMPERATURES]
    scaled += [free / temperature + near for temperature in TEMPERATURES]
    columns |= {name: _log2_density(one, fixated) for name, one in zip(LOG2_DENSITIES, scaled, strict=True)}
    return pd.DataFrame(columns | {"nss": nss_of(own, fixated), "auc": auc_of(worth, fixated)})


def _log2_density(worth: Array, fixated: NDArray[np.int64]) -> Array:
    at = worth[np.arange(len(worth)), fixated]
    return (at - logsumexp(worth, axis=1)) / np.log(2)
