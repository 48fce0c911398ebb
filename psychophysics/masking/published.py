"""Published networks in the masking task, as a summary: a new network is placed among them as well as among people.

The 85 networks of Subramanian et al. (2023) saw what their 14 people saw, grey photographs in the paper's pyramid
noise, so that each row holds like for like. Their channels are those of this package, by maximum likelihood; what the
counts of a network do not determine is NaN, and the row's note says why.

References
----------
Subramanian, Sizikova, Majaj, Pelli (2023), NeurIPS, arXiv 2309.13190.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from cogattn.measures import Estimate, Row, summary_table
from cogattn.observers.observer import Observer
from cogattn.psychophysics.masking import measures
from cogattn.psychophysics.masking.channel.fit import every_gain
from cogattn.psychophysics.masking.config import MaskingConfig
from cogattn.psychophysics.masking.counts import HumanCounts, published_networks
from cogattn.psychophysics.masking.people import read_people
from cogattn.psychophysics.masking.stimuli.noise import pyramid_spectra
from cogattn.psychophysics.masking.summary import clean_rows, misfit_row, parameter_rows
from cogattn.statistics.stats import wilson_interval

if TYPE_CHECKING:
    import pandas as pd


def networks_summary() -> pd.DataFrame:
    """Return the published networks beside the published people.

    Returns
    -------
    DataFrame
        As `cogattn.measures.summary_table`: per network ``bandwidth``, ``centre`` and ``peak_sensitivity`` of the
        maximum-likelihood channel with the default gain, its ``dispersion``, the same three with the log-Gaussian gain
        (``.log_gaussian``), and ``accuracy.clean`` (Wilson interval). Fitted once a process.
    """
    return _fitted().copy()


@lru_cache(maxsize=1)
def _fitted() -> pd.DataFrame:
    config = MaskingConfig()
    people, counts = read_people(config), published_networks()
    found = every_gain(
        counts.n_correct,
        counts.n_trials,
        counts.noise_sds,
        spectra=pyramid_spectra(counts.n_trials.shape[-1]),
    )
    rows: list[Row] = []
    for index, (name, gains) in enumerate(zip(counts.observers, found, strict=True)):
        network, channel = Observer(name), gains.under(config.channel.gain)
        rows += parameter_rows(network, channel, measures.CHANNEL, people.channel_means)
        rows.append(misfit_row(network, channel, people))
        plain = gains.under("log-gaussian")
        rows += parameter_rows(network, plain, measures.PLAIN_CHANNEL, people.plain_means)
        rows += clean_rows(network, _clean(counts, index), people)
    return summary_table(rows)


def _clean(counts: HumanCounts, index: int) -> Estimate:
    """Share of right answers without noise."""
    clean = counts.noise_sds == 0
    right, shown = (int(np.sum(table[index, clean])) for table in (counts.n_correct, counts.n_trials))
    lo, hi = wilson_interval(right, shown)
    return Estimate(right / shown, float(lo), float(hi), shown)
