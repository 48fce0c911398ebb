"""The default searcher: a network sees the display once, and every fixation asks what looks like the target.

The target alone is seen by the same network; its features, less those of the empty background, are the template
t of each level (`templates`). At a place x seen from gaze f the match of a level is the normalised correlation

    r(x | f) = P[phi * t] / sqrt((epsilon |t|^2)^2 + |t|^2 P[E])

with phi the display's features less the background's, E their energy under the template, and P the average over
a window that grows with eccentricity (`cogattn.vision.fovea`). At a uniform fovea r is a cosine. Levels are weighed
and added up by a rule (`levels`). The evidence for one kind of target is

    e(x | f) = gain * (r(x | f) - criterion * r_0(|x - f|))

where r_0 is the match of the target itself, alone, at that eccentricity, its levels weighed alike: a place speaks
for the target if it looks as the target would look from here. A searcher that is told one picture asks for it; one
that is told all kinds takes the largest evidence of any. A searcher that knows the distractors, too, takes their
match for the rival where it is the larger one.

How far each level is to be relied on (rule ``reliability``) is learned beforehand from the target alone, as it is
and in disorder: cut into tiles that are dealt anew, which leaves its ink and contrast but not its shape. Who knows
the distractors learns it from them instead.

References
----------
Gupta, Zhang, Wu, Wolfe, Kreiman (2021), NeurIPS 34: raw correlations, each map scaled to its own range.
Reynolds, Heeger (2009), Neuron 61, 168-185: division by the energy of the surround.
"""

from __future__ import annotations

import copy
from typing import Self, cast

import numpy as np
import torch
from numpy.typing import NDArray

from cogattn.psychophysics.search.config import SINGLE, LevelRule
from cogattn.psychophysics.search.config import Knowledge as Told
from cogattn.psychophysics.search.searchers.expected import Expected, expect, read_levels
from cogattn.psychophysics.search.searchers.levels import along, level_of, level_weights
from cogattn.psychophysics.search.searchers.places import Places
from cogattn.psychophysics.search.searchers.searching import View
from cogattn.psychophysics.search.searchers.sights import DisplaySight, Knowledge, Sight
from cogattn.psychophysics.search.searchers.templates import LevelsOf
from cogattn.vision.retina import Integration
from cogattn.vision.scenes.scene import Scene

Array = NDArray[np.float64]


class MatchingSearcher:
    """Searches with the foveated features of a frozen network.

    Parameters
    ----------
    sight : callable or Sight
        The network's features, `cogattn.vision.fovea.Backbone` for one, or what is seen with them.
    name : str
        What tables call it.
    integration : Integration
        The fovea; ``uniform`` for none.
    gain : float
        Nats of evidence per unit of match.
    criterion : float
        Match, relative to the target's own, at which the evidence turns from against to for.
    knows_distractors : bool
        Weigh targets against distractors; a `Sight` has settled that by itself.
    levels : str
        How depths are combined; see `levels`.
    targets : {"all", "one"}
        Whether all kinds of the target are looked for, or the one that the display asks for.
    """

    def __init__(
        self,
        sight: LevelsOf | Sight,
        *,
        name: str,
        integration: Integration,
        gain: float,
        criterion: float = 0.5,
        knows_distractors: bool = False,
        levels: LevelRule = "mean",
        targets: Told = "all",
    ) -> None:
        if callable(sight):
            self.sight: Sight = cast(
                Sight, DisplaySight(cast(LevelsOf, sight), knows_distractors=knows_distractors)
            )
        else:
            self.sight = sight
        self.name, self.integration = name, integration
        self.gain, self.criterion = gain, criterion
        self.levels, self.targets = levels, targets
        self._expected: tuple[Knowledge, Expected] | None = None

    def variant(
        self,
        *,
        name: str | None = None,
        integration: Integration | None = None,
        levels: LevelRule | None = None,
        targets: Told | None = None,
        gain: float | None = None,
    ) -> Self:
        """Return a searcher that differs in what is given and sees with the same eyes.

        Passes of the network are shared: a display that one of them has just seen costs the others none.
        """
        other = copy.copy(self)
        other._expected = None
        other.name = self.name if name is None else name
        other.integration = self.integration if integration is None else integration
        other.levels = self.levels if levels is None else levels
        other.targets = self.targets if targets is None else targets
        other.gain = self.gain if gain is None else gain
        return other

    def begin(self, scene: Scene, places: Places, rng: np.random.Generator) -> View:
        """Pass the scene through the network once; `rng` is not used."""
        return MatchingView(self, scene, places)

    def expected(self, known: Knowledge) -> Expected:
        """Return what targets look like from afar; that of the last knowledge is kept."""
        if self._expected is None or self._expected[0] is not known:
            asked = self.levels == "reliability"
            self._expected = known, expect(known, self.integration, with_reliability=asked)
        return self._expected[1]

    def told(self, display: Scene, known: Knowledge) -> tuple[list[int], Expected]:
        """Return the kinds that are looked for, then those that are known besides, and what is expected."""
        expected, besides = self.expected(known), list(range(known.n_targets, known.n_kinds))
        if self.targets == "all":
            return [*range(known.n_targets), *besides], expected
        kind = self.sight.sought(display)
        return [kind, *besides], expected.of_kind(kind)

    def weigh(self, responses: Array, distance_deg: Array, expected: Expected) -> Array:
        """Return the evidence of matches.

        Parameters
        ----------
        responses : array, shape (n_levels, n_kinds, n_gazes, n_places)
            Kinds that are looked for, then known distractors; one level needs no rule.
        distance_deg : array, shape (n_gazes, n_places)
            From gaze.
        expected : Expected
            Of the kinds that are looked for.

        Returns
        -------
        array, shape (n_gazes, n_places)
            In nats.
        """
        n, n_rivals = expected.match.shape[1], responses.shape[1] - expected.match.shape[1]
        reliability = expected.reliability
        if reliability is not None:
            of_rivals = np.repeat(reliability.mean(axis=1, keepdims=True), n_rivals, axis=1)
            reliability = along(
                np.concatenate([reliability, of_rivals], axis=1), distance_deg, expected.step_deg
            )
        rule = self.levels if len(responses) > 1 else "mean"
        weights = level_weights(responses, rule, reliability=reliability)
        matches = (weights * responses).sum(axis=0)
        own = along(expected.match, distance_deg, expected.step_deg)
        bar = self.criterion * (weights[:, :n] * own).sum(axis=0)
        if n_rivals:
            bar = np.maximum(bar, matches[n:].max(axis=0))
        return self.gain * (matches[:n] - bar).max(axis=0)


class MatchingView:
    """A display as `MatchingSearcher` sees it.

    Parameters
    ----------
    searcher : MatchingSearcher
        Who sees.
    display : Scene
        What.
    places : Places
        Where evidence is asked for.
    """

    def __init__(self, searcher: MatchingSearcher, display: Scene, places: Places) -> None:
        known, seen = searcher.sight.knowledge(display), searcher.sight.see(display)
        kinds, self._expected = searcher.told(display, known)
        self._depths = list(range(len(known.templates)))
        if searcher.levels in SINGLE:  # the others need not be read
            self._depths = [level_of(searcher.levels, len(known.templates))]
            self._expected = self._expected.of_level(self._depths[0])
        self._searcher, self._field = searcher, seen.field(searcher.integration)
        self._points = torch.from_numpy(places.points_deg)
        self._templates = [known.templates[depth].of_kinds(kinds) for depth in self._depths]
        self._maps = [seen.maps[depth][:, [*kinds, -1]] for depth in self._depths]
        asked = (searcher.integration, tuple(self._depths), tuple(kinds), places.points_deg.tobytes())
        self._starts, self._asked = seen.starts, asked

    def matches(self, gaze_deg: Array) -> Array:
        """Return the match of each kind with every place, of each level that the searcher listens to.

        Shape (n_levels, n_kinds, n_gazes, n_places).
        """
        gaze, again = np.unique(np.asarray(gaze_deg, dtype=float), axis=0, return_inverse=True)
        start, found = self._starts.get(self._asked, (b"", None))
        if found is None or start != gaze.tobytes():
            found = read_levels(
                self._field,
                self._maps,
                self._templates,
                self._points,
                torch.from_numpy(gaze),
                depths=self._depths,
            ).numpy()
        if len(gaze) == 1:
            self._starts.setdefault(self._asked, (gaze.tobytes(), found))
        return found[:, :, again.reshape(-1)]

    def evidence(self, gaze_deg: Array) -> Array:
        """Return log likelihood ratios; see `View`."""
        distance = np.linalg.norm(self._points.numpy() - np.asarray(gaze_deg)[:, None], axis=-1)
        return self._searcher.weigh(self.matches(gaze_deg), distance, self._expected)
