"""The four projections of multi-head attention (Vaswani et al., 2017), shared by the modules here."""

from __future__ import annotations

from torch import Tensor, nn


class Heads(nn.Module):
    """Tokens to heads and back.

    Parameters
    ----------
    width, heads : int
        Features of a token, and heads that share them.
    """

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.query, self.key, self.value, self.out = (nn.Linear(width, width) for _ in range(4))

    def split(self, queries: Tensor, keys: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return q, k and v, (batch, heads, n, width / heads), of tokens (batch, n, width)."""
        projected = (self.query(queries), self.key(keys), self.value(keys))
        q, k, v = (tokens.unflatten(-1, (self.heads, -1)).transpose(1, 2) for tokens in projected)
        return q, k, v

    def merge(self, attended: Tensor) -> Tensor:
        """Return tokens (batch, n, width) of what the heads attended to, (batch, heads, n, width / heads)."""
        return self.out(attended.transpose(1, 2).flatten(2))
