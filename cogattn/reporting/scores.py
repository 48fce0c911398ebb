"""A run's scores in the shape of timm's tables of results: a row a network, ``model``, then a column a measure.

They join on ``model`` with ``results-imagenet.csv`` and its like, and ``param_count`` (millions), ``img_size`` and
``interpolation`` are theirs. A measure's column is called by its key.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

    from cogattn.observers.facts import Facts

SCORES = "model_scores"
"""Name of the table in a run."""
FACTS = ("param_count", "img_size", "interpolation")
MODEL = "model"
ENDS = ("_lo", "_hi")
"""What is put behind a measure's key for the ends of its interval."""
SCORED_ROLES = ("network", "control")


def scores_table(summary: pd.DataFrame, facts: Mapping[str, Facts]) -> pd.DataFrame:
    """Return the scores of a run's networks.

    Parameters
    ----------
    summary : DataFrame
        Columns `cogattn.measures.SUMMARY_COLUMNS`.
    facts : mapping of str to Facts
        By the network's id; a control made from one has none.

    Returns
    -------
    DataFrame
        Columns model, the measures, each followed by its interval (``_lo``, ``_hi``) where any network has a value with
        one, `FACTS`; networks in the order of the summary.
    """
    import pandas as pd

    tested = summary[summary["role"].isin(SCORED_ROLES)]
    models = pd.Index(tested["observer"].unique())
    columns: dict[str, object] = {MODEL: models}
    for measure, own in tested.groupby("measure", sort=False):
        rows = own.set_index("observer")
        columns[str(measure)] = rows["estimate"].reindex(models).to_numpy(float)
        ends = rows[["lo", "hi"]].where(rows["estimate"].notna())
        if ends.notna().any(axis=None):
            for name, ending in zip(("lo", "hi"), ENDS, strict=True):
                columns[f"{measure}{ending}"] = ends[name].reindex(models).to_numpy(float)
    for fact in FACTS:
        columns[fact] = [getattr(facts[name], fact) if name in facts else None for name in models]
    table = pd.DataFrame(columns)
    table["param_count"] = table["param_count"].astype(float)
    return table.astype({"img_size": "Int64"})
