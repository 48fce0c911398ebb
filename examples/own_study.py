"""
A study of your own: how well do observers tell a signal from noise (d')?
=========================================================================

A study is a class in a module that imports no torch: settings, a plan of cells, a pure function that runs one, and a
summary. It is run from the command line by its target, with every flag that the house's own studies have,

    cogattn own_study:DetectionStudy --n-trials 1000

or, from an installed package, as ``cogattn detection``, once its pyproject.toml names it:

    [project.entry-points."cogattn.studies"]
    detection = "own_study:DetectionStudy"

Here simulated observers of known d' take part: 1 and 2 must come out. Takes five seconds on one core.
`cogattn.testing.conformance.check_study` says of any study whether it keeps the house's promises.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np
import pandas as pd
from pydantic import Field
from scipy.stats import norm

import cogattn
from cogattn.config import StudyConfig
from cogattn.measures import Estimate, Measure, Row, summary_table
from cogattn.observers.observer import Observer
from cogattn.seeds import Streams
from cogattn.study import Cell, Results, Study, Trials

D_PRIME = Measure("d_prime", "SD", "sensitivity d'")
CONDITIONS = ("noise", "signal")


class DetectionConfig(StudyConfig):
    """Settings of the study."""

    d_primes: tuple[float, ...] = Field(default=(1.0, 2.0), min_length=1)
    """True sensitivity of each simulated observer, in SDs of the noise."""
    n_trials: int = Field(default=400, ge=20)
    """Trials of each observer; in every other one there is a signal."""


@dataclass(frozen=True, kw_only=True)
class DetectionCell(Cell):
    """All trials of one observer."""

    d_prime: float


class DetectionStudy(Study[DetectionConfig, DetectionCell]):
    """How well do observers tell a signal from noise?"""

    name: ClassVar[str] = "detection"
    version: ClassVar[int] = 1
    Config: type[DetectionConfig] = DetectionConfig
    reference: ClassVar[str] = (
        "@book{green1966, title={Signal detection theory and psychophysics}, year={1966}}"
    )
    tables: ClassVar = {
        "detection": {"observer": "str", "condition": "str", "response": "str", "correct": "bool"}
    }

    def observers(self, config: DetectionConfig) -> Sequence[Observer]:
        """Return one observer for each d'."""
        return [Observer(f"true d' {d_prime:g}") for d_prime in config.d_primes]

    def cells(self, config: DetectionConfig) -> Sequence[DetectionCell]:
        """Return one cell for each observer."""
        return [
            DetectionCell(label=observer.name, task="detection", observer=observer.id, d_prime=d_prime)
            for observer, d_prime in zip(self.observers(config), config.d_primes, strict=True)
        ]

    def relevant(self, config: DetectionConfig, cell: DetectionCell) -> DetectionConfig:
        """Return the observer's own d': one observer more leaves the trials of the others as they are."""
        return config.model_copy(update={"d_primes": (cell.d_prime,)})

    def run_cell(self, config: DetectionConfig, cell: DetectionCell, rng: Streams) -> pd.DataFrame:
        """Say "signal" where the evidence lies above the middle between noise and signal."""
        signal = np.arange(config.n_trials) % 2
        evidence = rng.generator("evidence").standard_normal(config.n_trials) + cell.d_prime * signal
        said = np.int64(evidence > cell.d_prime / 2)
        words = np.array(CONDITIONS)
        return pd.DataFrame(
            {
                "observer": cell.observer,
                "condition": words[signal],
                "response": words[said],
                "correct": said == signal,
            }
        )

    def summarise(self, config: DetectionConfig, trials: Trials) -> Results:
        """Return d' of each observer; one whose cell failed has no trials and gets no row."""
        counts = trials.counts("detection", by=["observer", "condition"], totals=["correct"])
        of = dict(tuple(counts.set_index("condition").groupby("observer")))
        rows = [Row(o, D_PRIME, d_prime(of[o.id])) for o in self.observers(config) if o.id in of]
        from cogattn.figures import summary_figure

        table = summary_table(rows)
        return Results(table, figures={"d_prime": lambda: summary_figure(table)})

    def demo(self) -> DetectionConfig:
        """Return the defaults."""
        return DetectionConfig()


def d_prime(counts: pd.DataFrame) -> Estimate:
    """Return z(hits) - z(false alarms), half a trial added to each count, with its 95 % interval.

    The variance is that of Gourevitch and Galanter (1967).
    """
    n = counts.loc[list(CONDITIONS), "n"].to_numpy() + 1  # (noise, signal)
    share = (counts.loc[list(CONDITIONS), "correct"].to_numpy() + 0.5) / n
    z = norm.ppf(share)
    error = np.sqrt((share * (1 - share) / n / norm.pdf(z) ** 2).sum())
    return Estimate(z.sum(), z.sum() - 1.96 * error, z.sum() + 1.96 * error, int(counts["n"].sum()))


def main() -> None:
    """Run the study by its target, as the command line and worker processes do; print and show what comes out."""
    run = cogattn.run("own_study:DetectionStudy", n_trials=1000, workers=1, progress=False)
    print(run.summary[["observer", "measure", "estimate", "lo", "hi", "n"]].to_string(index=False))
    show(run.figures["d_prime"])


def show(figure: Path) -> None:
    """Show a figure that the run has drawn."""
    import matplotlib.pyplot as plt

    _, axes = plt.subplots(figsize=(7, 2.5), layout="constrained")
    axes.imshow(plt.imread(figure))
    axes.axis("off")
    plt.show()


if __name__ == "__main__":
    main()
