"""What a reader of a run on scenes must hear before the numbers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import pandas as pd

from cogattn.observers.observer import Observer
from cogattn.psychophysics.search.natural.curves import PEOPLE, Curves
from cogattn.psychophysics.search.natural.finding import HumanSearches
from cogattn.psychophysics.search.natural.looks import Looks
from cogattn.psychophysics.search.natural.weighing import CENTRE, NO_CONTENT, OTHERS, Weighing
from cogattn.vision.scenes.reading import SceneSet
from cogattn.vision.scenes.scene import Scene

Table = Mapping[str, pd.DataFrame]

STRETCH = (
    "A fixation on the target, or on the places about it that count as such, ends a searcher's search: nothing is "
    "recognised. A person's ended as the experimenter's rule had it."
)
OTHERS_TELL = (
    "Of a searcher bits, NSS and AUC say how well it tells of all people's fixations; of a person, how well the other "
    "people in the same scene tell of his or hers."
)


def remarks_of(
    scene_set: SceneSet,
    observers: Sequence[Observer],
    curves: Curves,
    looks: Looks,
    weighing: Weighing | None,
    tables: Table,
) -> tuple[str, ...]:
    """Return the remarks of a run.

    Parameters
    ----------
    scene_set : SceneSet
        What was searched.
    observers : sequence of Observer
        Those that are in the tables.
    curves, looks, weighing
        What was found of them and of people; no weighing where fixations could not be weighed.
    tables : mapping of str to DataFrame
        ``found``, and ``gaze`` where there is a weighing.
    """
    scenes = scene_set.scenes
    return (
        *_people(scenes, curves.human, looks),
        *_targets(scenes),
        STRETCH,
        *scene_set.left_out,
        *_gaze(looks, weighing, tables),
        *_findings(observers, curves, tables),
    )


def _people(scenes: Sequence[Scene], human: HumanSearches, looks: Looks) -> Iterator[str]:
    if not any(scene.scanpaths for scene in scenes):
        yield f"Nobody's fixations are in the {len(scenes)} scenes: searchers stand alone."
        return
    n_paths = sum(len(scene.scanpaths) for scene in scenes)
    yield (
        f"People: {len(looks.people)} persons, {n_paths} searches of {len(scenes)} scenes. How long they saw the "
        "target beforehand the files do not tell; searchers know all of what they are shown of it."
    )
    limited = np.isfinite(human.allowed)
    if limited.any():
        values, counts = np.unique(human.allowed[limited], return_counts=True)
        most = ", ".join(f"{value:g} ({count})" for value, count in zip(values, counts, strict=True))
        yield (
            f"Their searches were broken off after a number of saccades that differed by trial: {most} searches. One "
            "that was broken off counts as not found by then (Kaplan-Meier)."
        )
    if looks.off_image:
        yield f"{looks.off_image} of people's fixations missed the image and are not weighed; {len(looks)} are."


def _targets(scenes: Sequence[Scene]) -> Iterator[str]:
    sought = [scene.target for scene in scenes if scene.target is not None]
    absent = sum(not target.present for target in sought)
    if absent:
        yield f"{absent} of {len(scenes)} scenes do not hold their target; they have no part in what was found."
    boxes = sum(target.present and target.box_px is None for target in sought)
    if boxes:
        yield f"In {boxes} scenes nobody tells where the target is: no search finds it there."
    names = {target.name for target in sought}
    yield (
        f"{len(names)} different targets in {len(sought)} scenes"
        + (": no target is searched for twice." if len(names) == len(sought) else ".")
    )


def _gaze(looks: Looks, weighing: Weighing | None, tables: Table) -> Iterator[str]:
    if weighing is None:
        if len(looks):
            yield "Fixations are not weighed: with one scene there is no other to learn the baselines from."
        return
    n_places = [len(lattice.points_deg) for lattice in looks.lattices]
    yield (
        f"Likelihoods are of places on a lattice ({min(n_places)} to {max(n_places)} a scene); "
        f"baselines, temperature and mixing weight of every scene come from other scenes."
    )
    yield OTHERS_TELL
    told = {name: _bits(tables["gaze"], name) for name in (CENTRE, NO_CONTENT, OTHERS)}
    yield (
        f"Without content, saccades and history tell {told[NO_CONTENT][0]:.2f} bits a fixation more than the centre "
        f"bias; the other people in the scene {told[OTHERS][0]:.2f}, so content has at least "
        f"{told[OTHERS][1]:.2f} to tell."
    )


def _bits(gaze: pd.DataFrame, observer: str) -> tuple[float, float]:
    own = gaze[gaze["observer"] == observer].set_index("measure")["estimate"]
    return float(own.get("bits", np.nan)), float(own.get("content_bits", np.nan))


def _findings(observers: Sequence[Observer], curves: Curves, tables: Table) -> Iterator[str]:
    for network in (one for one in observers if one.role == "network" and one.id in curves.searches):
        if PEOPLE in curves.searches:
            own, theirs = curves.mean_saccades(network.id), curves.mean_saccades(PEOPLE)
            yield (
                f"{network.name} needs {own.estimate:.1f} [{own.lo:.1f}, {own.hi:.1f}] saccades, people "
                f"{theirs.estimate:.1f} [{theirs.lo:.1f}, {theirs.hi:.1f}], of {curves.horizon} at most."
            )
        if "gaze" in tables:
            yield from _told(network, tables["gaze"])


def _told(network: Observer, gaze: pd.DataFrame) -> Iterator[str]:
    own = gaze[gaze["observer"] == network.id].set_index("measure")
    if not len(own):
        return
    row, raw = own.loc["content_bits"], own.loc["bits_raw"]
    surely = "tells" if row["lo"] > 0 else "does not surely tell"
    yield (
        f"{network.name} {surely} where people look beyond the no-content baseline: {row['estimate']:.3f} "
        f"[{row['lo']:.3f}, {row['hi']:.3f}] bits a fixation, {row['weight']:.0%} baseline mixed in. As it is it holds "
        f"{raw['impossible']:.1%} of people's fixations impossible."
    )
