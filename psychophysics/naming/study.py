"""Naming: how do networks name images on which people are known, or which were made to deceive?

Three things can be shown. Cue conflicts (Geirhos et al. 2019): the shape of one category in the texture of another.
Attacked images: the same images as they are and under projected gradient descent. A set of manipulated images that
people named, condition by condition (Geirhos et al. 2018, 2021). `plan` lists the trials, `trials` runs them, `summary`
weighs them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, ClassVar

from cogattn.observers.config import ReadoutObserver, TimmObserver
from cogattn.observers.named import network_named
from cogattn.observers.observer import Observer
from cogattn.psychophysics.naming import plan
from cogattn.psychophysics.naming.config import Conflicts, NamingConfig
from cogattn.seeds import Streams
from cogattn.study import Cell, Cost, Results, Schema, Study, Trials

if TYPE_CHECKING:
    import pandas as pd

    from cogattn.exhibits import Shown


class NamingStudy(Study[NamingConfig]):
    """Shape bias, robustness and error consistency: images named by networks and people."""

    name: ClassVar[str] = "naming"
    question: ClassVar[str] = (
        "Does it name by shape or texture, under attack, and in the 17 sets of images that "
        "people named, and does it fail where they fail?"
    )
    version: ClassVar[int] = 1
    Config: type[NamingConfig] = NamingConfig
    reference: ClassVar[str] = (
        "@inproceedings{geirhos2021partial,\n"
        "  title = {Partial success in closing the gap between human and machine vision},\n"
        "  author = {Geirhos, Robert and Narayanappa, Kantharaju and Mitzkus, Benjamin and Thieringer, Tizian and\n"
        "    Bethge, Matthias and Wichmann, Felix A. and Brendel, Wieland},\n"
        "  booktitle = {Advances in Neural Information Processing Systems},\n"
        "  volume = {34}, year = {2021}, note = {arXiv:2106.07411}\n"
        "}"
    )
    tables: ClassVar[Mapping[str, Schema]] = plan.TABLES
    exhibits: ClassVar[Mapping[str, str]] = {
        "Shape against texture": "cogattn.psychophysics.naming.exhibits:SHAPE_AND_TEXTURE",
        "An image manipulated": "cogattn.psychophysics.naming.exhibits:MANIPULATED",
    }
    on_card: ClassVar[Sequence[str]] = (
        "shape_bias", "shape_accuracy", "error_consistency.people", "copy_probability.people", "worth.naming",
    )  # fmt: skip

    def check(self, config: NamingConfig) -> None:
        """Find what is wrong with settings, files, tables of people and networks.

        Raises
        ------
        ConfigError, DataError, ObserverError
            One sentence that begins with the setting's path.
        """
        from cogattn.psychophysics.naming import checks

        checks.check(config)

    def observers(self, config: NamingConfig) -> Sequence[Observer]:
        """Return the networks, or the people of a table."""
        return plan.observers(config)

    def cells(self, config: NamingConfig) -> Sequence[Cell]:
        """Return one cell per observer and a few hundred images, or per person."""
        return plan.cells(config)

    def relevant(self, config: NamingConfig, cell: Cell) -> NamingConfig:
        """Return the settings that can change the trials of `cell`."""
        return plan.relevant(config, cell)

    def contents(self, config: NamingConfig, cell: Cell) -> Mapping[str, str]:
        """Return the digests of the network, images and tables that `cell` reads."""
        return plan.contents(config, cell)

    def inputs(self, config: NamingConfig) -> Mapping[str, str]:
        """Return the digest of the people that the summary reads."""
        from cogattn.psychophysics.naming import persons

        return persons.inputs(config)

    def cost(self, config: NamingConfig, cell: Cell) -> Cost:
        """Return what a cell needs if its network is as small as EfficientNet-lite0."""
        return plan.cost(config, cell)

    def run_cell(self, config: NamingConfig, cell: Cell, rng: Streams) -> pd.DataFrame:
        """Run the trials of one cell."""
        from cogattn.psychophysics.naming import trials

        return trials.run(config, cell, rng)

    def summarise(self, config: NamingConfig, trials: Trials) -> Results:
        """Weigh every observer's answers and set people's beside them."""
        from cogattn.psychophysics.naming import summary

        return summary.summarise(config, trials)

    def stimulus(self, config: NamingConfig, task: str, trial: Mapping[str, object]) -> Shown | None:
        """Return what was shown in one trial, made again by the run's own generator."""
        from cogattn.psychophysics.naming import shown

        return shown.stimulus(config, task, trial)

    def demo(self) -> NamingConfig:
        """Return a small run on drawn cue conflicts: a readout on EfficientNet-lite0, 96 images."""
        return NamingConfig(observer=ReadoutObserver(train_per_category=12), shown=Conflicts(n_images=96))

    def carded(self, model: str) -> NamingConfig | None:
        """Return the drawn cue conflicts, every shape once in every other texture."""
        named = network_named(model)
        if isinstance(named, TimmObserver):
            return NamingConfig(observer=ReadoutObserver(models=named.models))
        return None if named is None else NamingConfig(observer=named)
