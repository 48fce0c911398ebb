"""The settings in which runs differ, by dotted path, and nothing else."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence

import pandas as pd

from cogattn.reporting.compare.values import Source

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
        Columns study, setting, and one per run with the value as JSON (``-`` where the run has no such setting).
    """
    runs = [source for source in sources if source.kind == "run"]
    rows = []
    for study in dict.fromkeys(run.study for run in runs):
        own = {run.name: dict(_flat(run.settings, "")) for run in runs if run.study == study}
        for path in dict.fromkeys(path for settings in own.values() for path in settings):
            told = {name: settings.get(path, ABSENT) for name, settings in own.items()}
            if len(set(told.values())) > 1:
                rows.append({"study": study, "setting": path, **told})
    return pd.DataFrame(rows, columns=["study", "setting", *(run.name for run in runs)]).fillna(ABSENT)


def _flat(settings: Mapping[str, object], prefix: str) -> Iterator[tuple[str, str]]:
    for name, value in settings.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", json.dumps(value, sort_keys=True)
