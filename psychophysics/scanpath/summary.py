"""What a run says: how likely each observer holds people's next fixations, and how alike their paths are to people's.

Likelihoods come first. They stand beside each other on the same fixations, beside the choice model that is told of
other viewers, and beside what people tell of one another; scores of paths beside shuffled, uniform and people's own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from cogattn.measures import Row, summary_table
from cogattn.observers.observer import Observer
from cogattn.people.tables import beside, mean_of
from cogattn.psychophysics.scanpath import plan, worth
from cogattn.psychophysics.scanpath.columns import FIXATIONS, PATHS, PREDICTED, TRAINING, WEIGHTS
from cogattn.psychophysics.scanpath.config import ScanpathConfig
from cogattn.psychophysics.scanpath.figures.bits import bits_figure
from cogattn.psychophysics.scanpath.figures.paths import paths_figure
from cogattn.psychophysics.scanpath.figures.scores import scores_figure
from cogattn.psychophysics.scanpath.figures.training import training_figure
from cogattn.psychophysics.scanpath.figures.weights import weights_figure
from cogattn.psychophysics.scanpath.layouts.items import PathSet
from cogattn.psychophysics.scanpath.likelihood import HISTORY, UNIFORM, Likelihoods, viewers_table
from cogattn.psychophysics.scanpath.likeness import Likeness
from cogattn.psychophysics.scanpath.measures import BITS, GAIN, SACCADE, SEQUENCE_SCORE
from cogattn.psychophysics.scanpath.people import persons
from cogattn.psychophysics.scanpath.remarks import Said, remarks_of
from cogattn.psychophysics.scanpath.splits import splits_table
from cogattn.psychophysics.scanpath.units import Crossing, Units, within
from cogattn.seeds import Streams
from cogattn.study import Results, Trials

if TYPE_CHECKING:
    from matplotlib.figure import Figure

OF_CONTROLS = (BITS.key, f"{GAIN.key}.{UNIFORM}", f"{GAIN.key}.{HISTORY}", f"{SEQUENCE_SCORE.key}.sampled")
"""What the summary holds of controls; the rest is in the tables."""
SINGLE = ("greedy", "consensus")
"""Kinds of single paths, of which the summary holds one score of one kind."""


def summarise(config: ScanpathConfig, trials: Trials) -> Results:
    """Set models beside baselines, other viewers and people."""
    said = Said.of(config)
    return summary_of(config, plan.data_of(config), plan.observers_of(config), trials, said)


def summary_of(
    config: ScanpathConfig,
    data: PathSet,
    planned: Sequence[Observer],
    trials: Trials,
    said: Said | None = None,
) -> Results:
    """Summarise predictions of scanpaths at hand.

    Parameters
    ----------
    config : ScanpathConfig
        Settings of the run.
    data : PathSet
        Layouts and scanpaths.
    planned : sequence of Observer
        Who took part; those that have no trials are left out.
    trials : Trials
        Tables of `columns`.
    said : Said, optional
        What was found out before the trials: leaks, who was left out, what models of another run had seen.
    """
    rng = Streams(config.seed).generator("intervals")
    fixation_rows, path_rows = trials[FIXATIONS], trials[PATHS]
    everything = pd.concat([rows[["group", "person"]] for rows in (fixation_rows, path_rows)])
    crossing = Crossing.of(everything, rng=rng, n_resamples=config.n_bootstrap)
    fixations, paths = Units.of_fixations(fixation_rows, crossing), Units.of_paths(path_rows, crossing)
    likelihoods, likeness = Likelihoods.of(fixations, paths, planned), Likeness.of(paths, planned)
    people = persons(data, likelihoods, likeness)
    told, alike = list(likelihoods.rows()), list(likeness.rows())
    alike += _saccades(data, paths, planned, trials)
    tables = _tables(config, likelihoods, likeness, told, trials)
    summary = summary_table(beside(_kept(planned, [*told, *alike], people), people))
    return Results(
        summary=summary,
        tables=tables,
        figures=_figures(data, planned, trials, tables),
        remarks=remarks_of(config, data, likelihoods, likeness, tables, said or Said()),
        people=people if len(people) else None,
    )


def _tables(
    config: ScanpathConfig,
    likelihoods: Likelihoods,
    likeness: Likeness,
    told: Sequence[Row],
    trials: Trials,
) -> dict[str, pd.DataFrame]:
    tables = {
        "likelihood": likelihood_table(told),
        "viewers": viewers_table(likelihoods),
        "scores": likeness.table(),
        "splits": splits_table(likelihoods.observers, likeness.observers, trials, config.training),
    }
    if (curve := likelihoods.curve) is not None:
        compared = [(one.id, one.role) for one in likelihoods.observers if one.id not in curve.observers]
        tables["worth"] = worth.table(likelihoods.fixations, compared, curve)
    for name, table in (("training", TRAINING), ("weights", WEIGHTS)):
        if len(trials[table]):
            tables[name] = trials[table]
    return tables


def likelihood_table(told: Iterable[Row]) -> pd.DataFrame:
    """Return all likelihoods, a row an observer and measure."""
    table = summary_table(told)
    return table[["observer", "role", "measure", "unit", "estimate", "lo", "hi", "n", "note"]]


def _kept(observers: Sequence[Observer], rows: Sequence[Row], people: pd.DataFrame) -> Iterator[Row]:
    """Rows of the summary, observer by observer, likelihood first; people stand beside likeliest paths, too."""
    estimates = {str(key): own["estimate"].tolist() for key, own in people.groupby("measure", sort=False)}
    for observer in observers:
        for row in rows:
            if row.observer.id != observer.id:
                continue
            if row.observer.role != "network" and row.measure.key not in OF_CONTROLS:
                continue
            kind = row.measure.key.rpartition(".")[2]
            if kind in SINGLE and row.measure.key != f"{SEQUENCE_SCORE.key}.consensus":
                continue
            drawn = row.measure.key.removesuffix(kind) + "sampled"
            if row.human is None and kind in SINGLE and drawn in estimates:
                theirs = mean_of(estimates[drawn], row.measure.scale, limits=row.measure.limits)
                row = replace(row, human=theirs)
            yield row


def _saccades(data: PathSet, paths: Units, observers: Sequence[Observer], trials: Trials) -> Iterator[Row]:
    """Mean distance between the objects of drawn paths, of each network."""
    scale = {layout.name: layout.scale for layout in data.layouts}
    networks = {one.id: one for one in observers if one.role == "network"}
    found: dict[str, list[pd.DataFrame]] = {}
    for part in trials.parts(PREDICTED):
        drawn = part[(part["sample"] >= 0) & part["observer"].isin(list(networks))]
        for name, own in drawn.groupby("observer", sort=False):
            found.setdefault(str(name), []).append(_distances(own, scale))
    for name, parts in found.items():
        each = pd.concat(parts).groupby(["scene", "person"])["deg"].mean()
        keys = pd.MultiIndex.from_frame(paths.rows[["scene", "person"]])
        values = each.reindex(keys).to_numpy(float)
        if not np.isnan(values).all():
            yield Row(networks[name], SACCADE, within(paths.mean_of(values), SACCADE))


def _distances(drawn: pd.DataFrame, scale: dict[str, float]) -> pd.DataFrame:
    """Mean distance in degrees of each drawn path."""
    unit = ["split", "scene", "person", "sample"]
    ordered = drawn.sort_values([*unit, "fixation"], kind="stable")
    steps = ordered.groupby(unit)[["x", "y"]].diff()
    degrees = np.hypot(steps["x"], steps["y"]) / ordered["scene"].map(scale)
    return degrees.groupby([ordered[name] for name in unit]).mean().rename("deg").reset_index()


def _figures(
    data: PathSet, observers: Sequence[Observer], trials: Trials, tables: dict[str, pd.DataFrame]
) -> dict[str, Callable[[], Figure]]:
    names = {one.id: one for one in observers}
    drawn: dict[str, Callable[[], Figure]] = {}
    if len(tables["likelihood"]):
        drawn["bits"] = partial(bits_figure, tables["likelihood"], tables["viewers"], names)
    if len(tables["scores"]):
        drawn["scores"] = partial(scores_figure, tables["scores"], names)
    network = next((one for one in observers if one.role == "network" and _drew(trials, one)), None)
    if network is not None:
        drawn["paths"] = lambda: paths_figure(data, trials[PREDICTED], network)
    if "training" in tables:
        drawn["training"] = partial(training_figure, tables["training"], names)
    if "weights" in tables:
        drawn["weights"] = partial(weights_figure, tables["weights"])
    return drawn


def _drew(trials: Trials, observer: Observer) -> bool:
    return any((part["observer"] == observer.id).any() for part in trials.parts(PREDICTED))
