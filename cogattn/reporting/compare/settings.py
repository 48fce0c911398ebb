"""The settings in which runs differ, by dotted path, and nothing else."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from cogattn.reporting.compare.values import Source
from cogattn.running.listing import differing, short

ABSENT = "-"


def differing_settings(sources: Sequence[Source]) -> pd.DataFrame:
    """Return a row per setting that is not the same in all runs of its study, a column per run.

    Parameters
    ----------
    sources : sequence of Source
        Those that are no runs are passed over.

    Returns
    -------
    DataFrame
        Columns study, setting, and one per run with the value as text (``-`` where the run has no such setting).
    """
    runs = {source.name: source.run for source in sources if source.run is not None}
    rows: dict[tuple[str, str], dict[str, str]] = {}
    for (name, run), settings in zip(runs.items(), differing(list(runs.values())), strict=True):
        for path, value in settings.items():
            rows.setdefault((run.run.study, path), {})[name] = short(value)
    table = [{"study": study, "setting": path, **told} for (study, path), told in rows.items()]
    return pd.DataFrame(table, columns=["study", "setting", *runs]).fillna(ABSENT)
