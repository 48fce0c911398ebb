"""Scenes: an image, what is in it, what is looked for, and who looked where."""

from cogattn.vision.scenes.reading import SceneSet, digest_of, digests, read_scenes
from cogattn.vision.scenes.scene import Scanpath, Scene, SceneObject, Target

__all__ = [
    "Scanpath",
    "Scene",
    "SceneObject",
    "SceneSet",
    "Target",
    "digest_of",
    "digests",
    "read_scenes",
]
