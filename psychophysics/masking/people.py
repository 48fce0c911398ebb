"""The people with whom an observer is compared: their channels, thresholds and accuracy, with intervals."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from cogattn.errors import DataError
from cogattn.psychophysics.masking.accuracy import tabulate_accuracy
from cogattn.psychophysics.masking.channel.population import PopulationChannel, population_channel
from cogattn.psychophysics.masking.channel.thresholds import band_thresholds
from cogattn.psychophysics.masking.counts import HumanCounts, read_counts
from cogattn.psychophysics.masking.stimuli.noise import BandSpectra, pyramid_spectra, spectra
from cogattn.statistics.stats import Estimate, random_effects, wilson_interval

if TYPE_CHECKING:
    from cogattn.psychophysics.masking.config import MaskingConfig

N_ALTERNATIVES = 16
"""People choose among 16 buttons."""


@dataclass(frozen=True)
class People:
    """Human observers.

    Parameters
    ----------
    name : str
        Of their table.
    counts : HumanCounts
        Correct answers by person, noise SD and band.
    spectra : BandSpectra
        Of the noise that they saw.
    confidence : float
        Level of all intervals.
    """

    name: str
    counts: HumanCounts
    spectra: BandSpectra
    confidence: float

    @cached_property
    def population(self) -> PopulationChannel:
        """Mean maximum-likelihood channel, with each person's."""
        counts = self.counts
        return population_channel(
            counts.n_correct,
            counts.n_trials,
            counts.noise_sds,
            spectra=self.spectra,
            confidence=self.confidence,
        )

    @cached_property
    def paper_population(self) -> PopulationChannel | None:
        """Mean of the paper's fits; None where the SDs are no ladder or a cell has no trial."""
        counts = self.counts
        try:
            return population_channel(
                counts.n_correct, counts.n_trials, counts.noise_sds,
                estimator="paper", nominal_cpi=counts.nominal_cpi, confidence=self.confidence,
            )  # fmt: skip
        except DataError:
            return None

    @cached_property
    def clean_accuracy(self) -> Estimate:
        """Mean over persons of the accuracy without noise, with its t interval (of one person, Wilson's)."""
        clean = self.counts.noise_sds == 0
        n = self.counts.n_trials[:, clean].sum(axis=(1, 2))
        n_correct = self.counts.n_correct[:, clean].sum(axis=(1, 2))
        if not n.any():
            return Estimate(np.nan, np.nan, np.nan, 0)
        if len(n) == 1:
            lo, hi = wilson_interval(n_correct[0], n[0], confidence=self.confidence)
            return Estimate(float(n_correct[0] / n[0]), float(lo), float(hi), 1)
        share = n_correct[n > 0] / n[n > 0]
        mean = random_effects(share, np.zeros(len(share)), confidence=self.confidence)
        return Estimate(mean.mean, mean.lo, mean.hi, mean.n)

    @cached_property
    def accuracy(self) -> pd.DataFrame:
        """Pooled accuracy by noise SD and band, with Wilson intervals over all trials."""
        counts = self.counts
        return tabulate_accuracy(
            self.label, counts.n_correct.sum(axis=0), counts.n_trials.sum(axis=0),
            counts.noise_sds, self.spectra, N_ALTERNATIVES, self.confidence,
        )  # fmt: skip

    @cached_property
    def thresholds(self) -> pd.DataFrame:
        """Threshold of each band by itself, trials of all persons pooled."""
        counts = self.counts
        table = band_thresholds(
            counts.n_correct.sum(axis=0), counts.n_trials.sum(axis=0), counts.noise_sds, counts.nominal_cpi,
            n_alternatives=N_ALTERNATIVES, confidence=self.confidence,
        )  # fmt: skip
        return table.assign(observer=self.label, mean_cpi=self.spectra.mean_cpi)

    @cached_property
    def channels(self) -> pd.DataFrame:
        """One row per person and estimator."""
        rows = [
            {
                "person": person, "estimator": channel.estimator, "n_trials": channel.n_trials,
                "bandwidth_octaves": channel.bandwidth_octaves,
                "bandwidth_lo": channel.bandwidth_interval[0], "bandwidth_hi": channel.bandwidth_interval[1],
                "center_cpi": channel.center_cpi,
                "center_lo": channel.center_interval[0], "center_hi": channel.center_interval[1],
                "peak_sensitivity": channel.peak_sensitivity, "deviance": channel.deviance, "df": channel.df,
                "identified": channel.identified, "reason": channel.reason,
            }
            for population in (self.population, self.paper_population)
            if population is not None
            for person, channel in zip(self.counts.observers, population.channels, strict=True)
        ]  # fmt: skip
        return pd.DataFrame(rows)

    @property
    def label(self) -> str:
        """What figures call them."""
        return f"people ({self.name}, n = {len(self.counts.observers)})"

    @property
    def remark(self) -> str:
        """Who they are."""
        n_trials = int(self.counts.n_trials.sum())
        pooled = self.population.pooled
        if len(self.counts.observers) == 1:
            return f"people: {self.name}, 1 observer, {n_trials:,} trials; interval over trials, not over persons"
        return (
            f"people: {self.name}, {len(self.counts.observers)} observers, {n_trials:,} trials; mean and interval over "
            f"persons (their pooled counts scatter {pooled.dispersion:.1f} times as much as binomial ones)"
        )


@lru_cache(maxsize=2)
def read_people(config: MaskingConfig) -> People:
    """Return the people that a run names: those it tests, or those it compares with.

    Raises
    ------
    DataError
        If their table cannot be read.
    """
    table = config.observer.table if config.observer.kind == "human" else config.humans
    counts = read_counts(table)
    n_bands = counts.n_trials.shape[-1]
    match counts.noise:
        case "pyramid":
            noise = pyramid_spectra(n_bands)
        case _:
            noise = spectra(config.noise, config.images.size)
    if len(noise.power) != n_bands:
        raise DataError(
            f"humans must have been shown noise.n_bands bands; got {n_bands} bands in {table} and "
            f"noise.n_bands {len(noise.power)}"
        )
    return People(table, counts, noise, config.channel.confidence)
