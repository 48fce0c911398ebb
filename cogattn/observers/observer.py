"""Who takes part: the one type that plans, trials, tables and figures name an observer by."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Role = Literal["network", "control", "person", "decoder", "listener"]


@dataclass(frozen=True)
class Observer:
    """One that is tested, or that a tested one is held against.

    Parameters
    ----------
    id : str
        What tables join on; unique in a run and never taken apart.
    name : str
        What figures and texts call it; the id where nothing else is given.
    role : {"network", "control", "person", "decoder", "listener"}
        A control was made from a network to tell what a result is worth, or needs none (chance); a decoder reads
        out a listener's recording.
    parent : str
        Id of the observer that a control was made from; empty for all others.
    variant : str
        What was done to the parent: ``untrained``, ``no fovea``; empty for all others.
    copy : int
        Number of the copy, where a control has several.

    Examples
    --------
    >>> Observer("resnet50").control("untrained", copy=2).id
    'resnet50, untrained 2'
    """

    id: str
    name: str = ""
    role: Role = "network"
    parent: str = ""
    variant: str = ""
    copy: int = 0

    def __post_init__(self) -> None:
        if not self.name:
            object.__setattr__(self, "name", self.id)

    @classmethod
    def person(cls, name: str) -> Observer:
        """Return the person whom a table calls `name`."""
        return cls(f"person {name}", role="person")

    def control(self, variant: str, *, copy: int | None = None) -> Observer:
        """Return the control that is made from this observer by `variant`."""
        suffix = variant if copy is None else f"{variant} {copy}"
        return Observer(
            f"{self.id}, {suffix}", f"{self.name}, {suffix}", "control", self.id, variant, copy or 0
        )
