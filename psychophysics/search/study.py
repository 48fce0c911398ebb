"""Visual-search asymmetry: is a tilted line among upright ones found sooner than an upright among tilted ones?

People find some targets sooner than the distractors they were found among. Gupta et al. (2021) asked whether a
network that was only trained to classify photographs shares these asymmetries if it sees with a fovea. This
module plans six such experiments for any network, its controls beside it; `session` runs the searches,
`summary` weighs them against people.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, ClassVar

from cogattn.observers.config import FactoryObserver, TimmObserver
from cogattn.psychophysics.search.config import DisplaySettings, SearchConfig
from cogattn.seeds import Streams
from cogattn.study import Cell, Results

if TYPE_CHECKING:
    import pandas as pd

DISPLAYS_PER_CELL = 30
"""Of each set size: half a minute of a small network on one core."""


class SearchStudy:
    """Visual-search asymmetry in six tasks."""

    name: ClassVar[str] = "search"
    version: ClassVar[int] = 2
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

    def cells(self, config: SearchConfig) -> Sequence[Cell]:
        """Return one cell per searcher, condition and thirty displays of each set size."""
        from cogattn.psychophysics.search.tasks import TASKS

        n = config.displays.n_displays
        return [
            Cell.of(
                f"{searcher}, {condition.title}, displays {start}-{min(start + DISPLAYS_PER_CELL, n) - 1}",
                searcher=searcher,
                condition=condition.name,
                start=start,
                stop=min(start + DISPLAYS_PER_CELL, n),
            )
            for searcher in searcher_names(config)
            for task in config.tasks
            for condition in TASKS[task].conditions
            for start in range(0, n, DISPLAYS_PER_CELL)
        ]

    def run_cell(self, config: SearchConfig, cell: Cell, rng: Streams) -> pd.DataFrame:
        """Run the searches of one cell; the columns of the result are described in `session`."""
        from cogattn.psychophysics.search import trials

        return trials.run(config, cell, rng)

    def summarise(self, config: SearchConfig, trials: pd.DataFrame) -> Results:
        """Fit slopes and asymmetries and set people, controls and the published models beside them."""
        from cogattn.psychophysics.search import summary

        return summary.summarise(config, trials)

    def inputs(self, config: SearchConfig) -> Mapping[str, str]:
        """Fingerprint the network."""
        from cogattn.observers.fingerprint import fingerprint

        return fingerprint(config.observer)

    def demo(self) -> SearchConfig:
        """Return a small run: two tasks at a coarse resolution."""
        return SearchConfig(
            tasks=("lighting", "orientation"),
            displays=DisplaySettings(n_displays=3, pixels_per_degree=15),
            controls=("random_weights", "chance"),
            n_random=2,
            n_bootstrap=300,
        )


def searcher_names(config: SearchConfig) -> tuple[str, ...]:
    """Return the names under which the searchers of `config` appear in every table (people aside)."""
    networks = network_names(config)
    names = list(networks)
    for control in config.controls:
        match control:
            case "no_fovea":
                names += [f"{network}, no fovea" for network in networks]
            case "random_weights" if isinstance(config.observer, TimmObserver):
                names += random_names(config)
            case "random_weights":
                pass
            case other:
                names.append(other)
    return tuple(names)


def network_names(config: SearchConfig) -> tuple[str, ...]:
    """Return the names of the networks under test."""
    if isinstance(config.observer, FactoryObserver):
        return (config.observer.target,)
    return config.observer.models


def random_names(config: SearchConfig) -> list[str]:
    """Return the names of the untrained copies."""
    return [
        f"{network}, untrained {copy}" for network in network_names(config) for copy in range(config.n_random)
    ]
