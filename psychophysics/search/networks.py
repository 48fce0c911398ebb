"""Many networks beside each other: how well each tells people's times, and what else is known of it."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from cogattn.observers.config import TimmObserver
from cogattn.observers.observer import Observer
from cogattn.psychophysics.search.config import SearchConfig
from cogattn.psychophysics.search.people import read_table

COLUMNS = (
    "observer", "name", "log_likelihood", "log_likelihood_lo", "log_likelihood_hi", "ceiling", "share",
    "rank_correlation", "index", "n", "top1", "parameters_m",
)  # fmt: skip


def networks_table(
    config: SearchConfig, networks: Sequence[Observer], tables: Mapping[str, pd.DataFrame]
) -> pd.DataFrame:
    """Return a row for each network.

    Parameters
    ----------
    config : SearchConfig
        Of the run: accuracy is known of timm's own weights only.
    networks : sequence of Observer
        Those under test.
    tables : mapping of str to DataFrame
        ``agreement`` and ``means`` of the run.

    Returns
    -------
    DataFrame
        ``observer``, ``name``, ``log_likelihood`` (nats per time) with bounds, ``ceiling``, ``share``,
        ``rank_correlation`` of slopes, ``index`` (mean asymmetry), ``n`` displays, ``top1`` (ImageNet accuracy,
        percent) and ``parameters_m`` (millions), both NaN where they are not known.
    """
    own = isinstance(config.observer, TimmObserver) and config.observer.weights == "auto"
    known = _known() if own else {}
    fits, means = (tables[name].set_index("observer") for name in ("agreement", "means"))
    rows = [
        {
            "observer": network.id,
            "name": network.name,
            **{name: fits.at[network.id, name] for name in COLUMNS[2:8]},
            "index": means.at[network.id, "mean"],
            "n": means.at[network.id, "n"],
            **known.get(network.id, {"top1": np.nan, "parameters_m": np.nan}),
        }
        for network in networks
    ]
    return pd.DataFrame(rows, columns=list(COLUMNS))


@functools.cache
def _known() -> dict[str, dict[str, float]]:
    """Accuracy and size by timm's name, and by the bare name where these are the weights that it means."""
    found: dict[str, dict[str, float]] = {}
    for model, default, top1, parameters in read_table("imagenet_top1.csv").itertuples(index=False):
        values = {"top1": top1, "parameters_m": parameters}
        found[model] = values
        if default:
            found[model.partition(".")[0]] = values
    return found
