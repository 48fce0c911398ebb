"""The people with whom an observer is compared: each by himself, and their channels, thresholds and accuracy."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import pandas as pd

from cogattn.errors import DataError
from cogattn.measures import Measure, people_table
from cogattn.observers.observer import Observer
from cogattn.people.tables import holds_persons, mean_of, read_persons
from cogattn.psychophysics.masking import measures
from cogattn.psychophysics.masking.accuracy import tabulate_accuracy
from cogattn.psychophysics.masking.channel.fit import Channel, GainsOfOne, every_gain, gains_table
from cogattn.psychophysics.masking.channel.misfit import dispersion, residual_table
from cogattn.psychophysics.masking.channel.population import (
    PopulationChannel,
    PopulationValue,
    population_channel,
)
from cogattn.psychophysics.masking.channel.thresholds import band_thresholds
from cogattn.psychophysics.masking.counts import (
    HUMANS,
    N_ALTERNATIVES,
    HumanCounts,
    check_bands,
    check_noise,
    content,
    read_counts,
)
from cogattn.psychophysics.masking.stimuli.noise import BandSpectra, spectra
from cogattn.statistics.intervals import mean_interval
from cogattn.statistics.scales import standard_error
from cogattn.statistics.stats import Estimate, wilson_interval

if TYPE_CHECKING:
    from cogattn.psychophysics.masking.config import ChannelSettings, GainChoice, MaskingConfig, NoiseSettings


def persons(config: MaskingConfig) -> pd.DataFrame:
    """Return the people of a run one by one: bandwidth, centre and peak of the ML channel, accuracy without noise.

    Parameters
    ----------
    config : MaskingConfig
        Its table of people: the one that is tested, else the one that is compared with.

    Returns
    -------
    DataFrame
        As `cogattn.measures.people_table` (errors of the channel are those of its logarithms); NaN where the counts of
        a person do not determine a value.

    Raises
    ------
    DataError
        If the table cannot be read.
    """
    people = read_people(config)
    if isinstance(people, Persons):
        return people.table
    return people_table(
        (Observer.person(name).id, measure, estimate, error, n)
        for name, channel, (right, shown) in zip(
            people.counts.observers, people.population.channels, people.clean_counts, strict=True
        )
        for measure, estimate, error, n in [*_channel_values(channel), *_clean_value(right, shown)]
    )


Value = tuple[Measure, float, float, int]
Means = tuple[Estimate | None, Estimate | None, Estimate | None]
"""Of bandwidth, centre and peak sensitivity."""


def _channel_values(channel: Channel) -> list[Value]:
    """Errors are those of the logarithms, on which the channels are compared."""
    values = (channel.bandwidth_octaves, channel.center_cpi, channel.peak_sensitivity)
    return [
        (measure, value, error / value, channel.n_trials)
        for measure, value, error in zip(measures.CHANNEL, values, channel.standard_errors, strict=True)
    ]


def _clean_value(right: int, shown: int) -> list[Value]:
    """Share correct; its error from Wilson's interval, which is wide enough where all or none are right."""
    if not shown:
        return []
    lo, hi = wilson_interval(right, shown)
    return [(measures.CLEAN_ACCURACY, right / shown, float(standard_error(lo, hi)), shown)]


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
    gain : {"auto", "log-gaussian", "asymmetric", "free"}
        Shape of their channels' gain.
    """

    name: str
    counts: HumanCounts
    spectra: BandSpectra
    confidence: float
    gain: GainChoice = "log-gaussian"

    @cached_property
    def population(self) -> PopulationChannel:
        """Mean maximum-likelihood channel, with each person's."""
        return self._population(self.gain)

    @cached_property
    def plain_population(self) -> PopulationChannel:
        """The same under the log-Gaussian gain."""
        return self.population if self.gain == "log-gaussian" else self._population("log-gaussian")

    def _population(self, gain: GainChoice) -> PopulationChannel:
        counts = self.counts
        return population_channel(
            counts.n_correct,
            counts.n_trials,
            counts.noise_sds,
            gain=gain,
            spectra=self.spectra,
            confidence=self.confidence,
        )

    @cached_property
    def gains(self) -> list[GainsOfOne]:
        """Each person's channel under every gain."""
        counts = self.counts
        return every_gain(
            counts.n_correct,
            counts.n_trials,
            counts.noise_sds,
            spectra=self.spectra,
            confidence=self.confidence,
        )

    @property
    def models(self) -> pd.DataFrame:
        """Each person's channel under every gain, as `gains_table` has it, by column person."""
        tables = [gains_table(name, one) for name, one in zip(self.counts.observers, self.gains, strict=True)]
        return pd.concat(tables, ignore_index=True).rename(columns={"observer": "person"})

    @cached_property
    def dispersion(self) -> Estimate:
        """Mean over persons of the dispersion of their channels, with its t interval (of one person, its own)."""
        channels = self.population.channels
        if len(channels) == 1:
            return dispersion(channels[0])
        return mean_interval([c.dispersion for c in channels], confidence=self.confidence, lowest=0.0)

    @cached_property
    def residuals(self) -> pd.DataFrame:
        """Observed and fitted accuracy of each person's channel, cell by cell, as `residual_table`, and person."""
        counts = self.counts
        tables = [
            residual_table(
                channel, right, shown, counts.noise_sds, self.spectra, n_alternatives=N_ALTERNATIVES
            )
            for channel, right, shown in zip(
                self.population.channels, counts.n_correct, counts.n_trials, strict=True
            )
        ]
        return pd.concat(
            [table.assign(person=name) for name, table in zip(counts.observers, tables, strict=True)],
            ignore_index=True,
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

    @property
    def channel_means(self) -> tuple[Estimate, Estimate, Estimate]:
        """Bandwidth, centre and peak sensitivity of the mean channel."""
        return self._estimates(self.population)

    @property
    def plain_means(self) -> tuple[Estimate, Estimate, Estimate]:
        """The same under the log-Gaussian gain."""
        return self._estimates(self.plain_population)

    @property
    def bandwidth(self) -> Estimate:
        """Bandwidth of the mean channel."""
        return self.channel_means[0]

    @property
    def paper_means(self) -> Means:
        """The same by the paper's fit; None where that cannot be had."""
        found = self.paper_population
        return (None, None, None) if found is None else self._estimates(found)

    def _estimates(self, found: PopulationChannel) -> tuple[Estimate, Estimate, Estimate]:
        def estimate(value: PopulationValue) -> Estimate:
            return Estimate(value.mean, *value.interval, found.n_observers)

        return (
            estimate(found.bandwidth_octaves), estimate(found.center_cpi), estimate(found.peak_sensitivity)
        )  # fmt: skip

    @property
    def clean_counts(self) -> list[tuple[int, int]]:
        """Correct answers without noise and trials of it, by person."""
        clean = self.counts.noise_sds == 0
        sums = (counts[:, clean].sum(axis=(1, 2)) for counts in (self.counts.n_correct, self.counts.n_trials))
        return [(int(right), int(shown)) for right, shown in zip(*sums, strict=True)]

    @cached_property
    def clean_accuracy(self) -> Estimate:
        """Mean over persons of the accuracy without noise, with its t interval cut to 0 to 1 (of one, Wilson's)."""
        n_correct, n = np.array(self.clean_counts).T
        if not n.any():
            return Estimate(np.nan, np.nan, np.nan, 0)
        if len(n) == 1:
            lo, hi = wilson_interval(n_correct[0], n[0], confidence=self.confidence)
            return Estimate(float(n_correct[0] / n[0]), float(lo), float(hi), 1)
        share = n_correct[n > 0] / n[n > 0]
        return mean_interval(share, confidence=self.confidence, lowest=0.0, highest=1.0)

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
                "person": person, "estimator": channel.estimator, "gain": channel.gain_name if ml else "",
                "n_trials": channel.n_trials,
                "bandwidth_octaves": channel.bandwidth_octaves,
                "bandwidth_lo": channel.bandwidth_interval[0], "bandwidth_hi": channel.bandwidth_interval[1],
                "center_cpi": channel.center_cpi,
                "center_lo": channel.center_interval[0], "center_hi": channel.center_interval[1],
                "peak_sensitivity": channel.peak_sensitivity, "deviance": channel.deviance, "df": channel.df,
                "dispersion": channel.dispersion, "p_misfit": channel.p_misfit,
                "identified": channel.identified, "reason": channel.reason,
            }
            for population in (self.population, self.paper_population)
            if population is not None
            for ml in (population.estimator == "ml",)
            for person, channel in zip(self.counts.observers, population.channels, strict=True)
        ]  # fmt: skip
        return pd.DataFrame(rows)

    @property
    def label(self) -> str:
        """What figures call them."""
        return f"people ({self.name}, n = {len(self.counts.observers)})"


@dataclass(frozen=True)
class Persons:
    """People of whom measures are known, one by one, but no counts and no stimuli.

    Parameters
    ----------
    name : str
        Of their table.
    table : DataFrame
        As `cogattn.people.tables.read_persons` returns it.
    confidence : float
        Level of all intervals.
    """

    name: str
    table: pd.DataFrame
    confidence: float

    channel_means: ClassVar[Means] = (None, None, None)
    """Their means are set beside the rows afterwards, as in every study (`cogattn.people.tables.beside`)."""
    plain_means: ClassVar[Means] = (None, None, None)
    paper_means: ClassVar[Means] = (None, None, None)
    dispersion: ClassVar[Estimate] = Estimate(np.nan, np.nan, np.nan, 0)
    clean_accuracy: ClassVar[Estimate] = Estimate(np.nan, np.nan, np.nan, 0)

    @property
    def bandwidth(self) -> Estimate:
        """Mean bandwidth; NaN, of nobody, where nobody has one."""
        of_bandwidth = self.table["measure"] == measures.BANDWIDTH.key
        values = self.table.loc[of_bandwidth, "estimate"].tolist()
        return mean_of(values, measures.BANDWIDTH.scale, confidence=self.confidence)


def read_people(config: MaskingConfig) -> People | Persons:
    """Return the people that a run names: those it tests, or those it compares with.

    Returns
    -------
    People or Persons
        `Persons` where the table that is compared with holds persons and not counts or trials.

    Raises
    ------
    DataError
        If their table cannot be read.
    """
    tested = config.observer.kind == "human"
    table, setting = (config.observer.table, "observer.table") if tested else (config.humans, HUMANS)
    digest = content(table, setting=setting)
    if not tested and holds_persons(table):
        return Persons(table, read_persons(table, known=measures.ALL), config.channel.confidence)
    return _read(table, setting, digest, config.noise, config.images.size, config.channel)


@lru_cache(maxsize=2)
def _read(
    table: str, setting: str, digest: str, noise: NoiseSettings, size: int, channel: ChannelSettings
) -> People:
    """`digest` is that of the table: kept as long as the file stays as it is."""
    counts = read_counts(table, setting=setting)
    check_bands(counts, noise.n_bands, table, setting=setting)
    check_noise(counts, table, setting=setting)
    if counts.shown is not None:
        noise, size = counts.shown.noise, counts.shown.size
    return People(table, counts, spectra(noise, size), channel.confidence, channel.gain)
