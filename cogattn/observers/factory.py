"""Your own network: ``module:factory`` is imported, called with its arguments, and probed before any trial.

What a factory draws at random comes from torch's stream, seeded by the run's seed and the target, so that every
process builds the same network.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path

import torch
from torch import nn

from cogattn.errors import ObserverError
from cogattn.observers.anatomy import check_numbers
from cogattn.observers.network import Network
from cogattn.observers.targets import Target, parse_target
from cogattn.observers.tensors import load_strictly, read_tensors
from cogattn.seeds import Streams


def call_factory(target: str, *, seed: int, checkpoint: Path | None = None) -> nn.Module:
    """Return the module that the factory named `target` builds.

    Parameters
    ----------
    target : str
        ``module:factory`` with literal arguments in brackets, if any; the current folder is searched like the
        installed packages. The factory returns a ``torch.nn.Module`` that maps (n, 3, size, size) in [0, 1] to
        scores (n, n_classes).
    seed : int
        The run's seed.
    checkpoint : Path, optional
        File whose tensors replace the module's own, all of them.

    Raises
    ------
    ObserverError
        If it cannot be imported or called, returns something else or a network without numbers, or the checkpoint
        does not fit.

    Notes
    -----
    Whatever the user's code raises while it is imported or called is chained to the ObserverError.
    """
    parsed = parse_target(target)
    with seeded(seed, "factory", target):
        factory = _resolve(parsed)
        try:
            module = factory(*parsed.args, **parsed.kwargs)
        except Exception as error:
            called = "with its" if parsed.args or parsed.kwargs else "without"
            raise ObserverError(
                f"observer.target must build a network {called} arguments; got {_told(error)} ({target})"
            ) from error
    if not isinstance(module, nn.Module):
        raise ObserverError(
            f"observer.target must return a torch.nn.Module; got {type(module).__name__} ({target})"
        )
    check_numbers(module)
    if checkpoint is not None:
        load_strictly(module, read_tensors(checkpoint), source=str(checkpoint))
    return module


@contextmanager
def seeded(seed: int, *names: str | int) -> Generator[None]:
    """Seed torch's streams from the stream of these names and put them back afterwards."""
    devices = [torch.cuda.current_device()] if torch.cuda.is_available() else []
    with torch.random.fork_rng(devices=devices):
        torch.manual_seed(int(Streams(seed).generator(*names).integers(2**63)))
        yield


def probe(network: Network, *, setting: str) -> int:
    """Return the number of classes, after two grey images were answered with finite scores.

    Parameters
    ----------
    network : Network
        With any number of classes.
    setting : str
        What an error begins with: ``observer.target``.

    Raises
    ------
    ObserverError
        If it answers otherwise.
    """
    images = torch.full((2, 3, network.input_size, network.input_size), 0.449)
    try:
        scores = network.logits(images)
    except Exception as error:
        raise ObserverError(
            f"{setting} must answer images {tuple(images.shape)}; got {_told(error)} ({network.name})"
        ) from error
    shape = tuple(scores.shape) if isinstance(scores, torch.Tensor) else type(scores).__name__
    if not isinstance(scores, torch.Tensor) or scores.ndim != 2 or len(scores) != 2 or scores.shape[1] < 2:
        raise ObserverError(
            f"{setting} must answer 2 images with (2, n_classes) scores; got {shape} ({network.name})"
        )
    if not bool(scores.isfinite().all()):
        raise ObserverError(f"{setting} must answer with finite scores; got NaN or infinity ({network.name})")
    return scores.shape[1]


def _resolve(target: Target) -> Callable[..., object]:
    if str(Path.cwd()) not in sys.path:
        sys.path.append(str(Path.cwd()))
    try:
        found: object = importlib.import_module(target.module)
        for part in target.attribute.split("."):
            found = getattr(found, part)
    except Exception as error:
        raise ObserverError(
            f"observer.target must be importable; got {_told(error)} ({target.text})"
        ) from error
    if not callable(found):
        raise ObserverError(f"observer.target must be callable; got {type(found).__name__} ({target.text})")
    return found


def _told(error: Exception) -> str:
    return f"{type(error).__name__}: {(str(error).splitlines() or [''])[0][:160]}"
