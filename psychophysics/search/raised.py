"""A network of timm that is raised here: behind its own normalisation, with an answer for each category.

`raised` is a factory of the kind that every study takes as an observer, so that weights which come out of
``cogattn rehearsal`` are put through masking and search by

    --observer.kind factory --observer.target 'cogattn.psychophysics.search.raised:raised("test_resnet.r160_in1k")'
    --observer.checkpoints before.safetensors after.safetensors --observer.image-size 64
"""

from __future__ import annotations

from typing import Any, cast

import timm
import torch
from timm.data import resolve_model_data_config
from torch import Tensor, nn

SIDE = 64
"""Side in pixels of the images that it is raised on, where the network takes any."""


class Raised(nn.Module):
    """Images (n, 3, side, side) in [0, 1] to scores; shows its stages and pooled features as timm's networks do.

    Parameters
    ----------
    network : torch.nn.Module
        Of timm, with an output for each category.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network
        data = resolve_model_data_config(network)
        for name in ("mean", "std"):
            values = torch.tensor(data[name], dtype=torch.float32).view(3, 1, 1)
            self.register_buffer(name, values, persistent=False)

    @property
    def feature_info(self) -> list[dict[str, Any]]:
        """What timm says of the stages."""
        return list(cast(Any, self.network).feature_info)

    def forward(self, images: Tensor) -> Tensor:
        """Return scores, shape (n, n_categories)."""
        return self.network(self._normalised(images))

    def forward_intermediates(self, images: Tensor, **options: object) -> list[Tensor]:
        """Return the maps of the stages that are asked for, as timm's networks do."""
        return cast(Any, self.network).forward_intermediates(self._normalised(images), **options)

    def forward_features(self, images: Tensor) -> Tensor:
        """Return the last stage's maps."""
        return cast(Any, self.network).forward_features(self._normalised(images))

    def forward_head(self, features: Tensor, *, pre_logits: bool = False) -> Tensor:
        """Return scores for the last stage's maps, or pooled features."""
        return cast(Any, self.network).forward_head(features, pre_logits=pre_logits)

    def _normalised(self, images: Tensor) -> Tensor:
        return (images - self.mean) / self.std


def raised(name: str, n_categories: int = 16) -> Raised:
    """Return timm's network `name` with so many outputs, untrained; torch's stream draws its weights."""
    return Raised(timm.create_model(name, num_classes=n_categories))


def side_of(network: nn.Module) -> int:
    """Return the side in pixels of the images that a network of timm is raised on: its own where it takes no other."""
    own = int(resolve_model_data_config(network)["input_size"][-1])
    fixed = cast(Any, network).pretrained_cfg.get("fixed_input_size", False)
    return own if fixed else min(SIDE, own)
