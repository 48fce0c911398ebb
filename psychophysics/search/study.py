"""Visual-search asymmetry: is a tilted line among upright ones found sooner than an upright among tilted ones?

People find some targets sooner than the distractors they were found among. Gupta et al. (2021) asked whether a
network that was only trained to classify photographs shares these asymmetries if it sees with a fovea. This
module plans such experiments for any network, its controls beside it; `trials` runs the searches, `summary` weighs
them against people. Where settings name scenes these are searched instead (`natural`); where they name eccNET the
published algorithm searches (`eccnet`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, ClassVar

from cogattn.observers.named import network_named
from cogattn.observers.observer import Observer
from cogattn.psychophysics.search import plan
from cogattn.psychophysics.search.config import ALL_TASKS, DisplaySettings, SearchConfig
from cogattn.psychophysics.search.natural import plan as natural
from cogattn.psychophysics.search.plan import SearchCell
from cogattn.seeds import Streams
from cogattn.study import Cell, Cost, Outcome, Results, Schema, Study, Trials

if TYPE_CHECKING:
    import pandas as pd

    from cogattn.exhibits import Shown


class SearchStudy(Study[SearchConfig]):
    """Visual-search asymmetry in six tasks."""

    name: ClassVar[str] = "search"
    question: ClassVar[str] = (
        "Is a target found faster among distractors than the other way round, as by people?"
    )
    version: ClassVar[int] = 4
    Config: type[SearchConfig] = SearchConfig
    reference: ClassVar[str] = (
        "@inproceedings{gupta2021visual,\n"
        "  title = {Visual search asymmetry: Deep nets and humans share similar inherent biases},\n"
        "  author = {Gupta, Shashi Kant and Zhang, Mengmi and Wu, Chia-Chien and Wolfe, Jeremy M. and Kreiman, "
        "Gabriel},\n"
        "  booktitle = {Advances in Neural Information Processing Systems},\n"
        "  volume = {34}, year = {2021}, note = {arXiv:2106.02953}\n"
        "}"
    )
    tables: ClassVar[Mapping[str, Schema]] = {**plan.TABLES, **natural.TABLES}
    exhibits: ClassVar[Mapping[str, str]] = {
        "A search display": "cogattn.psychophysics.search.exhibits:SEARCH_DISPLAY"
    }
    sittings: ClassVar[Mapping[str, str]] = {
        "2v5": "cogattn.psychophysics.search.sittings:TWO_AMONG_FIVES",
        "conjunction": "cogattn.psychophysics.search.sittings:CONJUNCTION",
    }
    on_card: ClassVar[Sequence[str]] = (
        "asymmetry.mean", "times_likelihood", "slope.feature.present", "slope.conjunction.present", "slope.2v5.present",
        "slope_ratio.conjunction", "slope_ratio.2v5",
    )  # fmt: skip

    def check(self, config: SearchConfig) -> None:
        """Refuse unknown people and networks, weights out of reach, no features, searches and plans without end."""
        from cogattn.psychophysics.search import checks

        checks.check(config)

    def observers(self, config: SearchConfig) -> Sequence[Observer]:
        """Return the networks, their controls, and those that need no network."""
        return natural.observers_of(config) if of_scenes(config) else plan.observers_of(config)

    def cells(self, config: SearchConfig) -> Sequence[Cell]:
        """Return one cell per searcher, condition and ten displays of each set size; or per ten scenes."""
        return natural.cells_of(config) if of_scenes(config) else plan.cells_of(config)

    def relevant(self, config: SearchConfig, cell: Cell) -> SearchConfig:
        """Return the settings of the cell's own searcher, of what it sees and of its rules of looking."""
        if cell.task == natural.TABLE:
            return natural.relevant(config, cell)
        return plan.relevant(config, _own(cell))

    def contents(self, config: SearchConfig, cell: Cell) -> Mapping[str, str]:
        """Return the digests of the cell's network, none where nothing is read, and of its scenes."""
        if cell.task == natural.TABLE:
            return natural.contents(config, cell)
        return plan.contents(config, _own(cell))

    def inputs(self, config: SearchConfig) -> Mapping[str, str]:
        """Return the digests of the tables of people and of published models, or of the scenes."""
        if of_scenes(config):
            return natural.inputs(config)
        from cogattn.psychophysics.search import people

        return people.inputs(config.humans)

    def persons(self) -> pd.DataFrame:
        """Return the 28 persons of Wolfe, Palmer and Horowitz (2010): slopes and errors in three tasks."""
        from cogattn.psychophysics.search import people

        return people.persons()

    def published(self) -> Mapping[str, Callable[[], pd.DataFrame]]:
        """Return the twelve searchers of the paper, derived from their searches."""
        return {"gupta2021-searchers": _searchers}

    def cost(self, config: SearchConfig, cell: Cell) -> Cost:
        """Return what the searches of a cell take, from the size of what it sees and of its network."""
        if cell.task == natural.TABLE:
            from cogattn.psychophysics.search.natural import costs as scenes

            return scenes.cost(config, natural.own_cell(cell))
        own = _own(cell)
        if own.task == plan.TABLE and plan.by_eccnet(config, own):
            from cogattn.psychophysics.search.eccnet import plan as eccnet

            return eccnet.cost(config, own)
        from cogattn.psychophysics.search import costs

        return costs.cost(config, own)

    def run_cell(self, config: SearchConfig, cell: Cell, rng: Streams) -> pd.DataFrame | Outcome:
        """Run the searches of one cell; the columns of the result are described in `plan`."""
        if cell.task == natural.TABLE:
            from cogattn.psychophysics.search.natural import trials as scenes

            return scenes.run(config, cell, rng)
        own = _own(cell)
        if own.task == plan.MULTIVERSE:
            from cogattn.psychophysics.search.multiverse import trials as choices

            return choices.run(config, own, rng)
        if plan.by_eccnet(config, own):
            from cogattn.psychophysics.search.eccnet import trials as eccnet

            return eccnet.run(config, own, rng)
        from cogattn.psychophysics.search import trials

        return trials.run(config, own, rng)

    def summarise(self, config: SearchConfig, trials: Trials) -> Results:
        """Fit slopes and asymmetries and set people, controls and the published models beside them."""
        if of_scenes(config):
            from cogattn.psychophysics.search.natural import summary as scenes

            return scenes.summarise(config, trials)
        from cogattn.psychophysics.search import summary

        return summary.summarise(config, trials)

    def stimulus(self, config: SearchConfig, task: str, trial: Mapping[str, object]) -> Shown | None:
        """Return what was shown in one trial, made again by the run's own generator."""
        from cogattn.psychophysics.search import shown

        return shown.stimulus(config, task, trial)

    def demo(self) -> SearchConfig:
        """Return a small run: two tasks at a coarse resolution."""
        return SearchConfig(
            tasks=("lighting", "orientation"),
            displays=DisplaySettings(n_displays=3, pixels_per_degree=15),
            controls=("random_weights", "chance"),
            n_random=2,
            n_bootstrap=300,
        )

    def carded(self, model: str) -> SearchConfig | None:
        """Return all nine tasks at 15 pixels per degree, twenty displays a set size, no controls."""
        named = network_named(model)
        if named is None:
            return None
        return SearchConfig(
            observer=named,
            tasks=(*ALL_TASKS, "feature", "conjunction", "2v5"),
            displays=DisplaySettings(n_displays=20, pixels_per_degree=15),
            controls=(),
        )


def of_scenes(config: SearchConfig) -> bool:
    """Whether a run searches scenes instead of drawn displays."""
    return config.scenes.path is not None


def _searchers() -> pd.DataFrame:
    from cogattn.psychophysics.search import published

    return published.published_results()


def _own(cell: Cell) -> SearchCell:
    if not isinstance(cell, SearchCell):
        raise TypeError(f"a cell of the search study must be a SearchCell; got {type(cell).__name__}")
    return cell
