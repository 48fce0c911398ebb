"""What is seen of a network's matches through a fovea, and what targets are expected to look like from afar.

Nothing here passes anything through a network: match maps are read at places, from gazes (`sights` makes them).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from cogattn.psychophysics.search.searchers.levels import discriminability
from cogattn.psychophysics.search.searchers.sights import Knowledge, Matched
from cogattn.psychophysics.search.searchers.templates import Template, normalised
from cogattn.vision.fovea import FoveatedField
from cogattn.vision.retina import Integration

Array = NDArray[np.float64]

N_PROBES = 24
"""Eccentricities at which the target's own match is measured."""
DIRECTIONS = np.array([[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0], [0.0, -1.0]])
"""In which it lies from there."""


@dataclass(frozen=True, eq=False)
class Expected:
    """What targets look like from afar.

    Parameters
    ----------
    step_deg : float
        Eccentricities are 0, 1, ... n - 1 of these.
    match : array, shape (n_levels, n_targets, n)
        Of each kind of target with itself.
    reliability : array, shape (n_levels, n_targets, n), or None
        How much each level says of this kind (`levels.discriminability`); None where nobody asked.
    """

    step_deg: float
    match: Array
    reliability: Array | None

    def of_kind(self, kind: int) -> Expected:
        """Return what is expected of one kind of target."""
        only = slice(kind, kind + 1)
        reliability = None if self.reliability is None else self.reliability[:, only]
        return Expected(self.step_deg, self.match[:, only], reliability)

    def of_level(self, level: int) -> Expected:
        """Return what is expected of one level."""
        return Expected(self.step_deg, self.match[level : level + 1], None)


def read_levels(
    field: FoveatedField,
    maps: Sequence[Tensor],
    templates: Sequence[Template],
    points: Tensor,
    gaze: Tensor,
    *,
    depths: Sequence[int] | None = None,
) -> Tensor:
    """Return the match of each kind at points from gazes, level by level.

    Parameters
    ----------
    field : FoveatedField
        The fovea, on the grids of the levels.
    maps : sequence of Tensor, shape (1, n_kinds + 1, height, width)
        Of `templates.match_maps`, one a level.
    templates : sequence of Template
        What they were made with.
    points : Tensor, shape (n_points, 2)
        Where, in degrees.
    gaze : Tensor, shape (n_gazes, 2)
        From where.
    depths : sequence of int, optional
        Which of the field's levels `maps` are; all of them when absent.

    Returns
    -------
    Tensor of float64, shape (n_levels, n_kinds, n_gazes, n_points)
    """
    return torch.stack(
        [
            normalised(
                field.read(level, points, gaze, level=depth, offset_cells=template.offset_cells)[0], template
            )
            for depth, level, template in zip(depths or range(len(maps)), maps, templates, strict=True)
        ]
    )


def expect(known: Knowledge, integration: Integration, *, with_reliability: bool = False) -> Expected:
    """Look at each kind of target alone from everywhere, and at what it is not, without another pass of the network.

    Parameters
    ----------
    known : Knowledge
        With `Knowledge.alone`, and `Knowledge.others` where the reliability is asked for.
    integration : Integration
        The fovea.
    with_reliability : bool
        Whether it is.
    """
    first = known.alone[0]
    step = 1.45 * max(first.image_size) / first.pixels_per_degree / (N_PROBES - 1)
    targets = np.stack(
        [_probe(known, seen, integration, step)[:, kind] for kind, seen in enumerate(known.alone)], axis=2
    )  # (levels, directions, targets, eccentricities)
    reliability = None
    if with_reliability:
        others = [_probe(known, seen, integration, step)[:, : known.n_targets] for seen in known.others]
        reliability = discriminability(targets, np.concatenate(others, axis=2).swapaxes(1, 2))
    return Expected(step, targets.mean(axis=1), reliability)


def _probe(known: Knowledge, seen: Matched, integration: Integration, step_deg: float) -> Array:
    """Match of what is in the middle of an image, (n_levels, n_kinds, n_directions, n_eccentricities)."""
    gaze = (DIRECTIONS[:, None] * (np.arange(N_PROBES) * step_deg)[:, None]).reshape(-1, 2)
    middle = torch.zeros(1, 2, dtype=torch.float64)
    found = read_levels(
        seen.field(integration), seen.maps, known.templates, middle, torch.from_numpy(gaze)
    ).numpy()
    return found[..., 0].reshape(*found.shape[:2], len(DIRECTIONS), N_PROBES)
