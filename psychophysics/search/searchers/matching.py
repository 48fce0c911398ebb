"""The default searcher: a network sees the display once, and every fixation asks what looks like the target.

The target alone is seen by the same network; its features, less those of the empty background, are the template
t of each level (`templates`). At a place x seen from gaze f the match of a level is the normalised correlation

    r(x | f) = P[phi * t] / sqrt((epsilon |t|^2)^2 + |t|^2 P[E])

with phi the display's features less the background's, E their energy under the template, and P the average over
a window that grows with eccentricity (`cogattn.vision.fovea`). At a uniform fovea r is a cosine. Matches are averaged
over levels, and the best of a target's kinds counts. The evidence for a target is

    e(x | f) = gain * (r(x | f) - criterion * r_0(|x - f|))

where r_0 is the match of the target itself, alone, at that eccentricity: a place speaks for the target if it
looks as the target would look from here. A searcher that knows the distractors, too, takes their match for the
rival where it is the larger one.

References
----------
Gupta, Zhang, Wu, Wolfe, Kreiman (2021), NeurIPS 34: raw correlations, each map scaled to its own range.
Reynolds, Heeger (2009), Neuron 61, 168-185: division by the energy of the surround.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from cogattn.psychophysics.search.displays.display import Display, draw
from cogattn.psychophysics.search.searchers.searching import Places, View
from cogattn.psychophysics.search.searchers.templates import (
    LevelsOf,
    Template,
    as_rgb,
    learn_templates,
    match_maps,
)
from cogattn.vision.fovea import FoveatedField
from cogattn.vision.retina import Integration

Array = NDArray[np.float64]

EPSILON = 0.1
"""Energy, relative to the template's, at which normalisation sets in: keeps noise on blank ground near 0."""

N_PROBES = 24
"""Eccentricities at which the target's own match is measured."""


@dataclass(frozen=True, eq=False)
class Known:
    """What does not change between displays of one condition.

    Parameters
    ----------
    background : list of Tensor
        Levels of the empty background.
    templates : list of Template
        Targets first, then distractors where they are known.
    n_targets : int
        How many of the kinds are targets.
    expected : tuple of arrays, shape (n,)
        Eccentricity in degrees, and the target's own match there.
    """

    background: list[Tensor]
    templates: list[Template]
    n_targets: int
    expected: tuple[Array, Array]


class MatchingSearcher:
    """Searches with the foveated features of a frozen network.

    Parameters
    ----------
    levels_of : callable
        The network's features, `cogattn.vision.fovea.Backbone` for one.
    name : str
        What tables call it.
    integration : Integration
        The fovea; ``uniform`` for none.
    gain : float
        Nats of evidence per unit of match.
    criterion : float
        Match, relative to the target's own, at which the evidence turns from against to for.
    knows_distractors : bool
        Weigh targets against distractors.
    """

    def __init__(
        self,
        levels_of: LevelsOf,
        *,
        name: str,
        integration: Integration,
        gain: float,
        criterion: float = 0.5,
        knows_distractors: bool = False,
    ) -> None:
        self.levels_of, self.name, self.integration = levels_of, name, integration
        self.gain, self.criterion, self.knows_distractors = gain, criterion, knows_distractors
        self._known: tuple[object, Known] | None = None

    def begin(self, display: Display, places: Places, rng: np.random.Generator) -> View:
        """Pass the display through the network once; `rng` is not used."""
        return MatchingView(self, self.field(display.image, display), self.knowledge(display), places)

    def weigh(self, matches: Array, distance_deg: Array, known: Known) -> Array:
        """Return the evidence of matches (n_kinds, n_gazes, n_places) at distances from gaze."""
        targets, distractors = matches[: known.n_targets], matches[known.n_targets :]
        rival = self.criterion * np.interp(distance_deg, *known.expected)
        if len(distractors):
            rival = np.maximum(rival, distractors.max(axis=0))
        return self.gain * (targets.max(axis=0) - rival)

    def field(self, image: NDArray[np.float32], display: Display) -> FoveatedField:
        """Return the foveated field of an image as large and as fine as a display's."""
        return FoveatedField(
            self.levels_of(as_rgb(image)),
            image_size=(image.shape[0], image.shape[1]),
            pixels_per_degree=display.pixels_per_degree,
            integration=self.integration,
        )

    def knowledge(self, display: Display) -> Known:
        """Return what is known of a display's condition; that of the last one is kept."""
        key = (display.condition, display.image.shape, display.pixels_per_degree)
        if self._known is None or self._known[0] != key:
            self._known = key, self._study(display)
        return self._known[1]

    def _study(self, display: Display) -> Known:
        condition = display.condition
        templates = learn_templates(
            self.levels_of,
            condition.targets + (condition.distractors if self.knows_distractors else ()),
            background=display.task.background,
            pixels_per_degree=display.pixels_per_degree,
        )
        blank = np.full_like(display.image, display.task.background)
        background = [level.maps for level in self.field(blank, display).levels]
        expected = self._expected(display, background, templates)
        return Known(background, templates, len(condition.targets), expected)

    def _expected(
        self, display: Display, background: list[Tensor], templates: list[Template]
    ) -> tuple[Array, Array]:
        """The target's own match by eccentricity, averaged over its kinds and four directions."""
        scale, targets = display.pixels_per_degree, display.condition.targets
        side_deg = len(display.image) / scale
        distance = np.linspace(0, 1.45 * side_deg, N_PROBES)
        turns = np.array([[1, 0], [0, 1], [-1, 0], [0, -1]])
        gaze = torch.from_numpy((distance[:, None, None] * turns).reshape(-1, 2))
        center = torch.zeros(1, 2, dtype=torch.float64)
        total = np.zeros(N_PROBES)
        for item in targets:
            image = draw(
                (item,),
                center.numpy(),
                background=display.task.background,
                side_deg=side_deg,
                pixels_per_degree=scale,
            )
            field = self.field(image, display)
            maps = match_maps(field.levels, background, templates)
            own = read_matches(field, maps, templates, center, gaze)[: len(targets), :, 0].amax(0)
            total += own.reshape(N_PROBES, 4).mean(1).numpy() / len(targets)
        return distance, total


class MatchingView:
    """A display as `MatchingSearcher` sees it.

    Parameters
    ----------
    searcher : MatchingSearcher
        Who sees.
    field : FoveatedField
        Of the display.
    known : object
        What the searcher knows of the condition.
    places : Places
        Where evidence is asked for.
    """

    def __init__(
        self, searcher: MatchingSearcher, field: FoveatedField, known: Known, places: Places
    ) -> None:
        self._searcher, self._field, self._known = searcher, field, known
        self._points = torch.from_numpy(places.points_deg)
        self._maps = match_maps(field.levels, known.background, known.templates)

    def matches(self, gaze_deg: Array) -> Array:
        """Return the match of each kind with every place from every gaze, (n_kinds, n_gazes, n_places)."""
        gaze = torch.from_numpy(np.asarray(gaze_deg, dtype=float))
        return read_matches(self._field, self._maps, self._known.templates, self._points, gaze).numpy()

    def evidence(self, gaze_deg: Array) -> Array:
        """Return log likelihood ratios; see `View`."""
        distance = np.linalg.norm(self._points.numpy() - np.asarray(gaze_deg)[:, None], axis=-1)
        return self._searcher.weigh(self.matches(gaze_deg), distance, self._known)


def read_matches(
    field: FoveatedField, maps: list[Tensor], templates: list[Template], points: Tensor, gaze: Tensor
) -> Tensor:
    """Return the match of each kind at points (n_points, 2) from gazes (n_gazes, 2), averaged over levels.

    Returns
    -------
    Tensor, shape (n_kinds, n_gazes, n_points)
    """
    total = torch.zeros(1)
    for index, (level, template) in enumerate(zip(maps, templates, strict=True)):
        seen = field.read(level, points, gaze, level=index, offset_cells=template.offset_cells)[0]
        total = total + combine(seen)
    return total / len(maps)


def combine(seen: Tensor) -> Tensor:
    """Return correlations (n_kinds, ...) divided by the root of the energy that comes last."""
    return (seen[:-1] / (EPSILON**2 + seen[-1:].clamp(min=0)).sqrt()).double().cpu()
