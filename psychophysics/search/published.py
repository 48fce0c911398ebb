"""The published searchers as a summary: with ``cogattn compare`` a run is placed beside them, measure by measure."""

from __future__ import annotations

import pandas as pd

from cogattn.measures import summary_table
from cogattn.observers.observer import Observer
from cogattn.psychophysics.search.people import (
    human_asymmetry,
    human_slopes,
    published_asymmetries,
    published_models,
    published_slopes,
)
from cogattn.psychophysics.search.rows import rows_of
from cogattn.psychophysics.search.slopes import ratio_of


def published_results() -> pd.DataFrame:
    """Return the twelve searchers of Gupta et al. (2021), as `cogattn.measures.summary_table`.

    Returns
    -------
    DataFrame
        Of each the measures that a network has in a run of all six tasks, people beside them; intervals resample the
        authors' displays.
    """
    people = pd.Series(human_asymmetry())
    slopes, index, models = (
        table.rename(columns={"model": "observer"})
        for table in (published_slopes(), published_asymmetries(), published_models())
    )
    human = human_slopes().set_index("condition")["slope_ms"]
    tables = {
        "slopes": slopes.assign(human_slope=slopes["condition"].map(human)),
        "asymmetry": index.assign(
            human_index=index["task"].map(people), human_ratio=index["task"].map(people.map(ratio_of))
        ),
        "means": models,
        "agreement": models,
        "outcomes": pd.DataFrame({"observer": [], "target_present": pd.Series(dtype=bool)}),
    }
    return summary_table(rows_of([Observer(name) for name in models["observer"]], tables))
