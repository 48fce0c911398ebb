"""Fitting channels: every gain to all published networks at once, against a general optimiser, network by network.

    python benchmarks/masking_channel.py [--networks 6] [--repeats 3]

Both maximise the same function: the binomial log likelihood of 35 cells plus, for a gain with parameters of its own,
the logarithm of their prior. The general optimiser is scipy's L-BFGS-B with numerical slopes on the model written out
anew, from three starts, without intervals; ours gives intervals, errors and evidence as well. A speed is reported only
if no maximum of ours is lower than theirs by more than .01 (a likelihood ratio of 1 %), and the bandwidths agree where
the maxima do. CPU seconds on one thread (set OMP_NUM_THREADS=1).
"""

from __future__ import annotations

import argparse
import time

import numpy as np
from ratios import add_json, ratio, write
from scipy.optimize import minimize

from cogattn.psychophysics.masking.channel.fit import GainsOfOne, every_gain
from cogattn.psychophysics.masking.channel.gains import Free, GainName
from cogattn.psychophysics.masking.counts import HumanCounts, published_networks
from cogattn.psychophysics.masking.stimuli.noise import BandSpectra, pyramid_spectra

STARTS = ((1.4, 20.0, 30.0), (2.3, 24.0, 60.0), (3.5, 16.0, 40.0))
"""Bandwidth, centre and peak from which the general optimiser climbs."""
LOWEST = 0.01
GAINS: tuple[GainName, ...] = ("log-gaussian", "asymmetric", "free")


def log_gain(theta: np.ndarray, x: np.ndarray, gain: GainName, bend: np.ndarray) -> np.ndarray:
    """ln G as `cogattn.psychophysics.masking.channel.gains` states it in words."""
    width, centre = np.exp(theta[0]), theta[1]
    if gain == "asymmetric":
        ratio = np.exp(theta[5])
        lower, upper = width / (1 + ratio), width * ratio / (1 + ratio)
        mode = centre - width / 2 + lower
        return -np.log(2) * ((x - mode) / np.where(x > mode, upper, lower)) ** 2
    return -np.log(2) * (2 * (x - centre) / width) ** 2 + bend @ theta[5:]


def objective(
    theta: np.ndarray,
    right: np.ndarray,
    shown: np.ndarray,
    sds: np.ndarray,
    spectra: BandSpectra,
    gain: GainName,
) -> float:
    """Log likelihood and log prior, the sign turned, of one observer."""
    x = np.log2(spectra.frequencies_cpi[1:])
    free = Free.over(np.log2(spectra.mean_cpi), x)
    weight = spectra.power[:, 1:] @ np.exp(log_gain(theta, x, gain, free.deviation(x)[:, : len(theta) - 5]))
    drive = np.exp(
        np.exp(theta[3]) * np.log(np.maximum(sds[:, None] ** 2 * np.exp(2 * theta[2]) * weight, 1e-200))
    )
    above = 15 / 16 / (1 + np.exp(-theta[4]))
    p = np.clip(1 / 16 + above * 2.0**-drive, 1e-12, 1 - 1e-12)
    sd = np.log(2) if gain == "asymmetric" else 1.0
    return 0.5 * np.sum((theta[5:] / sd) ** 2) - np.sum(right * np.log(p) + (shown - right) * np.log(1 - p))


def by_scipy(counts: HumanCounts, i: int, spectra: BandSpectra, gain: GainName) -> tuple[float, np.ndarray]:
    """The highest value of three climbs, and where it is."""
    n_own = {"log-gaussian": 0, "asymmetric": 1, "free": 4}[gain]
    shared = [
        (np.log(0.2), np.log(20)),
        (-0.2, 7.8),
        (np.log(1e-2), np.log(1e5)),
        (np.log(0.2), np.log(5)),
        (-5, 10),
    ]
    bounds = [*shared, *[(-6.0, 6.0)] * n_own]
    args = counts.n_correct[i], counts.n_trials[i], counts.noise_sds, spectra, gain
    ends = []
    for width, centre, peak in STARTS:
        start = [np.log(width), np.log2(centre), np.log(peak), 0.0, 2.0, *[0.0] * n_own]
        ends.append(minimize(objective, start, args=args, method="L-BFGS-B", bounds=bounds))
    best = min(ends, key=lambda end: end.fun)
    return -float(best.fun), best.x


def compare(
    counts: HumanCounts, ours: list[GainsOfOne], spectra: BandSpectra, n: int
) -> tuple[float, list[str]]:
    """CPU seconds a network of the general optimiser, and what speaks against ours."""
    sound = [i for i, one in enumerate(ours) if one.best.identified]
    faults, start = [], time.process_time()
    for i in sound[:: len(sound) // n][:n]:
        for gain in GAINS:
            value, theta = by_scipy(counts, i, spectra, gain)
            channel = ours[i].channels[gain]
            own = -objective(
                np.array(channel.parameters),
                counts.n_correct[i],
                counts.n_trials[i],
                counts.noise_sds,
                spectra,
                gain,
            )
            where = f"{counts.observers[i]}, {gain}"
            if own < value - LOWEST:
                faults.append(f"{where}: {own:.3f} is below {value:.3f}")
            if gain != "free" and abs(own - value) < LOWEST / 10:
                ratio = channel.bandwidth_octaves / np.exp(theta[0])
                faults += [f"{where}: bandwidths differ by {ratio:.3f}"] if abs(ratio - 1) > 0.01 else []
    return (time.process_time() - start) / n, faults


def main() -> None:
    """Time both and check them against each other."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--networks", type=int, default=6, help="fitted by the general optimiser")
    parser.add_argument("--repeats", type=int, default=3)
    add_json(parser)
    options = parser.parse_args()
    counts, spectra = published_networks(), pyramid_spectra()
    seconds = []
    for _ in range(options.repeats):
        start = time.process_time()
        ours = every_gain(counts.n_correct, counts.n_trials, counts.noise_sds, spectra=spectra)
        seconds.append(time.process_time() - start)
    theirs, faults = compare(counts, ours, spectra, options.networks)
    n = len(counts.observers)
    print(
        f"{n} networks, three gains, intervals and evidence: {min(seconds):.2f} to {max(seconds):.2f} CPU s"
    )
    if faults:
        print("no speed is reported, for the answers differ:", *faults, sep="\n  ")
        raise SystemExit(1)
    row = ratio(f"{n} networks, three gains", "scipy's L-BFGS-B, maxima alone", min(seconds), theirs * n)
    print(
        f"scipy, maxima alone: {theirs:.2f} CPU s a network, {theirs * n:.0f} for all: {row['ratio']:.0f} x"
    )
    write(options.json, [row])


if __name__ == "__main__":
    main()
