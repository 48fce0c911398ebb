"""What a training must keep to go on, as tensors by name: pages of a checkpoint, and parts of pages.

A part's names begin with its own name and a slash. Numbers are kept as float64, which holds every bit of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor
    from torch.optim import Optimizer

    Page = dict[str, Tensor]


def part(page: Mapping[str, Tensor], name: str) -> Page:
    """Return the part of a page that bears a name."""
    start = f"{name}/"
    return {key.removeprefix(start): value for key, value in page.items() if key.startswith(start)}


def named(name: str, page: Mapping[str, Tensor]) -> Page:
    """Return a page as the part `name` of another."""
    return {f"{name}/{key}": value for key, value in page.items()}


def number(value: float) -> Tensor:
    """Return a number as a tensor that holds every bit of it."""
    import torch

    return torch.tensor(value, dtype=torch.float64)


def copied(page: Mapping[str, Tensor]) -> Page:
    """Return tensors by themselves, on the processor: later steps of training change none of them."""
    return {name: value.detach().clone().cpu() for name, value in page.items()}


def moments(optimiser: Optimizer) -> Page:
    """Return what an optimiser remembers of each parameter, by the parameter's number."""
    states = optimiser.state_dict()["state"]
    return copied({f"{i}/{name}": value for i, state in states.items() for name, value in state.items()})


def restore_moments(optimiser: Optimizer, page: Mapping[str, Tensor]) -> None:
    """Give an optimiser of the same parameters what `moments` returned."""
    states: dict[int, Page] = {}
    for key, value in page.items():
        i, name = key.split("/")
        states.setdefault(int(i), {})[name] = value
    groups = optimiser.state_dict()["param_groups"]
    optimiser.load_state_dict({"state": states, "param_groups": groups})
