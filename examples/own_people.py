"""
People of your own: is an observer one of them?
===============================================

People are a CSV file in every study: a row for each person and measure, with the standard error and the number of
trials where they are known. The measures are the keys of the study's summary, in its units.

The twenty persons here are drawn about an observer whose channel is known, the ideal one, 1.5 octaves wide at 7
cycles per image; so it must come out as one of them, and not as one of the published fourteen people, whose channels
lie at 20. Takes some 20 s of one core and needs no download. On the command line it is ``cogattn masking --humans
persons.csv``.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

import cogattn
from cogattn.people import persons, place_table

N_PEOPLE, SPREAD, ERROR = 20, 0.2, 0.1
TRUTH = {"bandwidth": 1.5, "centre": 7.0}  # octaves, cycles per image


def write_people(path: Path) -> None:
    """Write persons whose values are spread by 20 % about the truth, each measured with an error of 10 %."""
    rng = np.random.default_rng(1)
    rows = [
        (f"P{number:02}", measure, value, ERROR * value, 1000)
        for measure, truth in TRUTH.items()
        for number, value in enumerate(
            truth * np.exp(np.hypot(SPREAD, ERROR) * rng.standard_normal(N_PEOPLE))
        )
    ]
    pd.DataFrame(rows, columns=["person", "measure", "estimate", "se", "n"]).to_csv(path, index=False)


def main() -> None:
    """Run the ideal observer beside own people; print and draw its place among them and among the published ones."""
    with tempfile.TemporaryDirectory() as folder:
        write_people(Path(folder) / "persons.csv")
        run = cogattn.run(
            "masking",
            humans=Path(folder) / "persons.csv",
            observer={"kind": "template", "bandwidth_octaves": 1.5, "center_cpi": 7},
            images={"n_images": 48, "size": 64},
            noise={"n_bands": 5},
            design={"kind": "crossed"},
            channel={"gain": "log-gaussian", "n_bootstrap": 100},
            workers=1,
            progress=False,
        )
    for whose, people in (("own", run.people), ("published", persons("masking"))):
        placed = place_table(run.summary, people).set_index("measures")
        for measure in TRUTH:
            row = placed.loc[measure]
            far = f"{row['distance']:.1f} SDs from their mean"
            print(f"{whose} people, {measure}: {far}, p = {row['p']:.2g}, n = {row['n']}")
    draw(run)


def draw(run: cogattn.Run) -> None:
    """Draw every person as a dot, and the observer with its interval."""
    _, panels = plt.subplots(1, len(TRUTH), figsize=(8, 2.2), layout="constrained")
    for axes, measure in zip(panels, TRUTH, strict=True):
        own = run.people.query("measure == @measure")["estimate"]
        row = run.summary.set_index("measure").loc[measure]
        axes.plot(own, np.ones(len(own)), "o", color="#D55E00", alpha=0.5)
        axes.plot([row["lo"], row["hi"]], [0, 0], color="#0072B2")
        axes.plot(row["estimate"], 0, "o", color="#0072B2")
        axes.set(yticks=[0, 1], yticklabels=["observer", "people"], ylim=(-0.5, 1.5))
        axes.set_xlabel(f"{row['label']} ({row['unit']})")
    plt.show()


if __name__ == "__main__":
    main()
