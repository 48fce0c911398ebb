"""Visual-search asymmetry: is a tilted line among upright ones found sooner than an upright among tilted ones?

People find some targets sooner than the distractors they were found among. Gupta et al. (2021) asked whether a
network that was only trained to classify photographs shares these asymmetries if it sees with a fovea. This
module plans six such experiments for any network, its controls beside it; `trials` runs the searches,
`summary` weighs them against people.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, ClassVar

from cogattn.observers.observer import Observer
from cogattn.psychophysics.search import plan
from cogattn.psychophysics.search.config import DisplaySettings, SearchConfig
from cogattn.psychophysics.search.plan import SearchCell
from cogattn.seeds import Streams
from cogattn.study import Cell, Cost, Results, Schema, Study, Trials

if TYPE_CHECKING:
    import pandas as pd


class SearchStudy(Study[SearchConfig]):
    """Visual-search asymmetry in six tasks."""

    name: ClassVar[str] = "search"
    version: ClassVar[int] = 3
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
    tables: ClassVar[Mapping[str, Schema]] = plan.TABLES

    def check(self, config: SearchConfig) -> None:
        """Refuse unknown people and networks, weights out of reach, no features, searches and plans without end."""
        from cogattn.psychophysics.search import checks

        checks.check(config)

    def observers(self, config: SearchConfig) -> Sequence[Observer]:
        """Return the networks, their controls, and those that need no network."""
        return plan.observers_of(config)

    def cells(self, config: SearchConfig) -> Sequence[Cell]:
        """Return one cell per searcher, condition and ten displays of each set size."""
        return plan.cells_of(config)

    def relevant(self, config: SearchConfig, cell: Cell) -> SearchConfig:
        """Return the settings of the cell's own searcher, of its displays and of its rules of looking."""
        return plan.relevant(config, _own(cell))

    def contents(self, config: SearchConfig, cell: Cell) -> Mapping[str, str]:
        """Return the digests of the cell's network; none where nothing is read."""
        return plan.contents(config, _own(cell))

    def inputs(self, config: SearchConfig) -> Mapping[str, str]:
        """Return the digests of the tables of people and of published models."""
        from cogattn.psychophysics.search import people

        return people.inputs(config.humans)

    def persons(self) -> pd.DataFrame:
        """Return the 28 persons of Wolfe, Palmer and Horowitz (2010): slopes and errors in three tasks."""
        from cogattn.psychophysics.search import people

        return people.persons()

    def cost(self, config: SearchConfig, cell: Cell) -> Cost:
        """Return what the searches of a cell take, from the size of its displays and network."""
        from cogattn.psychophysics.search import costs

        return costs.cost(config, _own(cell))

    def run_cell(self, config: SearchConfig, cell: Cell, rng: Streams) -> pd.DataFrame:
        """Run the searches of one cell; the columns of the result are described in `plan`."""
        from cogattn.psychophysics.search import trials

        return trials.run(config, _own(cell), rng)

    def summarise(self, config: SearchConfig, trials: Trials) -> Results:
        """Fit slopes and asymmetries and set people, controls and the published models beside them."""
        from cogattn.psychophysics.search import summary

        return summary.summarise(config, trials)

    def demo(self) -> SearchConfig:
        """Return a small run: two tasks at a coarse resolution."""
        return SearchConfig(
            tasks=("lighting", "orientation"),
            displays=DisplaySettings(n_displays=3, pixels_per_degree=15),
            controls=("random_weights", "chance"),
            n_random=2,
            n_bootstrap=300,
        )


def _own(cell: Cell) -> SearchCell:
    if not isinstance(cell, SearchCell):
        raise TypeError(f"a cell of the search study must be a SearchCell; got {type(cell).__name__}")
    return cell
