"""Scanpaths over objects: does a network know where people look next?

A transformer of objects and fixations (OAT; Fang et al., 2024) is fitted to people's scanpaths, told by a network what
each object looks like, and tested on layouts that it never saw. The likelihood of people's next fixations is weighed
against simple rules, against a choice model of geometry and history, and against what other people's fixations tell.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, ClassVar

from cogattn.observers.named import network_named
from cogattn.observers.observer import Observer
from cogattn.psychophysics.scanpath import columns, plan
from cogattn.psychophysics.scanpath.config import ScanpathConfig
from cogattn.psychophysics.scanpath.plan import ScanpathCell
from cogattn.running.checkpoints import Checkpoint
from cogattn.seeds import Streams
from cogattn.study import Cost, Outcome, Results, Schema, Study, Trials

if TYPE_CHECKING:
    import pandas as pd

    from cogattn.exhibits import Shown


class ScanpathStudy(Study[ScanpathConfig, ScanpathCell]):
    """Where people look next among objects, predicted."""

    name: ClassVar[str] = "scanpath"
    question: ClassVar[str] = (
        "Where among objects do people look next, and how many other people is a model worth?"
    )
    version: ClassVar[int] = 2
    Config: type[ScanpathConfig] = ScanpathConfig
    reference: ClassVar[str] = (
        "@inproceedings{fang2024oat,\n"
        "  title = {{OAT}: Object-Level Attention Transformer for Gaze Scanpath Prediction},\n"
        "  author = {Fang, Yini and Yu, Jingling and Zhang, Haozheng and van der Lans, Ralf and Shi, Bertram},\n"
        "  booktitle = {European Conference on Computer Vision}, year = {2024}, note = {arXiv:2407.13335}\n"
        "}"
    )
    tables: ClassVar[Mapping[str, Schema]] = columns.TABLES
    joint: ClassVar[Sequence[str]] = ("sequence_score.sampled", "length", "saccade_deg")
    exhibits: ClassVar[Mapping[str, str]] = {
        "Where next?": "cogattn.psychophysics.scanpath.exhibits:NEXT_OBJECT"
    }
    on_card: ClassVar[Sequence[str]] = (
        "information_gain.history", "information_gain.no_content", "worth_viewers", "sequence_score.sampled", "length",
        "saccade_deg",
    )  # fmt: skip

    def check(self, config: ScanpathConfig) -> None:
        """Refuse data that cannot be used, splits that leak, networks that are unknown."""
        from cogattn.psychophysics.scanpath import checks

        checks.check(config)

    def observers(self, config: ScanpathConfig) -> Sequence[Observer]:
        """Return the networks, their controls, the baselines, other viewers and predictors."""
        return plan.observers_of(config)

    def cells(self, config: ScanpathConfig) -> Sequence[ScanpathCell]:
        """Return one cell per observer and split."""
        return plan.cells_of(config)

    def relevant(self, config: ScanpathConfig, cell: ScanpathCell) -> ScanpathConfig:
        """Return the settings that can change a cell's trials."""
        return plan.relevant(config, cell)

    def contents(self, config: ScanpathConfig, cell: ScanpathCell) -> Mapping[str, str]:
        """Return the digests of scenes, of the cell's network, and of weights and predictions that it reads."""
        return plan.contents(config, cell)

    def inputs(self, config: ScanpathConfig) -> Mapping[str, str]:
        """Return the digests of the scenes."""
        return plan.inputs(config)

    def cost(self, config: ScanpathConfig, cell: ScanpathCell) -> Cost:
        """Return what fitting and testing take."""
        from cogattn.psychophysics.scanpath import costs

        return costs.cost(config, cell)

    def run_cell(
        self,
        config: ScanpathConfig,
        cell: ScanpathCell,
        rng: Streams,
        *,
        checkpoint: Checkpoint | None = None,
    ) -> pd.DataFrame | Outcome:
        """Fit one observer on one split and test it."""
        from cogattn.psychophysics.scanpath import trials

        return trials.run(config, cell, rng, checkpoint or Checkpoint())

    def summarise(self, config: ScanpathConfig, trials: Trials) -> Results:
        """Put bits and scores of all observers beside each other and beside people."""
        from cogattn.psychophysics.scanpath import summary

        return summary.summarise(config, trials)

    def stimulus(self, config: ScanpathConfig, task: str, trial: Mapping[str, object]) -> Shown | None:
        """Return the layout of one trial with the fixations on it, made or read again as the run had it."""
        from cogattn.psychophysics.scanpath import shown

        return shown.stimulus(config, task, trial)

    def demo(self) -> ScanpathConfig:
        """Return a small run on simulated scanpaths."""
        return plan.demo()

    def carded(self, model: str) -> ScanpathConfig | None:
        """Return drawn layouts and simulated persons, with what one needs to be held against and no more."""
        named = network_named(model)
        if named is None:
            return None
        return ScanpathConfig(observer=named, controls=("no_content",), baselines=("uniform", "history"))

    def simulated(self, config: ScanpathConfig) -> bool:
        """Return whether scanpaths are simulated: no scenes are given."""
        return config.scenes.path is None
