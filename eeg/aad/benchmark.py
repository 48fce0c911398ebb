"""The frozen benchmark: the same settings on each data set that is in place, beside published numbers.

A version's settings never change (``data/benchmark-VERSION-NAME.toml``), so that a number can be quoted with the
version and compared with anybody's. What a published number does not share with ours is said beside it.
"""

from __future__ import annotations

import math
import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from cogattn.config import merge
from cogattn.eeg.aad.config import AadConfig
from cogattn.eeg.aad.measures import MEDIAN_SWITCH_DURATION, SWITCH_DURATION, accuracy_at
from cogattn.eeg.aad.published import DIFFERS, SOURCES, published_results
from cogattn.eeg.datasets import BENCHMARK, DATASETS, Recordings, frozen_settings
from cogattn.errors import CogattnError, ConfigError, DataError
from cogattn.fetch import check, locate

if TYPE_CHECKING:
    import pandas as pd

    from cogattn.running.store import RunFolder

SIMULATED = "simulated"
Validation = Literal["trial", "subject"]
MOST_S = 999.0
TRAINED_ON: Mapping[Validation, str] = {"trial": "own", "subject": "others"}
"""What a published decoder was trained on to be set beside each way of leaving out."""
COLUMNS = ("data_set", "decoder", "whose", "measure", "estimate", "lo", "hi", "n", "note")


@dataclass(frozen=True)
class Entry:
    """One data set of the benchmark, ready to run.

    Parameters
    ----------
    name : str
        Of the data set, or ``simulated``.
    config : AadConfig
        The frozen settings with the path filled in.
    """

    name: str
    config: AadConfig


def known_names(version: str = BENCHMARK) -> list[str]:
    """Names of the data sets that a version has settings for, the simulation first; ConfigError for no version."""
    names = [name for name in (SIMULATED, *(d.name for d in DATASETS)) if frozen_settings(name, version)]
    if not names:
        raise ConfigError(
            f"version must be one of the benchmark's, such as {BENCHMARK}; got {version[:40]!r}"
        )
    return names


def entries(
    names: Sequence[str], cache: Path, *, version: str = BENCHMARK, validation: Validation = "trial"
) -> tuple[list[Entry], list[str]]:
    """Return what can be run, and sentences on what cannot.

    Parameters
    ----------
    names : sequence of str
        Data sets; every one of the version that is in place, and the simulation, when empty.
    cache : Path
        Where ``cogattn data`` keeps data sets.
    version : str
        Of the frozen settings.
    validation : {"trial", "subject"}
        Decoders of the listener's other trials, or of other listeners.

    Raises
    ------
    ConfigError
        If a name or the version is unknown, or a data set that is asked for is not in place.
    """
    known = known_names(version)
    unknown = [name for name in names if name not in known]
    if unknown:
        raise ConfigError(f"data sets must be among {', '.join(known)}; got {unknown[0][:80]!r}")
    found, missing = [], []
    for name in names or known:
        try:
            place = None if name == SIMULATED else _place(name, cache)
        except DataError as error:
            if names:
                raise ConfigError(str(error)) from error
            missing.append(str(error))
            continue
        found.append(Entry(name, frozen_config(name, place, version=version, validation=validation)))
    return found, missing


def frozen_config(
    name: str, place: Path | None, *, version: str = BENCHMARK, validation: Validation = "trial"
) -> AadConfig:
    """Return a data set's frozen settings for the folder in which it lies; ConfigError where there are none."""
    text = frozen_settings(name, version)
    if text is None:
        raise ConfigError(f"benchmark {version} must know the data set; got {name[:80]!r}")
    ours: dict[str, object] = {"validation": validation}
    if place is not None:
        ours["recordings"] = {"path": str(place)}
        if name == "kul-aad" and (place / "stimuli").is_dir():
            ours["recordings"] = {"path": str(place), "audio": str(place / "stimuli")}
    return AadConfig.parse(merge(tomllib.loads(text), ours))


@dataclass(frozen=True)
class Outcome:
    """What became of the benchmark's data sets.

    Parameters
    ----------
    table : DataFrame
        Columns `COLUMNS`; ``whose`` is ``run`` or ``published``.
    remarks : mapping of str to tuple of str
        Of each run, by data set.
    folders : mapping of str to Path
        Of each run, by data set.
    failed : tuple of str
        Why a data set has no numbers.
    """

    table: pd.DataFrame
    remarks: Mapping[str, tuple[str, ...]]
    folders: Mapping[str, Path]
    failed: tuple[str, ...] = ()


def run_entries(found: Sequence[Entry], run: Callable[[AadConfig], RunFolder]) -> Outcome:
    """Run each entry and put its numbers beside published ones; one that fails does not stop the others."""
    import pandas as pd

    tables, remarks, folders, failed = [], {}, {}, []
    for entry in found:
        try:
            folder = run(entry.config)
        except CogattnError as error:
            failed.append(f"{entry.name}: {error}")
            continue
        tables += [_ours(entry, folder), beside(entry)]
        remarks[entry.name], folders[entry.name] = folder.remarks(), folder.folder
    whole = [table for table in tables if len(table)]
    table = pd.concat(whole, ignore_index=True) if whole else pd.DataFrame(columns=list(COLUMNS))
    return Outcome(table, remarks, folders, tuple(failed))


def beside(entry: Entry) -> pd.DataFrame:
    """Published numbers on the entry's data set with decoders trained on what its own are trained on."""

    table = published_results()
    validation = "subject" if entry.config.validation == "subject" else "trial"
    own = table[(table["data_set"] == entry.name) & (table["trained_on"] == TRAINED_ON[validation])]
    notes = own["source"].map(lambda source: f"{SOURCES[source]}: {DIFFERS[source]}")
    return own.assign(whose="published", note=notes)[list(COLUMNS)]


def _ours(entry: Entry, folder: RunFolder) -> pd.DataFrame:
    """A run's accuracies at every window, and its switch durations."""
    import pandas as pd

    curves, summary = folder.table("accuracy"), folder.summary()
    accuracies = curves.rename(columns={"accuracy": "estimate", "n_listeners": "n"})
    accuracies["measure"] = [accuracy_at(float(window_s)).key for window_s in curves["window_s"]]
    keys = (SWITCH_DURATION.key, MEDIAN_SWITCH_DURATION.key)
    durations = (
        summary[summary["measure"].isin(keys)].drop(columns="note").rename(columns={"observer": "decoder"})
    )
    both = pd.concat([accuracies, durations], ignore_index=True)
    return both.assign(data_set=entry.name, whose="run", note="")[list(COLUMNS)]


def _place(name: str, cache: Path) -> Path:
    (data_set,) = (d for d in DATASETS if d.name == name)
    place = locate(data_set, cache)
    if place is None:
        how = data_set.instructions if isinstance(data_set, Recordings) else ""
        raise DataError(f"{name} is not in place: {how}; then: cogattn data fetch {name} --from FOLDER")
    check(data_set, place)
    return place


def wide(table: pd.DataFrame, windows_s: Sequence[float]) -> list[tuple[str, ...]]:
    """Lines of the printed table: data set, decoder, whose, n, accuracy in percent at these windows, MESD in s.

    A cell holds estimate and 95 % interval, or nothing where there is no number.
    """
    lines = []
    told = ["data_set", "whose", "decoder", "note"]
    for _, own in table.fillna({"note": ""}).groupby(told, sort=False):
        rows = own.to_dict("records")
        cells = {row["measure"]: _cell(row) for row in rows}
        shown = [cells.get(accuracy_at(window_s).key, "") for window_s in windows_s]
        first = (rows[0]["data_set"], rows[0]["decoder"], rows[0]["whose"], str(int(own["n"].max())))
        lines.append((*first, *shown, cells.get(SWITCH_DURATION.key, "")))
    return lines


def _cell(row: Mapping) -> str:
    """Estimate and interval of one row, accuracies in percent."""
    scale = 100.0 if row["measure"].startswith("accuracy") else 1.0
    shown = [_number(scale * row[name]) for name in ("estimate", "lo", "hi")]
    bare = math.isnan(row["lo"]) or math.isnan(row["hi"])
    return shown[0] if bare else f"{shown[0]} [{shown[1]}, {shown[2]}]"


def _number(value: float) -> str:
    """One decimal; a duration of more than a quarter of an hour is as good as endless."""
    return "-" if math.isnan(value) else f"{value:.1f}" if value < MOST_S else f">{MOST_S:g}"
