"""The four projections of multi-head attention (Vaswani et al., 2017), shared by the modules here."""

from __future__ import annotations

from torch import Tensor, nn

Remembered = tuple[Tensor, Tensor]
"""Keys and values of tokens, each (batch, heads, n, width / heads): what later queries need of them."""


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
        return self.ask(queries), *self.remember(keys)

    def ask(self, queries: Tensor) -> Tensor:
        """Return q of tokens that look."""
        return split_heads(self.query(queries), self.heads)

    def remember(self, keys: Tensor) -> Remembered:
        """Return k and v of tokens that are looked at."""
        return split_heads(self.key(keys), self.heads), split_heads(self.value(keys), self.heads)

    def merge(self, attended: Tensor) -> Tensor:
        """Return tokens (batch, n, width) of what the heads attended to, (batch, heads, n, width / heads)."""
        return self.out(attended.transpose(1, 2).flatten(2))


def split_heads(tokens: Tensor, heads: int) -> Tensor:
    """Return (batch, heads, n, width / heads) of tokens (batch, n, width)."""
    return tokens.unflatten(-1, (heads, -1)).transpose(1, 2)
