"""One observer's masking trials as counts, and what is estimated from them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from cogattn.observers.observer import Observer
from cogattn.psychophysics.masking.accuracy import tabulate_accuracy
from cogattn.psychophysics.masking.channel.adaptive import fit_adaptive
from cogattn.psychophysics.masking.channel.clustered import fit_channel_by_images
from cogattn.psychophysics.masking.channel.fit import Channel, GainsOfOne, every_gain, fit_channel
from cogattn.psychophysics.masking.channel.misfit import Misfit, misfit, residual_table
from cogattn.psychophysics.masking.channel.thresholds import band_thresholds
from cogattn.psychophysics.masking.config import GainChoice, MaskingConfig
from cogattn.psychophysics.masking.counts import N_ALTERNATIVES
from cogattn.psychophysics.masking.design import count_correct
from cogattn.psychophysics.masking.stimuli.noise import BandSpectra
from cogattn.seeds import Streams
from cogattn.statistics.stats import Estimate, wilson_interval
from cogattn.study import Trials

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

PAPER_SDS = (0.0, 0.02, 0.04, 0.08, 0.16)
"""Levels on which the paper's integer thresholds are counted."""


@dataclass(frozen=True, eq=False)
class Observed:
    """The masking trials of one observer.

    Parameters
    ----------
    observer : Observer
        Whose they are.
    counted : DataFrame
        Columns band, noise_sd, n, correct, one row per condition; in the crossed design also image, and one row per
        condition of an image.
    n_alternatives : int
        Number of answers to choose from.
    config : MaskingConfig
        Of the run.
    spectra : BandSpectra
        Of the noise that was seen.
    """

    observer: Observer
    counted: pd.DataFrame
    n_alternatives: int
    config: MaskingConfig
    spectra: BandSpectra

    @property
    def n_trials(self) -> int:
        """Trials in all."""
        return int(self.counted["n"].sum())

    @cached_property
    def counts(self) -> tuple[NDArray, NDArray, NDArray]:
        """Correct answers and trials, (n_sds, n_bands), and the SDs."""
        return count_correct(self.counted, n_bands=len(self.spectra.power))

    @cached_property
    def gains(self) -> GainsOfOne:
        """Channel under every gain, trials taken for independent; see `fit_gains` for many observers at once."""
        fit_gains([self])
        return vars(self)["gains"]

    @cached_property
    def residuals(self) -> pd.DataFrame:
        """Observed and fitted accuracy of the maximum-likelihood channel, cell by cell."""
        table = residual_table(self.ml, *self.counts, self.spectra, n_alternatives=self.n_alternatives)
        table.insert(0, "observer", self.observer.id)
        return table

    @cached_property
    def misfit(self) -> Misfit:
        """How badly the maximum-likelihood channel fits."""
        return misfit(self.ml, self.residuals)

    @cached_property
    def ml(self) -> Channel:
        """Maximum-likelihood channel under the run's gain; in the crossed design its intervals are over images."""
        return self._fitted(self.config.channel.gain)

    @cached_property
    def plain(self) -> Channel:
        """The same under the log-Gaussian gain."""
        return self.ml if self.ml.gain_name == "log-gaussian" else self._fitted("log-gaussian")

    def _fitted(self, gain: GainChoice) -> Channel:
        options = self.config.channel
        if "image" in self.counted:
            return fit_channel_by_images(
                self.counted,
                self.spectra,
                gain=gain,
                n_alternatives=self.n_alternatives,
                confidence=options.confidence,
                n_bootstrap=options.n_bootstrap,
                rng=self._rng("images"),
            )
        if self.config.design.kind == "adaptive" and self.observer.role != "person":
            return fit_adaptive(
                *self.counts,
                spectra=self.spectra,
                n_alternatives=self.n_alternatives,
                confidence=options.confidence,
            )
        return self.gains.under(gain)

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
        return table.assign(observer=self.observer.id, mean_cpi=self.spectra.mean_cpi)

    @property
    def accuracy(self) -> pd.DataFrame:
        """Accuracy by noise SD and band with Wilson intervals."""
        return tabulate_accuracy(
            self.observer.id,
            *self.counts,
            self.spectra,
            self.n_alternatives,
            self.config.channel.confidence,
        )

    @property
    def clean_accuracy(self) -> Estimate | None:
        """Accuracy without noise with its Wilson interval; None where no trial was without."""
        clean = self.counted[self.counted["noise_sd"] == 0]
        n, right = int(clean["n"].sum()), int(clean["correct"].sum())
        if not n:
            return None
        lo, hi = wilson_interval(right, n, confidence=self.config.channel.confidence)
        return Estimate(right / n, float(lo), float(hi), n)

    def _rng(self, name: str) -> np.random.Generator:
        return Streams(self.config.seed).generator("summary", self.observer.id, name)


def fit_gains(found: Sequence[Observed]) -> None:
    """Fit every gain to all observers at once that saw the same noise, which is many times faster than one by one."""
    alike: dict[tuple[object, ...], list[Observed]] = {}
    for one in found:
        sds = one.counts[2]
        key = (sds.tobytes(), one.n_alternatives, one.config.channel.confidence, id(one.spectra))
        alike.setdefault(key, []).append(one)
    for group in alike.values():
        correct, shown, sds = zip(*(one.counts for one in group), strict=True)
        fits = every_gain(
            np.stack(correct),
            np.stack(shown),
            sds[0],
            spectra=group[0].spectra,
            n_alternatives=group[0].n_alternatives,
            confidence=group[0].config.channel.confidence,
        )
        for one, gains in zip(group, fits, strict=True):
            vars(one)["gains"] = gains  # where `cached_property` looks


def observed(
    config: MaskingConfig, trials: Trials, observers: Mapping[str, Observer], spectra: BandSpectra
) -> Iterator[Observed]:
    """Yield each observer's trials, one cell of the run in memory at a time.

    Parameters
    ----------
    config : MaskingConfig
        Of the run.
    trials : Trials
        Those of some observers may be missing.
    observers : mapping of str to Observer
        By id.
    spectra : BandSpectra
        Of the noise that they saw.
    """
    columns = ["observer", "band", "noise_sd"]
    if config.observer.kind == "human":
        counted = trials.counts("people", by=columns, totals=["correct"]).assign(
            n_alternatives=N_ALTERNATIVES
        )
    else:
        columns += ["n_alternatives", *(["image"] if config.design.kind == "crossed" else [])]
        counted = trials.counts("masking", by=columns, totals=["correct"])
    for name, rows in counted.groupby("observer", sort=False):
        own = rows.drop(columns=["observer", "n_alternatives"]).reset_index(drop=True)
        yield Observed(observers[str(name)], own, int(rows["n_alternatives"].iloc[0]), config, spectra)
