"""Rehearsal: is forgetting mitigated where past tasks come back as often as they are needed, by a power law?

Networks learn tasks in sequence while past ones are rehearsed by a need kernel (Gandhi et al., 2024), all kernels at
equal budget; regularisers stand beside them, and so do people, who learnt two rules blocked or interleaved (Flesch et
al., 2018) and met one task again after another (Holton et al., 2026).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, ClassVar

from cogattn.observers.config import TimmObserver
from cogattn.observers.named import network_named
from cogattn.observers.observer import Observer
from cogattn.rehearsal import columns, plan
from cogattn.rehearsal.config import RaisedObserver, RehearsalConfig, TrainingSettings
from cogattn.rehearsal.plan import RehearsalCell
from cogattn.running.checkpoints import Checkpoint
from cogattn.seeds import Streams
from cogattn.study import Cost, Outcome, Results, Schema, Study, Trials

if TYPE_CHECKING:
    import pandas as pd

    from cogattn.exhibits import Shown

CARD_ITEMS, CARD_SEEDS, CARD_TESTED = 480, 3, 96
"""New items a phase of a card, networks of each schedule, and pictures that each is tested on."""


class RehearsalStudy(Study[RehearsalConfig, RehearsalCell]):
    """How much is forgotten, by what schedule past tasks are rehearsed."""

    name: ClassVar[str] = "rehearsal"
    question: ClassVar[str] = (
        "How much is forgotten where past tasks come back as they are needed, and does any "
        "schedule remember as people do?"
    )
    version: ClassVar[int] = 1
    Config: type[RehearsalConfig] = RehearsalConfig
    reference: ClassVar[str] = (
        "@misc{gandhi2024catastrophic,\n"
        "  title = {Catastrophic Interference is Mitigated in Naturalistic Power-Law Learning Environments},\n"
        "  author = {Gandhi, Atith and Shah, Raj Sanjay and Marupudi, Vijay and Varma, Sashank},\n"
        "  year = {2024}, note = {arXiv:2401.10393v1}\n"
        "}"
    )
    tables: ClassVar[Mapping[str, Schema]] = columns.TABLES
    commands: ClassVar[Mapping[str, str]] = {"weights": "cogattn.rehearsal.commands:weights"}
    on_card: ClassVar[Sequence[str]] = ("accuracy", "forgetting", "accuracy.over_none")

    def check(self, config: RehearsalConfig) -> None:
        """Refuse schedules and scenarios that are unknown, unequal budgets, data that cannot be used."""
        from cogattn.rehearsal import checks

        checks.check(config)

    def observers(self, config: RehearsalConfig) -> Sequence[Observer]:
        """Return the schedules and the regularisers."""
        return plan.observers_of(config)

    def cells(self, config: RehearsalConfig) -> Sequence[RehearsalCell]:
        """Return one cell per observer, point of the sweep and stack of seeds."""
        return plan.cells_of(config)

    def relevant(self, config: RehearsalConfig, cell: RehearsalCell) -> RehearsalConfig:
        """Return the settings that can change a cell's trials."""
        return plan.relevant(config, cell)

    def contents(self, config: RehearsalConfig, cell: RehearsalCell) -> Mapping[str, str]:
        """Return the digests of pictures, of people's trials and of other packages' scenarios."""
        return plan.contents(config, cell)

    def inputs(self, config: RehearsalConfig) -> Mapping[str, str]:
        """Return the digests of what the summary reads beside the trials: people's trials."""
        return plan.inputs(config)

    def cost(self, config: RehearsalConfig, cell: RehearsalCell) -> Cost:
        """Return what training and testing take."""
        from cogattn.rehearsal import costs

        return costs.cost(config, cell)

    def run_cell(
        self,
        config: RehearsalConfig,
        cell: RehearsalCell,
        rng: Streams,
        *,
        checkpoint: Checkpoint | None = None,
    ) -> pd.DataFrame | Outcome:
        """Train one stack of networks through all phases and test it after each."""
        from cogattn.rehearsal import trials

        return trials.run(config, cell, checkpoint or Checkpoint())

    def summarise(self, config: RehearsalConfig, trials: Trials) -> Results:
        """Put all schedules beside each other at equal budget, and beside people."""
        from cogattn.rehearsal import summary

        return summary.summarise(config, trials)

    def stimulus(self, config: RehearsalConfig, task: str, trial: Mapping[str, object]) -> Shown | None:
        """Return the first items that a row of a phase is of, made again by the run's own plan."""
        from cogattn.rehearsal import shown

        return shown.stimulus(config, task, trial)

    def demo(self) -> RehearsalConfig:
        """Return a small run on scikit-learn's digits."""
        return plan.demo()

    def carded(self, model: str) -> RehearsalConfig | None:
        """Return three image diets, one after the other, rehearsed by a power law, and without rehearsal beside.

        A network of timm begins with its weights, so that it is the observer of the other studies that learns and
        forgets.
        """
        named = network_named(model)
        if isinstance(named, TimmObserver):
            named = RaisedObserver(models=named.models, weights=named.weights)
        if named is None:
            return None
        return RehearsalConfig(
            observer=named,
            diet=("plain", "rotated", "upside_down"),
            schedules=("power:1", "none"),
            training=TrainingSettings(n_new=CARD_ITEMS),
            n_seeds=CARD_SEEDS,
            n_test=CARD_TESTED,
        )
