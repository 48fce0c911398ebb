"""What encoding models say: rows with means and intervals over listeners, each listener's values, remarks."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import cast

import numpy as np
import pandas as pd

from cogattn.eeg.encoding import figures
from cogattn.eeg.encoding.config import EncodingSettings, has_random_weights
from cogattn.eeg.encoding.measures import ATTENDED, ATTENTION, ATTENTION_GAIN, ENCODING, GAIN, SHIFTED
from cogattn.eeg.encoding.plan import observers
from cogattn.eeg.encoding.said import Person, Said, of_untrained
from cogattn.measures import Row
from cogattn.observers.observer import Observer
from cogattn.people.tables import mean_of
from cogattn.study import Trials

ENVELOPE = Observer("envelope", role="control", variant="envelope alone")
"""What features are to add to."""
LISTENER_COLUMNS = ("listener", "model", "measure", "estimate", "se", "n")


def summary(models: Sequence[str], settings: EncodingSettings, trials: Trials) -> Said:
    """Return all that front ends have to say in the attended-speaker study; nothing where there are none."""
    table = trials["encoding"]
    if not models or table.empty:
        return Said()
    listeners = listener_table(table)
    ceilings = {who: r for who, (r, _, _) in _ceilings(trials["ceiling"]).items()}
    return Said(
        rows=rows(models, settings, trials),
        people=people(trials),
        tables={"encoding": listeners, "encoding_channels": trials["encoding_channel"]},
        figures={"encoding": partial(figures.encoding_figure, listeners, ceilings)},
        remarks=tuple(remarks(models, settings, trials)),
    )


def per_trial(trials: pd.DataFrame) -> pd.DataFrame:
    """Return the measures of every trial as columns, by listener and model; ``model`` envelope among them."""
    values = {
        ATTENDED.key: trials["features"],
        ATTENTION.key: trials["features"] - trials["features_unattended"],
        GAIN.key: trials["both"] - trials["envelope"],
        ATTENTION_GAIN.key: (trials["both"] - trials["both_unattended"])
        - (trials["envelope"] - trials["envelope_unattended"]),
        SHIFTED.key: trials["shifted"] - trials["envelope"],
    }
    models = pd.DataFrame({"listener": trials["listener"], "model": trials["model"], **values})
    first = trials.groupby("listener", sort=False)["model"].transform("first") == trials["model"]
    alone = trials[first]
    envelope = pd.DataFrame(
        {
            "listener": alone["listener"],
            "model": ENVELOPE.id,
            ATTENDED.key: alone["envelope"],
            ATTENTION.key: alone["envelope"] - alone["envelope_unattended"],
        }
    )
    return pd.concat([envelope, models], ignore_index=True)


def listener_table(trials: pd.DataFrame) -> pd.DataFrame:
    """Return each listener's mean over trials under each front end, with its standard error: `LISTENER_COLUMNS`."""
    records = []
    for key, own in per_trial(trials).groupby(["listener", "model"], sort=False):
        who, model = cast(tuple[str, str], key)
        for measure in ENCODING:
            values = own[measure.key].dropna().to_numpy(float)
            if len(values):
                records.append((who, model, measure.key, float(values.mean()), _error(values), len(values)))
    return pd.DataFrame(records, columns=list(LISTENER_COLUMNS))


def rows(models: Sequence[str], settings: EncodingSettings, trials: Trials) -> list[Row]:
    """Return summary rows: means over listeners of each front end, and the ceiling beside what it predicts."""
    table = listener_table(trials["encoding"])
    people = _ceilings(trials["ceiling"])
    beside = mean_of([r for r, _, _ in people.values()], ATTENDED.scale) if people else None
    found = []
    for observer in [ENVELOPE, *observers(models, settings)] if len(table) else ():
        own = table[table["model"] == observer.id]
        for measure in ENCODING:
            values = own.loc[own["measure"] == measure.key, "estimate"].tolist()
            if values:
                human = beside if measure is ATTENDED else None
                found.append(
                    Row(observer, measure, mean_of(values, measure.scale), human, _note(observer, settings))
                )
    return found


def people(trials: Trials) -> list[Person]:
    """Return each listener's values as persons.

    Under the measures' own keys stands what other people predict of a listener (the ceiling); what front ends do,
    under keys that name them, for it is the front end's as much as the listener's.
    """
    persons: list[Person] = [
        (who, ATTENDED, r, se, n) for who, (r, se, n) in _ceilings(trials["ceiling"]).items()
    ]
    by_key = {measure.key: measure for measure in ENCODING}
    table = listener_table(trials["encoding"])[list(LISTENER_COLUMNS)]
    for who, model, key, estimate, se, n in table.itertuples(index=False, name=None):
        measure = by_key[key].at(model, label=f"{by_key[key].label}, {model}")
        persons.append((who, measure, float(estimate), float(se), int(n)))
    return persons


def remarks(models: Sequence[str], settings: EncodingSettings, trials: Trials) -> Iterator[str]:
    """Say what a reader must know: untrained networks, what they know of the future, and whether there is a ceiling."""
    table = trials["encoding"]
    if not models or table.empty:
        return
    yield from of_untrained(models, settings)
    for model, own in table.groupby("model", sort=False):
        past, future = float(own["past_s"].max()), float(own["future_s"].max())
        if future > 0.02:
            what = (
                f"its features were delayed by {future:.2f} s until that was heard"
                if settings.causal
                else "so its features tell of the future"
            )
            yield f"{model}: hears {past:.2f} s before and {future:.2f} s after the moment that it describes; {what}"
        if (own["scale"] == 0).all():
            yield f"{model}: nothing beyond the envelope was found on any listener's training trials"
    yield _of_ceiling(trials["ceiling"], table)


def _of_ceiling(found: pd.DataFrame, table: pd.DataFrame) -> str:
    if found.empty:
        return "no ceiling: no listeners who attended to the same sounds in three trials or more"
    n, others = found["listener"].nunique(), found["n_others"].median()
    return (
        f"ceiling: EEG predicted from the mean of {others:g} other listeners (a lower bound), for {n} of "
        f"{table['listener'].nunique()} listeners"
    )


def _ceilings(found: pd.DataFrame) -> Mapping[str, tuple[float, float, int]]:
    """Mean over trials, its standard error and their number, by listener."""
    ceilings = {}
    for who, own in found.groupby("listener", sort=False):
        values = own["r"].to_numpy(float)
        ceilings[str(who)] = (float(values.mean()), _error(values), len(values))
    return ceilings


def _note(observer: Observer, settings: EncodingSettings) -> str:
    said = "mean over listeners"
    if observer == ENVELOPE:
        return said
    if observer.role == "control":
        return f"{said}; parameters drawn anew"
    if has_random_weights(observer.id, settings):
        return f"{said}; untrained"
    return said


def _error(values: np.ndarray) -> float:
    return float(values.std(ddof=1) / math.sqrt(len(values))) if len(values) > 1 else math.nan
