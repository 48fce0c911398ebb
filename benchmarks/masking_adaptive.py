"""Does the adaptive design find what the full grid would find, and how many network evaluations does it save?

    python benchmarks/masking_adaptive.py [--simulations 60] [--width 0.5]

Simulated observers run an `AdaptiveSession` until its 95 % interval of the bandwidth has the asked width. The truth is
what the fully crossed grid (noise SD .01, .02, .04, .08, .16 in each of 7 bands, and once without noise: 36 trials an
image) gives for the same observer if its trials never end. Observers are

- exact: log-Gaussian channels typical of ImageNet networks (bandwidth 2-2.7 octaves, centre 20-28 cycles per image,
  peak sensitivity about 75, clean accuracy .75-.93), in octave and in pyramid noise;
- measured: networks run here in every cell, whose surfaces are smoothed along the noise SD only
  (`cogattn.psychophysics.masking.channel.simulated`);
- published: the networks of Subramanian et al. (2023) in pyramid noise, each smoothed in the same way.

Trials saved: the grid is given as many images as its own 95 % interval needs, by Fisher information, to be as wide as
that of the adaptive run. Trials are independent here; in a real crossed run those of one image are not, which the ratio
leaves out.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.stats import norm

from cogattn.psychophysics.masking.channel.adaptive import GRID_SDS, AdaptiveSession
from cogattn.psychophysics.masking.channel.likelihood import Cells, ChannelModel, channel_parameters
from cogattn.psychophysics.masking.channel.maximum import fit_many
from cogattn.psychophysics.masking.channel.simulated import SimulatedObserver
from cogattn.psychophysics.masking.counts import published_networks
from cogattn.psychophysics.masking.design import count_correct
from cogattn.psychophysics.masking.stimuli.noise import BandSpectra, octave_spectra, pyramid_spectra
from cogattn.statistics.stats import random_effects, wilson_interval

SURFACES = Path(__file__).parents[1] / "tests/psychophysics/masking/channel/data/response_surfaces.csv"
SDS = np.array(GRID_SDS)
N_BANDS = 7
BLOCK = 64  # twice the default: half the time, and a few trials more
PER_IMAGE = np.ones((len(SDS), N_BANDS), dtype=int)
PER_IMAGE[0, 1:] = 0


@dataclass(frozen=True)
class Simulated:
    """Who answers: chance to be right by band and SD, on the grid, and the noise it sees."""

    accuracy: Callable[[np.ndarray, np.ndarray], np.ndarray]
    grid: np.ndarray
    spectra: BandSpectra

    def truth(self) -> np.ndarray:
        """ln bandwidth and ln centre that the grid gives without end."""
        many = 10_000 * PER_IMAGE[None]
        theta = fit_many(np.round(many * self.grid), many, SDS, self.spectra).parameters[0]
        return np.array([theta[0], np.log(2) * theta[1]])


@dataclass(frozen=True)
class Outcome:
    n_adaptive: int
    n_grid: float
    width: float
    reached: bool
    covered: tuple[bool, bool]
    errors: tuple[float, float]


def exact(spectra: BandSpectra, rng: np.random.Generator) -> Simulated:
    theta = channel_parameters(
        float(np.exp(rng.uniform(np.log(2.0), np.log(2.7)))),
        rng.uniform(20, 28),
        75 * np.exp(0.25 * rng.standard_normal()),
        steepness=np.exp(0.15 * rng.standard_normal()),
        top_accuracy=rng.uniform(0.75, 0.93),
    )
    model = ChannelModel.of(spectra)
    return Simulated(
        lambda bands, sds: model.slopes(theta[None], Cells.of(sds, np.maximum(bands, 0)))[0][0],
        model.accuracy(theta, SDS),
        spectra,
    )


def like(observer: SimulatedObserver, spectra: BandSpectra) -> Simulated:
    return Simulated(observer.accuracy, observer.grid(SDS), spectra)


def measured() -> Iterator[tuple[str, Simulated]]:
    for (name, noise), table in pd.read_csv(SURFACES).groupby(["observer", "noise"]):
        counts = count_correct(
            table.rename(columns={"n_correct": "correct", "n_trials": "n"}), n_bands=N_BANDS
        )
        spectra = octave_spectra() if noise == "octave" else pyramid_spectra()
        yield f"{name}, {noise}", like(SimulatedObserver.like(*counts), spectra)


def published() -> list[Simulated]:
    """Networks whose accuracy falls with the noise."""
    counts, spectra = published_networks(), pyramid_spectra()
    fits = fit_many(counts.n_correct, counts.n_trials, counts.noise_sds, spectra)
    pairs = zip(
        counts.n_correct[fits.p_constant < 0.01], counts.n_trials[fits.p_constant < 0.01], strict=True
    )
    return [like(SimulatedObserver.like(right, shown, counts.noise_sds), spectra) for right, shown in pairs]


def run_adaptive(observer: Simulated, width: float, rng: np.random.Generator) -> AdaptiveSession:
    session = AdaptiveSession(observer.spectra, interval_octaves=width, max_trials=8000, block=BLOCK, rng=rng)
    while not session.finished:
        bands, sds = session.next_block()
        session.update(bands, sds, rng.random(len(bands)) < observer.accuracy(bands, sds))
    return session


def grid_trials(observer: Simulated, width: float) -> float:
    """Trials of the crossed grid whose interval is `width` octaves wide, by its Fisher information."""
    many = 10_000 * PER_IMAGE[None]
    fits = fit_many(np.round(many * observer.grid), many, SDS, observer.spectra)
    per_image = 10_000 * fits.covariance[0, 0, 0]
    full = 2 * norm.ppf(0.975) * np.exp(fits.parameters[0, 0]) * per_image**0.5
    return float((full / width) ** 2 * PER_IMAGE.sum())


def outcome(observer: Simulated, width: float, rng: np.random.Generator) -> Outcome:
    session, truth = run_adaptive(observer, width, rng), observer.truth()
    channel = session.channel()
    ends = np.log([channel.bandwidth_interval, channel.center_interval])
    inside = (ends[:, 0] <= truth) & (truth <= ends[:, 1])
    found = np.log([channel.bandwidth_octaves, channel.center_cpi]) - truth
    reached = float(np.diff(channel.bandwidth_interval)[0])
    return Outcome(
        int(session.n_trials.sum()),
        grid_trials(observer, reached),
        reached,
        session.reached,
        (bool(inside[0]), bool(inside[1])),
        (float(found[0]), float(found[1])),
    )


def report(label: str, outcomes: Sequence[Outcome]) -> None:
    ratio = random_effects(np.log([o.n_grid / o.n_adaptive for o in outcomes]), np.zeros(len(outcomes)))
    parts = []
    for which in range(2):
        covered = sum(o.covered[which] for o in outcomes)
        lo, hi = wilson_interval(covered, len(outcomes))
        error = np.mean([o.errors[which] for o in outcomes])
        parts.append(f"{covered / len(outcomes):5.2f} [{lo:.2f}, {hi:.2f}] {error:+6.1%}")
    print(
        f"{label:32s} {np.median([o.n_adaptive for o in outcomes]):6.0f} "
        f"{np.median([o.n_grid for o in outcomes]):6.0f} "
        f"{np.exp(ratio.mean):5.2f} [{np.exp(ratio.lo):.2f}, {np.exp(ratio.hi):.2f}]  {'  '.join(parts)}",
        flush=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--simulations", type=int, default=60, help="sessions per row")
    parser.add_argument("--rows", default="", help="only rows whose names begin so")
    parser.add_argument("--width", type=float, default=0.5, help="asked width of the interval in octaves")
    given = parser.parse_args()
    n, start = given.simulations, time.perf_counter()
    print(f"{n} sessions per row until the 95 % interval is {given.width:g} octaves wide; medians of trials")
    print(f"{'':32s} trials   grid   ratio              bandwidth covered, bias   centre covered, bias")
    groups: list[tuple[str, Callable[[int], Simulated]]] = [
        (f"exact, {name}", lambda seed, spectra=spectra: exact(spectra, np.random.default_rng(seed)))
        for name, spectra in (("octave", octave_spectra()), ("pyramid", pyramid_spectra()))
    ]
    groups += [(name, lambda _, one=one: one) for name, one in measured()]
    networks = published()
    groups.append(("published networks, pyramid", lambda seed: networks[seed % len(networks)]))
    for label, draw in (group for group in groups if group[0].startswith(given.rows)):
        report(
            label,
            [
                outcome(draw(seed), given.width, np.random.default_rng([seed, len(label)]))
                for seed in range(n)
            ],
        )
    print(f"{time.perf_counter() - start:.0f} s in all")


if __name__ == "__main__":
    main()
