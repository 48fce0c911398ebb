"""What a run on scenes says: how soon targets are found and how well people's fixations are told, people beside it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from cogattn.measures import Estimate, Row, summary_table
from cogattn.observers.observer import Observer
from cogattn.people.tables import beside
from cogattn.psychophysics.search.config import SearchConfig
from cogattn.psychophysics.search.natural import figures, plan
from cogattn.psychophysics.search.natural.columns import DENSITY, PATHS, TABLE
from cogattn.psychophysics.search.natural.curves import PEOPLE, Curves
from cogattn.psychophysics.search.natural.looks import Looks
from cogattn.psychophysics.search.natural.measures import (
    AUC,
    BITS,
    CONTENT_BITS,
    DIFFICULTY,
    FOUND_WITHIN,
    NSS,
    RAW_BITS,
    SACCADES,
    found_by,
)
from cogattn.psychophysics.search.natural.people import persons
from cogattn.psychophysics.search.natural.remarks import remarks_of
from cogattn.psychophysics.search.natural.weighing import (
    CENTRE,
    NO_CONTENT,
    OTHERS,
    OTHERS_MIXED,
    Weighing,
    weigh,
)
from cogattn.psychophysics.search.plan import copies_of
from cogattn.seeds import Streams
from cogattn.statistics.crossed import interval
from cogattn.study import Results, Trials
from cogattn.vision.scenes.reading import SceneSet, read_scenes
from cogattn.vision.scenes.scene import Scene

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MARKS = {CENTRE: "baseline", NO_CONTENT: "baseline", OTHERS: "people", OTHERS_MIXED: "people"}
"""What searchers are held against, and the role that tables give it."""
GAZE_MEASURES = {"bits": BITS, "bits_raw": RAW_BITS, "content_bits": CONTENT_BITS, "nss": NSS, "auc": AUC}
OF_CONTROLS = ("bits", "content_bits")
"""What the summary holds of controls; the rest is in the tables."""
FEWEST_SCENES = 2
"""With looks, without which there is no other scene to learn from."""


def summarise(config: SearchConfig, trials: Trials) -> Results:
    """Set searchers beside the people who searched the same scenes."""
    settings = config.scenes
    if settings.path is None:
        raise ValueError("a summary of scenes needs scenes.path")
    scene_set = read_scenes(
        settings.path,
        layout=settings.layout,
        pixels_per_degree=settings.pixels_per_degree,
        n_scenes=settings.n_scenes,
    )
    return summary_of(config, scene_set, plan.observers_of(config), trials)


def summary_of(
    config: SearchConfig, scene_set: SceneSet, planned: Sequence[Observer], trials: Trials
) -> Results:
    """Summarise searches of scenes at hand.

    Parameters
    ----------
    config : SearchConfig
        Settings of the run.
    scene_set : SceneSet
        What was searched.
    planned : sequence of Observer
        Who took part; those that have no searches are left out.
    trials : Trials
        Tables of `columns`.
    """
    searches, scenes = trials[TABLE], scene_set.scenes
    observers = tuple(one for one in planned if one.id in set(searches["observer"]))
    searches = searches[searches["observer"].isin([one.id for one in observers])]
    rng = Streams(config.seed)
    curves = Curves.of(scenes, searches, rng=rng, n_resamples=config.n_bootstrap)
    looks, weighing = Looks.at(scenes, config.scenes), None
    if len(np.unique(looks.scene)) >= FEWEST_SCENES:
        weighing = weigh(looks, trials, observers, rng=rng, e2_deg=config.rules.e2_deg)
    tables = _tables(config, scenes, observers, curves, weighing)
    limits = curves.human.limits(curves.horizon)
    people = persons(curves, weighing, limits=limits)
    rows = beside(_rows(observers, curves, tables, limits, rng), people)
    return Results(
        summary=summary_table(rows),
        tables=tables,
        figures=_figures(observers, scenes, trials, tables),
        remarks=remarks_of(scene_set, observers, curves, looks, weighing, tables),
        people=people if len(people) else None,
    )


def _tables(
    config: SearchConfig,
    scenes: Sequence[Scene],
    observers: Sequence[Observer],
    curves: Curves,
    weighing: Weighing | None,
) -> dict[str, pd.DataFrame]:
    roles = {one.id: one.role for one in observers} | MARKS | {PEOPLE: "people"}
    tables = {"found": curves.table(roles), "scenes": _by_scene(scenes, curves, weighing)}
    if weighing is not None:
        tables["gaze"] = weighing.table(roles, rng=Streams(config.seed), n_resamples=config.n_bootstrap)
    return tables


def _by_scene(scenes: Sequence[Scene], curves: Curves, weighing: Weighing | None) -> pd.DataFrame:
    """A row a scene and observer: share found by the horizon, mean saccades, searches; bits and looks."""
    with_target = [scene for scene in scenes if scene.target is not None and scene.target.present]
    targets = {scene.name: "" if scene.target is None else scene.target.name for scene in scenes}
    finding = [
        curves.by_scene(observer).assign(observer=observer, scene=[scene.name for scene in with_target])
        for observer in curves.searches
    ]
    table = (
        pd.concat(finding)
        if finding
        else pd.DataFrame(columns=["observer", "scene", "found", "saccades", "n"])
    )
    if weighing is not None:
        table = table.merge(
            _told_by_scene(scenes, weighing), on=["observer", "scene"], how="outer", sort=False
        )
    table = table[table["n"].fillna(0) + table.get("n_looks", pd.Series(0.0, table.index)).fillna(0) > 0]
    table.insert(0, "target", table["scene"].map(targets))
    first = ["observer", "scene", "target"]
    return table[[*first, *(name for name in table if name not in first)]].reset_index(drop=True)


def _told_by_scene(scenes: Sequence[Scene], weighing: Weighing) -> pd.DataFrame:
    tables = []
    for observer, scored in weighing.scored.items():
        told = {"observer": observer, "scene": [scene.name for scene in scenes]}
        for measure in ("bits", "content_bits"):
            if measure in scored.values:
                totals, counts = (table.sum(axis=1) for table in weighing.totals(observer, measure))
                told[measure] = np.divide(totals, counts, out=np.full(len(counts), np.nan), where=counts > 0)
                told["n_looks"] = counts
        tables.append(pd.DataFrame(told))
    return pd.concat(tables)


def _rows(
    observers: Sequence[Observer],
    curves: Curves,
    tables: Mapping[str, pd.DataFrame],
    limits: Sequence[int],
    rng: Streams,
) -> Iterator[Row]:
    for observer in observers:
        if observer.id not in curves.searches:
            continue
        network, note = observer.role == "network", f"horizon {curves.horizon} saccades"
        shares, n = curves.shares(observer.id), curves.n(observer.id)
        for limit in limits if network else limits[-1:]:
            yield Row(observer, found_by(limit), interval(shares[:, limit - 1], n))
        yield Row(observer, SACCADES, curves.mean_saccades(observer.id), note=note)
        if network and PEOPLE in curves.searches:
            yield Row(observer, FOUND_WITHIN, curves.within_limits(observer.id), note="n searches of people")
            drawn = rng.generator("difficulty", observer.id)
            yield Row(observer, DIFFICULTY, curves.difficulty(observer.id, rng=drawn), note="n scenes")
        if "gaze" in tables:
            yield from _gaze_rows(observer, observers, tables["gaze"])


def _gaze_rows(observer: Observer, observers: Sequence[Observer], gaze: pd.DataFrame) -> Iterator[Row]:
    own = gaze[gaze["observer"] == observer.id].set_index("measure")
    for name, measure in GAZE_MEASURES.items():
        if name in own.index and (observer.role == "network" or name in OF_CONTROLS):
            row = own.loc[name]
            value = Estimate(float(row["estimate"]), float(row["lo"]), float(row["hi"]), int(row["n"]))
            yield Row(observer, measure, value, note=_note(observer, observers, gaze, name))


def _note(observer: Observer, observers: Sequence[Observer], gaze: pd.DataFrame, name: str) -> str:
    """What people are in this row, and what untrained copies have."""
    copies = [copy.id for copy in copies_of(observer, observers, "untrained")]
    theirs = gaze[gaze["observer"].isin(copies) & (gaze["measure"] == name)]["estimate"]
    told = [] if name == "bits_raw" else ["people: told by the others"]
    if len(theirs):
        told.append(f"{len(theirs)} untrained: {theirs.min():.2f} to {theirs.max():.2f}")
    return "; ".join(told)


def _figures(
    observers: Sequence[Observer],
    scenes: Sequence[Scene],
    trials: Trials,
    tables: Mapping[str, pd.DataFrame],
) -> dict[str, Callable[[], Figure]]:
    drawn: dict[str, Callable[[], Figure]] = {
        "found": partial(figures.found_figure, tables["found"], observers)
    }
    if "gaze" in tables:
        drawn["gaze"] = partial(figures.gaze_figure, tables["gaze"], observers)
    network = next((one for one in observers if one.role == "network"), None)
    if network is not None and len(trials[DENSITY]):
        drawn["examples"] = lambda: figures.examples_figure(scenes, trials[DENSITY], trials[PATHS], network)
    return drawn
