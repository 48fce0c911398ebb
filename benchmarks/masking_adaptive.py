"""Network evaluations that the adaptive design saves: trials to the same interval of the bandwidth.

    python benchmarks/masking_adaptive.py [--simulations 60]

Simulated observers typical of ImageNet networks (bandwidth 2-2.7 octaves, centre 20-28 cycles per image, peak
sensitivity about 75, clean accuracy .75-.93) run an `AdaptiveSession` until its 95 % interval has the asked
width. For the same observer the fully crossed grid (noise SD .01, .02, .04, .08, .16 in each of 7 bands, and
once without noise: 36 trials per image) is given as many images as its own 95 % interval needs, by the median
of simulated fits, to be as wide as the one that the adaptive run ended with. Trials are independent here; in a
real crossed run those of one image are not, which the ratio leaves out.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from cogattn.psychophysics.masking.channel.adaptive import AdaptiveSession
from cogattn.psychophysics.masking.channel.likelihood import Cells, ChannelModel, channel_parameters
from cogattn.psychophysics.masking.channel.maximum import fit_many
from cogattn.psychophysics.masking.stimuli.noise import BandSpectra, octave_spectra, pyramid_spectra
from cogattn.statistics.stats import random_effects, wilson_interval

GRID_SDS = np.array([0, 0.01, 0.02, 0.04, 0.08, 0.16])
SETTINGS: Sequence[tuple[str, float]] = (("octave", 0.5), ("octave", 0.25), ("pyramid", 0.5))
GOAL = 4.0
N_GRID_FITS = 24


@dataclass(frozen=True)
class Outcome:
    n_adaptive: int
    n_grid: float
    width: float
    covered: bool
    log_error: float


def draw_observer(rng: np.random.Generator) -> np.ndarray:
    return channel_parameters(
        float(np.exp(rng.uniform(np.log(2.0), np.log(2.7)))),
        rng.uniform(20, 28),
        75 * np.exp(0.25 * rng.standard_normal()),
        steepness=np.exp(0.15 * rng.standard_normal()),
        top_accuracy=rng.uniform(0.75, 0.93),
    )


def run_adaptive(
    truth: np.ndarray, spectra: BandSpectra, width: float, rng: np.random.Generator
) -> AdaptiveSession:
    model = ChannelModel.of(spectra)
    session = AdaptiveSession(spectra, interval_octaves=width, max_trials=8000, rng=rng)
    while not session.finished:
        bands, sds = session.next_block()
        p, _ = model.slopes(truth[None], Cells.of(sds, np.maximum(bands, 0)))
        session.update(bands, sds, rng.random(len(bands)) < p[0])
    return session


def grid_trials(truth: np.ndarray, spectra: BandSpectra, width: float, rng: np.random.Generator) -> float:
    """Trials of the crossed grid whose interval is `width` octaves wide, by the median of simulated fits."""
    per_image = np.ones((len(GRID_SDS), len(spectra.power)), dtype=int)
    per_image[0, 1:] = 0
    p = ChannelModel.of(spectra).accuracy(truth, GRID_SDS)
    n_images = 40.0
    for _ in range(4):
        trials = np.broadcast_to(per_image * max(2, round(n_images)), (N_GRID_FITS, *p.shape))
        fits = fit_many(rng.binomial(trials, p), trials, GRID_SDS, spectra)
        ends = np.exp(fits.intervals[:, 0])
        n_images = max(2, round(n_images)) * (np.median(ends[:, 1] - ends[:, 0]) / width) ** 2
    return float(n_images * per_image.sum())


def simulate(noise: str, width: float, n: int) -> list[Outcome]:
    spectra = octave_spectra() if noise == "octave" else pyramid_spectra()
    outcomes = []
    for seed in range(n):
        rng = np.random.default_rng([seed, round(1000 * width), len(noise)])
        truth = draw_observer(rng)
        session = run_adaptive(truth, spectra, width, rng)
        channel = session.channel()
        lo, hi = channel.bandwidth_interval
        bandwidth = float(np.exp(truth[0]))
        n_grid = grid_trials(truth, spectra, hi - lo, rng)
        error = float(np.log(channel.bandwidth_octaves / bandwidth))
        n_trials = int(session.n_trials.sum())
        outcomes.append(Outcome(n_trials, n_grid, hi - lo, lo <= bandwidth <= hi, error))
    return outcomes


def report(noise: str, width: float, outcomes: Sequence[Outcome]) -> float:
    ratios = np.log([o.n_grid / o.n_adaptive for o in outcomes])
    mean = random_effects(ratios, np.zeros(len(ratios)))
    covered = sum(o.covered for o in outcomes)
    lo, hi = wilson_interval(covered, len(outcomes))
    print(
        f"{noise:8s} {width:6.2f} {np.median([o.width for o in outcomes]):8.2f} "
        f"{np.median([o.n_adaptive for o in outcomes]):9.0f} {np.median([o.n_grid for o in outcomes]):8.0f} "
        f"{np.exp(mean.mean):7.2f} [{np.exp(mean.lo):.2f}, {np.exp(mean.hi):.2f}]"
        f"{covered / len(outcomes):9.2f} [{lo:.2f}, {hi:.2f}] {np.mean([o.log_error for o in outcomes]):8.1%}"
    )
    return float(np.exp(mean.mean))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--simulations", type=int, default=60, help="simulated observers per row")
    n = parser.parse_args().simulations
    print(
        f"{n} simulated observers per row; widths in octaves; ratio: geometric mean [95 %] of grid / adaptive"
    )
    print("noise      asked  reached  adaptive     grid   ratio                covered           bias")
    start = time.perf_counter()
    ratios = {(noise, width): report(noise, width, simulate(noise, width, n)) for noise, width in SETTINGS}
    met = ", ".join(f"{noise} {width:g}" for (noise, width), ratio in ratios.items() if ratio >= GOAL)
    print(
        f"at least {GOAL:g} times fewer trials: {met or 'nowhere'}; {time.perf_counter() - start:.0f} s in all"
    )


if __name__ == "__main__":
    main()
