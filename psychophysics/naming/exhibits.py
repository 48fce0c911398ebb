"""What can be looked at of naming: one object's shape in another's texture, and a drawn image manipulated step by step.

Images come from the lists of a run with the same settings.
"""

from __future__ import annotations

from typing import get_args

import numpy as np

from cogattn.errors import ConfigError
from cogattn.exhibits import Control, Exhibit, Picture, Shown
from cogattn.psychophysics.naming.config import MadeSet, NamingConfig
from cogattn.psychophysics.naming.sets.facts import FACTS
from cogattn.vision.images.config import ProceduralImages
from cogattn.vision.images.silhouettes import SILHOUETTES

SETS: tuple[str, ...] = get_args(MadeSet.model_fields["name"].annotation)
MOST_CONDITIONS = max(len(FACTS[name].conditions) for name in SETS)


def shape_and_texture(*, shape: str, texture: str) -> Shown:
    """Return the cue-conflict image of two categories.

    Raises
    ------
    ConfigError
        If they are the same.
    """
    from cogattn.psychophysics.naming.material import conflict_images

    if shape == texture:
        raise ConfigError(f"texture must be of another category than shape; got {texture} for both")
    images = conflict_images(NamingConfig())
    index = list(zip(images.shapes, images.textures, strict=True)).index((shape, texture))
    caption = f"The outline of one {shape}, filled with small copies of {texture}."
    return Shown(
        (Picture(_upright(images.load(index)), caption),),
        {"image": images.ids[index], "answer by shape": shape, "answer by texture": texture},
    )


def manipulated(*, name: str, strength: int, image: int) -> Shown:
    """Return a drawn image in one condition of a set, and the same as it is.

    Parameters
    ----------
    name : str
        Of the set.
    strength : int
        Number of the condition, from the weakest; the strongest there is where the set has fewer.
    image : int
        Number of the image.
    """
    from cogattn.psychophysics.naming.sets.made import MadeImages
    from cogattn.psychophysics.naming.sets.material import set_images

    facts = FACTS[name]
    at = min(strength, len(facts.conditions) - 1)
    config = NamingConfig.model_validate({"shown": {"kind": "made", "name": name, "each": "one"}})
    images = set_images(config)
    if not isinstance(images, MadeImages):
        raise TypeError("a made set must have made images")
    category = images.categories[image]
    return Shown(
        (
            Picture(
                _upright(images.made(image, facts.conditions[at])),
                f"A drawn {category}: {name}, {facts.labels[at]} ({facts.axis}).",
            ),
            Picture(
                _upright(images.whole.load_rgb(images.shown[image][0])),
                f"The same {category} as it is.",
            ),
        ),
        {
            "category": category,
            "condition": facts.conditions[at],
            facts.axis: facts.labels[at],
            "too hard for people": facts.conditions[at] in facts.too_hard,
        },
    )


def _upright(image: np.ndarray) -> np.ndarray:
    """(3, height, width) -> (height, width, 3)."""
    return np.ascontiguousarray(image.transpose(1, 2, 0), dtype=float)


SHAPE_AND_TEXTURE = Exhibit(
    title="Shape against texture",
    about="The shape of one thing in the texture of another: people name the shape, most networks the texture.",
    controls=(
        Control("shape", "Shape", "bottle", choices=tuple(SILHOUETTES)),
        Control("texture", "Texture", "key", choices=tuple(SILHOUETTES)),
    ),
    make=shape_and_texture,
)
MANIPULATED = Exhibit(
    title="An image manipulated",
    about="A drawn image with less and less left of it, as people and networks were asked to name photographs.",
    controls=(
        Control("name", "Manipulation", "low-pass", choices=SETS),
        Control("strength", "Strength (number of the condition)", 3, 0, MOST_CONDITIONS - 1, 1),
        Control("image", "Image (number)", 7, 0, ProceduralImages().n_images - 1, 1),
    ),
    make=manipulated,
)
