"""What else is measured beside the channel: shape bias, robustness, error consistency, relations across networks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, cast

import numpy as np
import pandas as pd

from cogattn.psychophysics.masking.across_networks import MIN_NETWORKS, PREDICTORS, relate
from cogattn.psychophysics.masking.counts import has_trials, read_trials
from cogattn.psychophysics.probes.consistency import error_consistency
from cogattn.psychophysics.probes.robustness import robust_accuracy
from cogattn.psychophysics.probes.shape_bias import shape_bias
from cogattn.seeds import Streams
from cogattn.statistics.stats import Estimate

if TYPE_CHECKING:
    from cogattn.psychophysics.masking.config import MaskingConfig, RobustnessSettings
    from cogattn.psychophysics.masking.summary import Observed

HUMAN_SHAPE_BIAS = 0.959
"""Ten observers on cue-conflict images, shape / (shape + texture): Geirhos et al. (2019)."""
N_HUMAN_SHAPE_BIAS = 10


def side_rows(
    config: MaskingConfig, trials: pd.DataFrame, observers: Sequence[Observed]
) -> list[dict[str, object]]:
    """Return the summary rows of everything beside the channel."""
    rows: list[dict[str, object]] = []
    for observer in observers:
        own = trials[trials["observer"] == observer.name]
        rows += _shape_rows(config, observer.name, own[own["task"] == "shape_bias"])
        rows += _robustness_rows(config, observer.name, own[own["task"] == "robustness"])
    return rows


def side_tables(
    config: MaskingConfig,
    rows: Sequence[dict[str, object]],
    trials: pd.DataFrame,
    observers: Sequence[Observed],
) -> dict[str, pd.DataFrame]:
    """Return further tables: error consistency with people, and relations across networks, where there are any."""
    tables = {
        "consistency": _consistency(config, trials),
        "across_networks": _across_networks(config, rows, observers),
    }
    return {name: table for name, table in tables.items() if not table.empty}


def _shape_rows(config: MaskingConfig, name: str, trials: pd.DataFrame) -> list[dict[str, object]]:
    if trials.empty:
        return []
    found = shape_bias(
        trials["category"].tolist(),
        trials["texture"].tolist(),
        trials["response"].tolist(),
        rng=Streams(config.seed).generator("summary", name, "shape bias"),
        confidence=config.channel.confidence,
    )
    return [
        _row(name, "shape bias", "shape / (shape + texture)", found.bias)
        | {"human": HUMAN_SHAPE_BIAS, "human_n": N_HUMAN_SHAPE_BIAS},
        _row(name, "shape accuracy", "share", found.accuracy),
    ]


def _robustness_rows(config: MaskingConfig, name: str, trials: pd.DataFrame) -> list[dict[str, object]]:
    if trials.empty:
        return []
    clean = trials[trials["epsilon"] == 0].set_index("image")["correct"]
    norm = cast("RobustnessSettings", config.robustness).norm
    rows = []
    for epsilon, attacked in trials[trials["epsilon"] > 0].groupby("epsilon"):
        after = attacked.set_index("image")["correct"].loc[clean.index]
        found = robust_accuracy(clean.to_numpy(), after.to_numpy(), confidence=config.channel.confidence)
        rows.append(_row(name, f"robust accuracy, {norm} {epsilon:g}", "share", found.accuracy))
        rows.append(_row(name, f"correct answers kept, {norm} {epsilon:g}", "share", found.kept))
    return rows


def _row(observer: str, measure: str, unit: str, found: Estimate) -> dict[str, object]:
    return {
        "observer": observer, "measure": measure, "unit": unit,
        "estimate": found.estimate, "lo": found.lo, "hi": found.hi, "n": found.n,
        "human": np.nan, "human_lo": np.nan, "human_hi": np.nan, "human_n": 0, "note": "",
    }  # fmt: skip


def _consistency(config: MaskingConfig, trials: pd.DataFrame) -> pd.DataFrame:
    """Cohen's kappa of every pair of observers, people of a trial table included."""
    masking = trials[(trials["task"] == "masking") & (trials["image"] != "")]
    groups = {str(name): rows for name, rows in masking.groupby("observer", sort=False)}
    if has_trials(config.humans):
        people = read_trials(config.humans)
        groups |= {f"person {name}": rows for name, rows in people.groupby("observer", sort=False)}
    if config.design.kind == "adaptive" or len(groups) < 2:
        return pd.DataFrame()
    names, rows = list(groups), []
    for i, first in enumerate(names):
        for second in names[i + 1 :]:
            if first.startswith("person ") and second.startswith("person "):
                continue
            rng = Streams(config.seed).generator("summary", first, second, "consistency")
            found = error_consistency(
                groups[first], groups[second], rng=rng, confidence=config.channel.confidence, n_resamples=500
            )
            rows.append({"first": first, "second": second, **vars(found)})
    return pd.DataFrame(rows)


def _across_networks(
    config: MaskingConfig, rows: Sequence[dict[str, object]], observers: Sequence[Observed]
) -> pd.DataFrame:
    """Relations between the channel and each other measure, over the run's networks."""
    if len(observers) < MIN_NETWORKS or config.observer.kind == "human":
        return pd.DataFrame()
    channels = pd.DataFrame(
        {
            "network": observer.name,
            "bandwidth_octaves": observer.ml.bandwidth_octaves,
            "center_cpi": observer.ml.center_cpi,
            "peak_sensitivity": observer.ml.peak_sensitivity,
        }
        for observer in observers
    ).set_index("network")
    outcomes = pd.DataFrame(rows)
    found = []
    for measure, values in outcomes.groupby("measure", sort=False) if len(outcomes) else ():
        table = channels.assign(**{str(measure): values.set_index("observer")["estimate"]}).reset_index()
        rng = Streams(config.seed).generator("summary", "across networks", str(measure))
        found.append(
            relate(table, str(measure), rng=rng, predictors=PREDICTORS, confidence=config.channel.confidence)
        )
    return pd.concat(found, ignore_index=True) if found else pd.DataFrame()
