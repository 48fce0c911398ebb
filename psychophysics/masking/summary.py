"""What a run of the masking study says: channels with intervals, people beside them, tables and figures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from cogattn.psychophysics.masking import figures
from cogattn.psychophysics.masking.accuracy import tabulate_accuracy
from cogattn.psychophysics.masking.channel.adaptive import fit_adaptive
from cogattn.psychophysics.masking.channel.clustered import fit_channel_by_images
from cogattn.psychophysics.masking.channel.fit import Channel, Interval, fit_channel
from cogattn.psychophysics.masking.channel.population import PopulationValue
from cogattn.psychophysics.masking.channel.thresholds import band_thresholds
from cogattn.psychophysics.masking.config import MaskingConfig
from cogattn.psychophysics.masking.design import count_correct
from cogattn.psychophysics.masking.material import trial_images
from cogattn.psychophysics.masking.people import People, read_people
from cogattn.psychophysics.masking.side_measures import side_rows, side_tables
from cogattn.psychophysics.masking.stimuli.noise import BandSpectra, spectra
from cogattn.seeds import Streams
from cogattn.statistics.stats import wilson_interval
from cogattn.study import SUMMARY_COLUMNS, Results

if TYPE_CHECKING:
    from numpy.typing import NDArray

Row = dict[str, object]
PAPER_SDS = (0.0, 0.02, 0.04, 0.08, 0.16)
"""Levels on which the paper's integer thresholds are counted."""


@dataclass(frozen=True)
class Observed:
    """The masking trials of one observer and what is estimated from them."""

    name: str
    trials: pd.DataFrame
    config: MaskingConfig
    spectra: BandSpectra

    @property
    def n_alternatives(self) -> int:
        """Number of answers it chose from."""
        return int(self.trials["n_alternatives"].iloc[0])

    @cached_property
    def counts(self) -> tuple[NDArray, NDArray, NDArray]:
        """Correct answers and trials, (n_sds, n_bands), and the SDs."""
        return count_correct(self.trials, n_bands=len(self.spectra.power))

    @cached_property
    def ml(self) -> Channel:
        """Maximum-likelihood channel; in the crossed design its intervals are over images."""
        options = self.config.channel
        if self.config.design.kind == "crossed" and self.config.observer.kind != "human":
            return fit_channel_by_images(
                self.trials,
                self.spectra,
                n_alternatives=self.n_alternatives,
                confidence=options.confidence,
                n_bootstrap=options.n_bootstrap,
                rng=self._rng("images"),
            )
        fit = fit_adaptive if self._is_adaptive else fit_channel
        return fit(
            *self.counts,
            spectra=self.spectra,
            n_alternatives=self.n_alternatives,
            confidence=options.confidence,
        )

    @cached_property
    def paper(self) -> Channel | None:
        """The paper's fit, on its noise levels where they are among those shown; None in the adaptive design."""
        correct, shown, sds = self.counts
        usable = np.isin(sds, PAPER_SDS) if np.isin(PAPER_SDS, sds).all() else np.ones(len(sds), dtype=bool)
        ladder = sds[usable & (sds > 0)]
        if len(ladder) < 2 or np.ptp(ladder[1:] / ladder[:-1]) > 1e-6 or not shown[usable][1:].all():
            return None
        options = self.config.channel
        return fit_channel(
            correct[usable],
            shown[usable],
            sds[usable],
            estimator="paper",
            criterion=options.criterion,
            confidence=options.confidence,
            n_bootstrap=options.n_bootstrap,
            rng=self._rng("paper"),
            nominal_cpi=self.spectra.nominal_cpi,
        )

    @cached_property
    def thresholds(self) -> pd.DataFrame:
        """Threshold of each band by itself."""
        table = band_thresholds(
            *self.counts,
            self.spectra.nominal_cpi,
            n_alternatives=self.n_alternatives,
            confidence=self.config.channel.confidence,
        )
        return table.assign(observer=self.name, mean_cpi=self.spectra.mean_cpi)

    @property
    def _is_adaptive(self) -> bool:
        return self.config.design.kind == "adaptive" and self.config.observer.kind != "human"

    def _rng(self, name: str) -> np.random.Generator:
        return Streams(self.config.seed).generator("summary", self.name, name)


def summarise(config: MaskingConfig, trials: pd.DataFrame) -> Results:
    """Fit every observer's channel and set the human one beside it."""
    people = read_people(config)
    masking = trials[trials["task"] == "masking"]
    noise = people.spectra if config.observer.kind == "human" else spectra(config.noise, config.images.size)
    observers = [
        Observed(str(name), rows, config, noise) for name, rows in masking.groupby("observer", sort=False)
    ]
    rows = [row for observer in observers for row in channel_rows(observer, people)]
    beside = side_rows(config, trials, observers)
    accuracy = pd.concat([accuracy_table(observer) for observer in observers], ignore_index=True)
    thresholds = pd.concat([observer.thresholds for observer in observers], ignore_index=True)
    tables = {
        "accuracy": accuracy,
        "thresholds": thresholds,
        "people_accuracy": people.accuracy,
        "people_channels": people.channels,
        **side_tables(config, beside, trials, observers),
    }
    pictures = {
        "channel": partial(figures.channel_figure, {o.name: o.ml for o in observers}, people.population),
        "accuracy": partial(figures.accuracy_figure, accuracy, people.accuracy),
        "thresholds": partial(figures.threshold_figure, thresholds, people.thresholds),
    }
    if config.observer.kind != "human":
        pictures["stimuli"] = partial(figures.sheet_of, config)
    summary = pd.DataFrame([*rows, *beside], columns=list(SUMMARY_COLUMNS))
    return Results(summary, tables, pictures, tuple(remarks(config, trials, observers, people)))


def channel_rows(observer: Observed, people: People) -> list[Row]:
    """Return the summary rows of one observer's channel, by both estimators, and of its accuracy."""
    ml, paper = observer.ml, observer.paper
    human = people.population
    rows = [
        _row(
            observer, "bandwidth", "octaves",
            ml.bandwidth_octaves, ml.bandwidth_interval, ml, human.bandwidth_octaves, people,
        ),
        _row(observer, "centre", "c/image", ml.center_cpi, ml.center_interval, ml, human.center_cpi, people),
        _row(
            observer, "peak sensitivity", "1/SD",
            ml.peak_sensitivity, ml.peak_interval, ml, human.peak_sensitivity, people,
        ),
        _ratio_row(observer, people),
    ]  # fmt: skip
    if paper is not None:
        theirs = people.paper_population
        bandwidth, center, peak = (
            (theirs.bandwidth_octaves, theirs.center_cpi, theirs.peak_sensitivity)
            if theirs
            else (None, None, None)
        )
        rows += [
            _row(
                observer, "bandwidth, paper's fit", "octaves",
                paper.bandwidth_octaves, paper.bandwidth_interval, paper, bandwidth, people,
            ),
            _row(
                observer, "centre, paper's fit", "nominal c/image",
                paper.center_cpi, paper.center_interval, paper, center, people,
            ),
            _row(
                observer, "peak sensitivity, paper's fit", "0.01/SD",
                paper.peak_sensitivity, paper.peak_interval, paper, peak, people,
            ),
        ]  # fmt: skip
    return [*rows, *_clean_rows(observer, people)]


def _row(
    observer: Observed,
    measure: str,
    unit: str,
    estimate: float,
    interval: Interval,
    channel: Channel,
    human: PopulationValue | None,
    people: People,
) -> Row:
    mean, (human_lo, human_hi) = (
        (human.mean, human.interval) if human is not None else (np.nan, (np.nan, np.nan))
    )
    return {
        "observer": observer.name, "measure": measure, "unit": unit,
        "estimate": estimate, "lo": interval[0], "hi": interval[1], "n": channel.n_trials,
        "human": mean, "human_lo": human_lo, "human_hi": human_hi, "human_n": len(people.counts.observers),
        "note": channel.reason,
    }  # fmt: skip


def _ratio_row(observer: Observed, people: People) -> Row:
    """Bandwidth of the observer over that of people; the interval joins both by Zou and Donner's (2008) method."""
    ml, human = observer.ml, people.population.bandwidth_octaves
    ratio, lo, hi = ratio_interval(ml.bandwidth_octaves, ml.bandwidth_interval, human.mean, human.interval)
    return _row(observer, "bandwidth over people's", "ratio", ratio, (lo, hi), ml, None, people) | {
        "human": 1.0
    }


def ratio_interval(
    a: float, a_interval: Interval, b: float, b_interval: Interval
) -> tuple[float, float, float]:
    """Ratio of two independent positive estimates with the interval recovered from theirs, on logarithms.

    Parameters
    ----------
    a, b : float
        Estimates.
    a_interval, b_interval : tuple of float
        Their intervals; open ends (0, inf) stay open.

    Returns
    -------
    ratio, lo, hi : float

    References
    ----------
    Zou, Donner (2008), Statistics in Medicine 27, 1693-1702.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        x, (x_lo, x_hi), y, (y_lo, y_hi) = map(np.log, (a, np.array(a_interval), b, np.array(b_interval)))
        difference = x - y
        lo = difference - np.hypot(x - x_lo, y_hi - y)
        hi = difference + np.hypot(x_hi - x, y - y_lo)
    return float(np.exp(difference)), float(np.exp(lo)), float(np.exp(hi))


def _clean_rows(observer: Observed, people: People) -> list[Row]:
    """Accuracy without noise."""
    clean = observer.trials[observer.trials["noise_sd"] == 0]
    if clean.empty:
        return []
    n, n_correct = len(clean), int(clean["correct"].sum())
    lo, hi = wilson_interval(n_correct, n, confidence=observer.config.channel.confidence)
    theirs = people.clean_accuracy
    return [
        {
            "observer": observer.name, "measure": "accuracy without noise", "unit": "share",
            "estimate": n_correct / n, "lo": float(lo), "hi": float(hi), "n": n,
            "human": theirs.estimate, "human_lo": theirs.lo, "human_hi": theirs.hi, "human_n": theirs.n, "note": "",
        }
    ]  # fmt: skip


def accuracy_table(observer: Observed) -> pd.DataFrame:
    """Return accuracy by noise SD and band with Wilson intervals."""
    return tabulate_accuracy(
        observer.name, *observer.counts, observer.spectra, observer.n_alternatives,
        observer.config.channel.confidence,
    )  # fmt: skip


def remarks(
    config: MaskingConfig, trials: pd.DataFrame, observers: Sequence[Observed], people: People
) -> tuple[str, ...]:
    """Return the sentences that a reader must not miss."""
    return tuple(
        sentence
        for sentence in (
            _skipped(config),
            _clipped(trials),
            *(_interval_missed(config, observer) for observer in observers),
            people.remark,
        )
        if sentence
    )


def _skipped(config: MaskingConfig) -> str:
    if config.observer.kind == "human":
        return ""
    skipped = trial_images(config).skipped
    if not skipped:
        return ""
    shown = "; ".join(f"{name}: {reason}" for name, reason in list(skipped.items())[:3])
    return f"{len(skipped)} damaged image(s) were skipped ({shown}{'; ...' if len(skipped) > 3 else ''})"


def _clipped(trials: pd.DataFrame) -> str:
    n_pixels = int(trials["n_pixels"].sum())
    if not n_pixels:
        return ""
    share = trials["n_clipped"].sum() / n_pixels
    noisy = trials[trials["n_pixels"] > 0]
    worst = noisy.groupby("noise_sd")[["n_clipped", "n_pixels"]].sum()
    top = (worst["n_clipped"] / worst["n_pixels"]).max()
    return (
        f"{share:.2%} of all pixels fell outside [0, 1] and were clipped, at most {top:.2%} at one noise SD"
    )


def _interval_missed(config: MaskingConfig, observer: Observed) -> str:
    if config.design.kind != "adaptive" or config.observer.kind == "human":
        return ""
    lo, hi = observer.ml.bandwidth_interval
    goal, n = config.design.interval_octaves, len(observer.trials)
    if hi - lo <= goal:
        return (
            f"{observer.name}: the interval of the bandwidth came down to {goal:g} octaves after {n} trials"
        )
    return (
        f"{observer.name}: the interval of the bandwidth is {hi - lo:.2f} octaves wide after {n} trials, "
        f"design.interval_octaves asked for {goal:g}; raise design.max_trials"
    )
