"""Attention that knows where its tokens lie in the visual field, as modules over `cogattn.kernels`.

- `FovealAttention`: from gazes to patches, with a bias that falls with eccentricity.
- `ObjectAttention`: from gazes to objects, with a log-polar table of gain and bias and a weight for area; in
  `ObjectEncoder`, `ObjectDecoder` and `PointerHead`.

With all their geometric parameters at 0, where they start, both are scaled dot-product attention. Importing this
package, or `cogattn.attention.config`, imports no torch; the modules load when first used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

from cogattn.attention.config import (
    FovealAttentionConfig,
    ObjectAttentionConfig,
    ObjectTransformerConfig,
)

if TYPE_CHECKING:
    from cogattn.attention.foveal import FovealAttention as FovealAttention
    from cogattn.attention.objects import ObjectAttention as ObjectAttention
    from cogattn.attention.transformer import ObjectDecoder as ObjectDecoder
    from cogattn.attention.transformer import ObjectEncoder as ObjectEncoder
    from cogattn.attention.transformer import PointerHead as PointerHead

_HOMES = {
    "FovealAttention": "foveal",
    "ObjectAttention": "objects",
    "ObjectDecoder": "transformer",
    "ObjectEncoder": "transformer",
    "PointerHead": "transformer",
}
__all__ = [
    "FovealAttention",
    "FovealAttentionConfig",
    "ObjectAttention",
    "ObjectAttentionConfig",
    "ObjectDecoder",
    "ObjectEncoder",
    "ObjectTransformerConfig",
    "PointerHead",
]


def __getattr__(name: str) -> object:
    if name in _HOMES:
        return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
    raise AttributeError(f"module {__name__} has no attribute {name}")
