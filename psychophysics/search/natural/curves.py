"""How soon searchers and people find their targets in the same scenes: curves, means, and scene by scene."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cogattn.measures import Estimate
from cogattn.psychophysics.search.natural.finding import (
    HumanSearches,
    Searches,
    mean_saccades,
)
from cogattn.seeds import Streams
from cogattn.statistics.crossed import Draws, interval
from cogattn.statistics.stats import correlation
from cogattn.vision.scenes.scene import Scene

Array = NDArray[np.float64]
PEOPLE = "people"
COLUMNS = ("observer", "role", "n_saccades", "found", "lo", "hi", "n", "n_scenes")


@dataclass(frozen=True, eq=False)
class Curves:
    """Searches of all observers in one set of scenes.

    Parameters
    ----------
    human : HumanSearches
        Of people, in scenes that hold their target.
    searches : mapping of str to Searches
        By observer; people under `PEOPLE`. Numbers of persons are those of whose place a searcher took, the last one
        is for nobody's.
    rows : mapping of str to DataFrame
        Searches of each observer, with numbers of scenes and persons.
    horizon : int
        Most saccades that count.
    draws : Draws
        Of scenes and people.
    """

    human: HumanSearches
    searches: Mapping[str, Searches]
    rows: Mapping[str, pd.DataFrame]
    horizon: int
    draws: Draws

    @classmethod
    def of(cls, scenes: Sequence[Scene], trials: pd.DataFrame, *, rng: Streams, n_resamples: int) -> Curves:
        """Count the searches of people and observers.

        Parameters
        ----------
        scenes : sequence of Scene
            The set.
        trials : DataFrame
            Table ``scene_search`` of the observers that count; where people searched, only what began where a
            person did.
        rng : Streams
            Draws scenes and people.
        n_resamples : int
            For intervals.
        """
        with_target = [scene for scene in scenes if scene.target is not None and scene.target.present]
        human = HumanSearches.at(with_target)
        most = int(trials["limit"].max()) if len(trials) else 1
        horizon = min(human.horizon, most) if len(human) else most
        numbers = {scene.name: number for number, scene in enumerate(with_target)}
        people = {person: number for number, person in enumerate(human.people.tolist())}
        rows = trials[trials["scene"].isin(numbers)]
        rows = rows.assign(
            scene=rows["scene"].map(numbers).astype(np.int64),
            person=rows["person"].map(people).fillna(len(people)).astype(np.int64),
        )
        shape = len(with_target), len(people) + 1, horizon
        searches = {PEOPLE: human.counted(shape)} if len(human) else {}
        if len(human):
            rows = rows[rows["trial"] >= 0]  # the same trials as people's
        by_observer = {str(name): own for name, own in rows.groupby("observer", sort=False)}
        searches |= {name: _counted(own, shape) for name, own in by_observer.items()}
        draws = Draws.of(*shape[:2], rng=rng.generator("found"), n_resamples=n_resamples, n_fixed=1)
        return cls(human, searches, by_observer, horizon, draws)

    def shares(self, observer: str) -> Array:
        """Return the share found by 1, 2, ... saccades in each resample, the data themselves first."""
        return self.searches[observer].shares(self.draws)

    def mean_saccades(self, observer: str) -> Estimate:
        """Return the mean number of saccades up to the horizon; n searches."""
        return interval(mean_saccades(self.shares(observer)), self.n(observer))

    def within_limits(self, observer: str) -> Estimate:
        """Return the share of searches that found the target by the limit of the person whose place they took."""
        if observer == PEOPLE:
            scene, person, found = self.human.scene, self.human.person, self.human.found
        else:
            own = self.rows[observer]
            allowed = own["allowed"].where(own["allowed"] > 0, np.inf)
            scene, person = own["scene"].to_numpy(), own["person"].to_numpy()
            found = (own["found"] & (own["n_fixations"] <= allowed)).to_numpy()
        totals, counts = np.zeros((2, *self.searches[observer].found.shape[:2]))
        np.add.at(totals, (scene, person), found.astype(float))
        np.add.at(counts, (scene, person), 1.0)
        return interval(self.draws.mean(totals, counts), len(found))

    def n(self, observer: str) -> int:
        """Number of searches."""
        if observer == PEOPLE:
            return len(self.human)
        return round(float(self.searches[observer].n_searches))

    def by_scene(self, observer: str) -> pd.DataFrame:
        """Return share found by the horizon, mean saccades and number of searches, a row a scene."""
        searches = self.searches[observer]
        shares = searches.by_scene()
        return pd.DataFrame(
            {
                "found": shares[:, -1],
                "saccades": mean_saccades(shares),
                "n": searches.tried[..., 0].sum(axis=1),
            }
        )

    def difficulty(self, observer: str, *, rng: np.random.Generator) -> Estimate:
        """Return Spearman's correlation with people of the mean saccades of scenes that both have."""
        own, theirs = (self.by_scene(name)["saccades"].to_numpy() for name in (observer, PEOPLE))
        both = np.isfinite(own) & np.isfinite(theirs)
        return correlation(own[both], theirs[both], rank=True, rng=rng)

    def table(self, roles: Mapping[str, str]) -> pd.DataFrame:
        """Return the curves with intervals, a row an observer and number of saccades; n searches came so far."""
        rows = []
        for observer, searches in self.searches.items():
            shares, tried = self.shares(observer), searches.tried.sum(axis=(0, 1))
            n_scenes = int((searches.tried[..., 0].sum(axis=1) > 0).sum())
            for step in range(self.horizon):
                value = interval(shares[:, step], self.n(observer))
                bounds = value.estimate, value.lo, value.hi
                rows.append((observer, roles[observer], step + 1, *bounds, round(tried[step]), n_scenes))
        return pd.DataFrame(rows, columns=list(COLUMNS))


def _counted(own: pd.DataFrame, shape: tuple[int, int, int]) -> Searches:
    ends = (own[name].to_numpy() for name in ("scene", "person", "n_fixations", "found"))
    return Searches.of(*ends, shape=shape)
