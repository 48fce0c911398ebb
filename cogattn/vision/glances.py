"""An image in the fovea of a transformer, from many gazes: what does not depend on gaze is computed once.

The fovea is the network's own (`cogattn.attention.FoveatedTransformer`), so that every gaze is a pass through the
blocks that have one; `cogattn.vision.fovea` pools the features of one pass instead.
"""

from __future__ import annotations

import torch
from torch import Tensor

from cogattn.attention.foveated import Embedded, FoveatedTransformer
from cogattn.vision.fovea import Backbone, Level, image_inputs


def has_own_fovea(levels_of: object) -> bool:
    """Tell whether what shows features is a `Backbone` whose network sees otherwise from another gaze."""
    return isinstance(levels_of, Backbone) and isinstance(levels_of.network.module, FoveatedTransformer)


class Glances:
    """Images before a transformer with a fovea.

    Parameters
    ----------
    backbone : Backbone
        Of a network of which `has_own_fovea` is true.
    images : Tensor, shape (batch, 3, height, width)
        In [0, 1]; their middle is the origin in degrees.
    pixels_per_degree : float
        Scale of the images.
    first_block : int, optional
        Block from which on there is a fovea; the network's own when absent.

    Examples
    --------
    >>> from cogattn.attention import FoveaConfig
    >>> from cogattn.observers import TimmObserver, build_network
    >>> settings = TimmObserver(models=("test_vit",), weights="random", fovea=FoveaConfig(alpha=2.0))
    >>> backbone = Backbone(build_network(settings, "test_vit", seed=0), n_levels=2)
    >>> glances = Glances(backbone, torch.rand(1, 3, 96, 64), pixels_per_degree=8)
    >>> [tuple(level.maps.shape) for level in glances.levels(torch.zeros(5, 2))]  # from five gazes
    [(5, 64, 6, 4), (5, 64, 6, 4)]
    """

    def __init__(
        self,
        backbone: Backbone,
        images: Tensor,
        *,
        pixels_per_degree: float,
        first_block: int | None = None,
    ) -> None:
        self.backbone = backbone
        inputs = image_inputs(backbone.network, images, multiple=max(backbone.strides))
        module: FoveatedTransformer = backbone.fitting(inputs)
        self._module = module if first_block is None else module.starting_at(first_block)
        with torch.inference_mode(), backbone.network.computing():
            self._embedded: Embedded = self._module.embed(
                inputs, pixels_per_degree=pixels_per_degree, image_px=(images.shape[-2], images.shape[-1])
            )

    @property
    def early(self) -> list[Level]:
        """The first levels, those before the fovea, with maps (batch, channels, rows, columns)."""
        found = self._embedded.early
        return self._as_levels([found[index] for index in self.backbone.indices if index in found])

    def levels(self, gaze_deg: Tensor) -> list[Level]:
        """Return levels from gazes (n_gazes, 2), with maps (batch * n_gazes, channels, rows, columns)."""
        backbone = self.backbone
        with torch.inference_mode(), backbone.network.computing():
            maps = self._module.maps(self._embedded, gaze_deg[None], indices=backbone.indices)
        return self._as_levels(maps)

    def _as_levels(self, maps: list[Tensor]) -> list[Level]:
        return [
            Level(m.float().clone(), stride) for m, stride in zip(maps, self.backbone.strides, strict=False)
        ]
