"""Your own network: ``module:factory`` is imported, called without arguments, and probed before any trial."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable
from pathlib import Path

import torch
from torch import nn

from cogattn.errors import ObserverError
from cogattn.observers.network import Network


def call_factory(target: str, *, image_size: int) -> Network:
    """Return the network that the function named `target` builds.

    Parameters
    ----------
    target : str
        ``module:factory``; the current folder is searched like the installed packages. The factory takes no
        arguments and returns a ``torch.nn.Module`` that maps (n, 3, image_size, image_size) in [0, 1] to
        scores (n, n_classes).
    image_size : int
        Side of the images that the module takes, in pixels.

    Raises
    ------
    ObserverError
        If it cannot be imported or called, returns something else, or does not answer a probe of two images
        with finite scores.

    Notes
    -----
    Whatever the user's code raises while it is imported, called or probed is chained to the ObserverError.
    """
    factory = _resolve(target)
    try:
        module = factory()
    except Exception as error:
        raise ObserverError(
            f"observer.target must build a network without arguments; got {_told(error)} ({target})"
        ) from error
    if not isinstance(module, nn.Module):
        raise ObserverError(
            f"observer.target must return a torch.nn.Module; got {type(module).__name__} ({target})"
        )
    network = Network(module, name=target, n_classes=0, input_size=image_size)
    network.n_classes = _probe(network)
    return network


def _resolve(target: str) -> Callable[[], object]:
    module_name, _, attribute = target.partition(":")
    if str(Path.cwd()) not in sys.path:
        sys.path.append(str(Path.cwd()))
    try:
        found: object = importlib.import_module(module_name)
        for part in attribute.split("."):
            found = getattr(found, part)
    except Exception as error:
        raise ObserverError(f"observer.target must be importable; got {_told(error)} ({target})") from error
    if not callable(found):
        raise ObserverError(f"observer.target must be callable; got {type(found).__name__} ({target})")
    return found


def _probe(network: Network) -> int:
    """Number of classes, after two grey images were answered with finite scores."""
    images = torch.full((2, 3, network.input_size, network.input_size), 0.449)
    try:
        scores = network.logits(images)
    except Exception as error:
        raise ObserverError(
            f"observer.target must answer images {tuple(images.shape)}; got {_told(error)} ({network.name})"
        ) from error
    shape = tuple(scores.shape) if isinstance(scores, torch.Tensor) else type(scores).__name__
    if not isinstance(scores, torch.Tensor) or scores.ndim != 2 or len(scores) != 2 or scores.shape[1] < 2:
        raise ObserverError(
            f"observer.target must answer 2 images with (2, n_classes) scores; got {shape} ({network.name})"
        )
    if not bool(scores.isfinite().all()):
        raise ObserverError(
            f"observer.target must answer with finite scores; got NaN or infinity ({network.name})"
        )
    return scores.shape[1]


def _told(error: Exception) -> str:
    return f"{type(error).__name__}: {(str(error).splitlines() or [''])[0][:160]}"
