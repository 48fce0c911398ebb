"""What was shown in a trial: a cue-conflict image, an image of a set, or the image that was attacked.

The perturbation of an attack comes from the network's own gradients and is not made again: the picture is the image as
it was before.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from cogattn.errors import CogattnError
from cogattn.exhibits import Picture, Shown
from cogattn.psychophysics.naming.config import NamingConfig
from cogattn.psychophysics.naming.material import conflict_images, whole_images
from cogattn.psychophysics.naming.sets.material import set_images


def stimulus(config: NamingConfig, task: str, trial: Mapping[str, object]) -> Shown | None:
    """Return the picture of a trial.

    Parameters
    ----------
    config : NamingConfig
        The run's.
    task : str
        ``conflicts``, ``attacked``, ``set``, or ``people``, whose images are those of the run where these have their
        names.
    trial : mapping
        A row of that table: image is read, condition of a set, epsilon of an attack.

    Returns
    -------
    Shown or None
        None where the run has no image of that name, as most often for people of a published table.
    """
    match task:
        case "conflicts":
            return _conflict(config, trial)
        case "attacked":
            return _attacked(config, trial)
        case "set":
            return _of_set(config, trial)
    try:
        return _conflict(config, trial) if config.shown.kind == "conflicts" else _of_set(config, trial)
    except CogattnError:
        return None  # people need no images


def _conflict(config: NamingConfig, trial: Mapping[str, object]) -> Shown | None:
    images, name = conflict_images(config), str(trial["image"])
    if name not in images.ids:
        return None
    index = images.ids.index(name)
    shape, texture = images.shapes[index], images.textures[index]
    picture = Picture(
        _upright(images.load(index)), f"as it was shown: the shape of {shape}, the texture of {texture}"
    )
    return Shown([picture], {"shape": shape, "texture": texture})


def _attacked(config: NamingConfig, trial: Mapping[str, object]) -> Shown | None:
    images, name = whole_images(config), str(trial["image"])
    if name not in images.ids:
        return None
    epsilon = float(str(trial["epsilon"]))
    about = (
        f"{name}, as it was shown" if epsilon == 0 else f"{name} before the attack, which is not made again"
    )
    facts = {
        "category": str(trial["category"]),
        "epsilon": epsilon,
        "norm": getattr(config.shown, "norm", ""),
    }
    return Shown([Picture(images.load(images.ids.index(name)), about)], facts)


def _of_set(config: NamingConfig, trial: Mapping[str, object]) -> Shown | None:
    images, wanted = set_images(config), (str(trial["image"]), str(trial["condition"]))
    listed = list(zip(images.names, images.conditions, strict=True))
    if wanted not in listed:
        return None
    name, condition = wanted
    picture = Picture(
        _upright(images.load(listed.index(wanted))), f"as it was shown: {name}, condition {condition}"
    )
    return Shown([picture], {"category": images.categories[listed.index(wanted)], "condition": condition})


def _upright(image: NDArray[np.float32]) -> NDArray[np.float32]:
    """(3, height, width) -> (height, width, 3)."""
    return np.ascontiguousarray(image.transpose(1, 2, 0))
