"""Which implementation runs an operator: a check with a reason for each, and a record of the one that ran.

There is no registry and no environment variable: an operator names its implementations, says for a given
call why one cannot run, and prefers them in an order that was measured.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

import torch

C = TypeVar("C")

last_used: dict[str, str] = {}
"""Implementation that ran last, by operator; compiled graphs record the opaque ones only."""


class ImplementationError(RuntimeError):
    """The implementation that was asked for cannot run this call; the message says why."""


@dataclass(frozen=True)
class Operator(Generic[C]):
    """An operator's implementations.

    Parameters
    ----------
    name : str
        Key of `last_used`.
    obstacles : mapping of str to callable
        For each implementation, a function of the call that returns why it cannot run, or ``""``.
    preference : callable
        Function of the call that returns the implementations in the order ``impl="auto"`` tries them.
    """

    name: str
    obstacles: Mapping[str, Callable[[C], str]]
    preference: Callable[[C], Sequence[str]]

    def can_run(self, impl: str, call: C) -> tuple[bool, str]:
        """Return whether `impl` can run `call`, and the reason where it cannot."""
        if impl not in self.obstacles:
            raise ValueError(f"impl must be one of {', '.join(self.obstacles)} or auto; got {impl!r}")
        reason = self.obstacles[impl](call)
        return reason == "", reason

    def choose(self, impl: str, call: C) -> str:
        """Return `impl`, or for ``"auto"`` the first that can run; else raise ImplementationError."""
        for candidate in self.preference(call) if impl == "auto" else (impl,):
            able, reason = self.can_run(candidate, call)
            if able:
                return candidate
        raise ImplementationError(f"{self.name} cannot run as {candidate!r}: {reason}")


def record(operator: str, impl: str) -> None:
    """Note that `impl` ran `operator`; nothing is noted while a graph is traced."""
    if not torch.compiler.is_compiling():
        last_used[operator] = impl
