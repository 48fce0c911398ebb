"""Modulation transfer of front ends beside listeners': rows, persons and remarks of the envelope-following study."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from functools import partial

import numpy as np
import pandas as pd

from cogattn.eeg.encoding import figures
from cogattn.eeg.encoding.config import EncodingSettings, has_random_weights
from cogattn.eeg.encoding.measures import CUTOFF, SHAPE
from cogattn.eeg.encoding.modulation import cutoff_hz, shape_correlation
from cogattn.eeg.encoding.plan import observers
from cogattn.eeg.encoding.said import Person, Said, of_untrained
from cogattn.measures import Estimate, Measure, Row
from cogattn.people.tables import mean_of
from cogattn.study import Trials

OUTPUT = "output"


def summary(models: Sequence[str], settings: EncodingSettings, trials: Trials, *, alpha: float) -> Said:
    """Return all that front ends have to say in the envelope-following study; nothing where there are none."""
    layers = trials["modulation"]
    if not models or layers.empty:
        return Said()
    found, shapes = rows(models, settings, trials, alpha=alpha)
    curves = listener_curves(trials["spectrum"], alpha=alpha)
    return Said(
        rows=found,
        people=people(trials, alpha=alpha),
        tables={"modulation": layers, "modulation_shape": shapes, "modulation_listeners": curves},
        figures={"modulation": partial(figures.modulation_figure, layers, curves)},
        remarks=tuple(remarks(models, settings, trials)),
    )


def listener_curves(spectrum: pd.DataFrame, *, alpha: float) -> pd.DataFrame:
    """Return each listener's gain from envelope to EEG, root mean square over channels.

    Parameters
    ----------
    spectrum : DataFrame
        Trial table ``spectrum`` of the envelope-following study.
    alpha : float
        A frequency is followed where some channel's ``q`` is at most this.

    Returns
    -------
    DataFrame
        Columns listener, frequency_hz, gain, followed; usable frequencies only.
    """
    own = spectrum[spectrum["usable"]].assign(
        power=lambda t: t["gain"] ** 2, followed=lambda t: t["q"] <= alpha
    )
    found = own.groupby(["observer", "frequency_hz"], sort=False).agg(
        power=("power", "mean"), followed=("followed", "any")
    )
    found = found.reset_index().rename(columns={"observer": "listener"})
    return found.assign(gain=np.sqrt(found["power"])).drop(columns="power")


def rows(
    models: Sequence[str], settings: EncodingSettings, trials: Trials, *, alpha: float
) -> tuple[list[Row], pd.DataFrame]:
    """Return rows of every layer beside listeners, and their values by listener.

    Returns
    -------
    rows : list of Row
        Of each layer the correlation of its log gain with listeners' (mean and interval over them) over the
        frequencies that they follow, and its cutoff beside theirs.
    shapes : DataFrame
        Columns observer, layer, listener, r.
    """
    curves = dict(list(listener_curves(trials["spectrum"], alpha=alpha).groupby("listener", sort=False)))
    human = mean_of([_cutoff_of(curve) for curve in curves.values()], CUTOFF.scale)
    found, shapes = [], []
    for observer in observers(models, settings):
        own = trials["modulation"]
        for layer, rows in own[own["observer"] == observer.id].groupby("layer", sort=False):
            f, gain = rows["frequency_hz"].to_numpy(float), rows["gain"].to_numpy(float)
            note = _note(observer.id, settings, rows)
            each = [
                shape_correlation(f, gain, *_followed(curve)) if np.isfinite(gain).any() else math.nan
                for curve in curves.values()
            ]
            shapes += [(observer.id, layer, who, r) for who, r in zip(curves, each, strict=True)]
            shape = mean_of(each, SHAPE.scale)
            if shape.n:
                found.append(Row(observer, _at(SHAPE, str(layer)), shape, note=f"over listeners; {note}"))
            cutoff = cutoff_hz(f, gain)
            if math.isfinite(cutoff):
                value = Estimate.bare(cutoff, int(rows["n"].iloc[0]))
                found.append(Row(observer, _at(CUTOFF, str(layer)), value, human if human.n else None, note))
    return found, pd.DataFrame(shapes, columns=["observer", "layer", "listener", "r"])


def people(trials: Trials, *, alpha: float) -> list[Person]:
    """Return each listener's cutoff, where the gain falls within what the listener follows."""
    persons = []
    for who, curve in listener_curves(trials["spectrum"], alpha=alpha).groupby("listener", sort=False):
        cutoff = _cutoff_of(curve)
        if math.isfinite(cutoff):
            persons.append((str(who), CUTOFF, cutoff, math.nan, int(curve["followed"].sum())))
    return persons


def remarks(models: Sequence[str], settings: EncodingSettings, trials: Trials) -> Iterator[str]:
    """Say which networks are untrained, and what columns are too slow to carry."""
    table = trials["modulation"]
    if not models or table.empty:
        return
    yield from of_untrained(models, settings)
    slow = table[table["gain"].isna() & (table["n"] == 0)]
    for who, own in slow.groupby("observer", sort=False):
        yield f"{who}: columns of {', '.join(own['layer'])} come too slowly for any modulation asked about"
    fastest = table.groupby("observer", sort=False)["frequency_hz"].max()
    carried = "; ".join(f"{who} up to {f:g} Hz" for who, f in fastest.items())
    yield f"modulations of a probe (noise) are carried by {carried} (encoding.frame_hz)"


def _followed(curve: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    own = curve[curve["followed"]].sort_values("frequency_hz")
    return own["frequency_hz"].to_numpy(float), own["gain"].to_numpy(float)


def _cutoff_of(curve: pd.DataFrame) -> float:
    f, gain = _followed(curve)
    return cutoff_hz(f, gain) if len(f) > 2 else math.nan


def _at(measure: Measure, layer: str) -> Measure:
    return measure if layer == OUTPUT else measure.at(layer, label=f"{measure.label}, {layer}")


def _note(observer: str, settings: EncodingSettings, rows: pd.DataFrame) -> str:
    span = f"{rows['frequency_hz'].min():.3g}-{rows['frequency_hz'].max():.3g} Hz"
    rate = f"{span}, {rows['rate_hz'].iloc[0]:.4g} columns a second"
    return f"{rate}; untrained" if has_random_weights(observer, settings) else rate
