"""Where queries look and keys lie, as an object made once per scene: what calls need to know of it is made once, too.

All layers and passes over one scene ask the same of its positions: in which order they are compact, which keys a block
of queries can reach, what the bias between them is. A `Layout` makes each of these when it is first asked for and
keeps it as long as the positions stay what they are; a tensor that was changed in place is noticed by its version.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import TypeVar, cast

import torch
from torch import Tensor

from cogattn.kernels.foveal_attention.lists import spatial_order

T = TypeVar("T")
MOST_KEPT = 2**28
"""Numbers of bias that a layout keeps: 1 GiB in float32; more are made anew in every call."""


class Layout:
    """Positions of the queries and keys of a scene, and what follows from them.

    Parameters
    ----------
    query_position : Tensor, shape (batch or 1, n_queries or 1, n_dims)
        Where each query looks, in degrees; a size of 1 is shared.
    key_position : Tensor, shape (batch or 1, n_keys, n_dims)
        Where each key lies, in degrees.
    radius : float or Tensor, shape () or (heads,), optional
        Largest eccentricity that is attended, in degrees, itself included; None for no limit. No gradient.
    log_weight : Tensor, shape (batch or 1, n_keys), optional
        Added to the scores of a key: ln of the area or number it stands for, -inf for padding.
    mask, causal, sequences
        As in `cogattn.kernels.foveal_attention`: which pairs are attended.

    Notes
    -----
    Tensors are kept as they are given and stay differentiable through a call; what is made of them holds no gradient.
    Under `torch.compile` a layout stands for its positions alone: nothing is kept from call to call.

    Examples
    --------
    >>> from cogattn.kernels import foveal_attention
    >>> place = torch.cartesian_prod(torch.arange(32.0), torch.arange(32.0))[None]
    >>> scene = Layout(place, place, radius=4.0)
    >>> q = torch.randn(2, 8, 1024, 64)
    >>> for _ in range(3):
    ...     q = foveal_attention(q, q, q, layout=scene, bias="log")
    """

    def __init__(
        self,
        query_position: Tensor,
        key_position: Tensor,
        *,
        radius: Tensor | float | None = None,
        log_weight: Tensor | None = None,
        mask: Tensor | None = None,
        causal: bool = False,
        sequences: tuple[Tensor, Tensor] | None = None,
    ) -> None:
        self.query_position = query_position
        self.key_position = key_position
        self.radius = radius.detach() if isinstance(radius, Tensor) else radius
        self.log_weight = log_weight
        self.mask, self.causal, self.sequences = mask, causal, sequences
        self._kept: dict[Hashable, tuple[Hashable, object]] = {}
        self._versions: tuple[int, ...] = ()

    @property
    def n_layouts(self) -> int:
        """Number of distinct layouts: 1 where all images share all that is held."""
        return max(len(t) for t in self._per_image())

    def keep(self, name: Hashable, make: Callable[[], T], *, of: Hashable = ()) -> T:
        """Return what `make` made when it was first asked for by `name`, while `of` and all tensors stay the same."""
        if self._versions != (now := self._state()):
            self._kept.clear()
            self._versions = now
        kept = self._kept.get(name)
        if kept is None or kept[0] != of:
            with torch.no_grad():
                kept = self._kept[name] = of, make()
        return cast("T", kept[1])

    def query_order(self) -> Tensor:
        """Return the spatial order of the queries, (batch or 1, n_queries or 1)."""
        return self.keep("query order", lambda: spatial_order(self.query_position))

    def key_order(self) -> Tensor:
        """Return the spatial order of the keys, (batch or 1, n_keys)."""
        return self.keep("key order", lambda: spatial_order(self.key_position))

    def query_axes(self) -> Tensor:
        """Return the coordinates of the queries axis by axis, (n_dims, batch or 1, n_queries or 1), contiguous."""
        return self.keep("query axes", lambda: _axes(self.query_position))

    def key_axes(self) -> Tensor:
        """Return the coordinates of the keys axis by axis, (n_dims, batch or 1, n_keys), contiguous."""
        return self.keep("key axes", lambda: _axes(self.key_position))

    def _per_image(self) -> tuple[Tensor, ...]:
        given = (self.query_position, self.key_position, self.log_weight, self.mask, *(self.sequences or ()))
        return tuple(t for t in given if t is not None)

    def _state(self) -> tuple[int, ...]:
        radius = (self.radius,) if isinstance(self.radius, Tensor) else ()
        return tuple(_version(t) for t in (*self._per_image(), *radius))


def _axes(position: Tensor) -> Tensor:
    return position.detach().movedim(-1, 0).contiguous()


def _version(tensor: Tensor) -> int:
    return 0 if tensor.is_inference() else tensor._version
