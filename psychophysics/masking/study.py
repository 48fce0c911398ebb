"""Critical-band masking: which spatial frequencies does an observer use to name an object?

Subramanian, Sizikova, Majaj and Pelli (2023) add noise of one octave to grey, low-contrast photographs and
ask for one of 16 categories. Noise hurts only where the observer looks: people use a channel about one
octave wide, networks a wider one. `plan` lists the trials, `trials` runs them, `summary` weighs them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, ClassVar

from cogattn.observers.config import ReadoutObserver, TimmObserver
from cogattn.observers.named import network_named
from cogattn.observers.observer import Observer
from cogattn.psychophysics.masking import plan
from cogattn.psychophysics.masking.config import MaskingConfig
from cogattn.psychophysics.masking.measures import CHANNEL, CLEAN_ACCURACY
from cogattn.seeds import Streams
from cogattn.study import Cell, Cost, Results, Schema, Study, Trials
from cogattn.vision.images.categories import CATEGORIES
from cogattn.vision.images.config import ProceduralImages

if TYPE_CHECKING:
    import pandas as pd

    from cogattn.exhibits import Shown
CARD_TRIALS = 1050
"""Of a card, as in the paper."""


class MaskingStudy(Study[MaskingConfig]):
    """Critical-band masking over 16 categories."""

    name: ClassVar[str] = "masking"
    question: ClassVar[str] = "How wide is the band of spatial frequencies with which an object is named?"
    version: ClassVar[int] = 4
    Config: type[MaskingConfig] = MaskingConfig
    reference: ClassVar[str] = (
        "@inproceedings{subramanian2023spatial,\n"
        "  title = {Spatial-frequency channels, shape bias, and adversarial robustness},\n"
        "  author = {Subramanian, Ajay and Sizikova, Elena and Majaj, Najib J. and Pelli, Denis G.},\n"
        "  booktitle = {Advances in Neural Information Processing Systems},\n"
        "  volume = {36}, year = {2023}, note = {arXiv:2309.13190}\n"
        "}"
    )
    tables: ClassVar[Mapping[str, Schema]] = plan.TABLES
    joint: ClassVar[Sequence[str]] = tuple(measure.key for measure in CHANNEL)
    exhibits: ClassVar[Mapping[str, str]] = {
        "An image in noise": "cogattn.psychophysics.masking.exhibits:IMAGE_IN_NOISE"
    }
    sittings: ClassVar[Mapping[str, str]] = {"masking": "cogattn.psychophysics.masking.sittings:MASKING"}
    on_card: ClassVar[Sequence[str]] = (*joint, CLEAN_ACCURACY.key)

    def check(self, config: MaskingConfig) -> None:
        """Find what is wrong with settings, files, tables of people and networks.

        Raises
        ------
        ConfigError, DataError, ObserverError
            One sentence that begins with the setting's path.
        """
        from cogattn.psychophysics.masking import checks

        checks.check(config)

    def observers(self, config: MaskingConfig) -> Sequence[Observer]:
        """Return the networks, the ideal observer, or the people of a table."""
        return plan.observers(config)

    def cells(self, config: MaskingConfig) -> Sequence[Cell]:
        """Return one cell per observer and a few hundred trials; the adaptive design takes one cell per observer."""
        return plan.cells(config)

    def relevant(self, config: MaskingConfig, cell: Cell) -> MaskingConfig:
        """Return the settings that can change the trials of `cell`."""
        return plan.relevant(config, cell)

    def contents(self, config: MaskingConfig, cell: Cell) -> Mapping[str, str]:
        """Return the digests of the network, images and tables that `cell` reads."""
        return plan.contents(config, cell)

    def inputs(self, config: MaskingConfig) -> Mapping[str, str]:
        """Return the digests of the tables of people that the summary reads."""
        from cogattn.psychophysics.masking import counts

        if config.observer.kind == "human":
            return {"observer.table": counts.content(config.observer.table, setting="observer.table")}
        return {"humans": counts.content(config.humans)}

    def persons(self) -> pd.DataFrame:
        """Return the 14 people of the paper: channel and accuracy without noise."""
        from cogattn.psychophysics.masking import people

        return people.persons(MaskingConfig())

    def published(self) -> Mapping[str, Callable[[], pd.DataFrame]]:
        """Return the 85 networks of the paper, fitted when they are asked for."""
        return {"subramanian2023-networks": _networks}

    def cost(self, config: MaskingConfig, cell: Cell) -> Cost:
        """Return what a cell needs if its network is as small as EfficientNet-lite0."""
        return plan.cost(config, cell)

    def run_cell(self, config: MaskingConfig, cell: Cell, rng: Streams) -> pd.DataFrame:
        """Run the trials of one cell."""
        from cogattn.psychophysics.masking import trials

        return trials.run(config, cell, rng)

    def summarise(self, config: MaskingConfig, trials: Trials) -> Results:
        """Fit the channel of each observer and set the human one beside it."""
        from cogattn.psychophysics.masking import summary

        return summary.summarise(config, trials)

    def stimulus(self, config: MaskingConfig, task: str, trial: Mapping[str, object]) -> Shown | None:
        """Return what was shown in one trial, made again by the run's own generator."""
        from cogattn.psychophysics.masking import shown

        return shown.stimulus(config, task, trial)

    def demo(self) -> MaskingConfig:
        """Return a small run on drawn images: a readout on EfficientNet-lite0, 384 trials."""
        return MaskingConfig(
            observer=ReadoutObserver(train_per_category=8), images=ProceduralImages(n_images=384)
        )

    def carded(self, model: str) -> MaskingConfig | None:
        """Return the paper's 1,050 trials of people's noise on drawn objects: a readout of the network, or its own.

        A network of one's own answers by itself.
        """
        named = network_named(model)
        if isinstance(named, TimmObserver):
            readout = ReadoutObserver(models=named.models)
            n_images = CARD_TRIALS + readout.train_per_category * len(CATEGORIES)
            return MaskingConfig(observer=readout, images=ProceduralImages(n_images=n_images), like="people")
        if named is None:
            return None
        return MaskingConfig(observer=named, images=ProceduralImages(n_images=CARD_TRIALS), like="people")


def _networks() -> pd.DataFrame:
    from cogattn.psychophysics.masking import published

    return published.networks_summary()
