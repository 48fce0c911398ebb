"""How chance scatters in leave-one-trial-out: why a binomial is too narrow, and what holds instead.

One decision a trial, every sound fresh, so neither windows nor shared sounds can be the cause. Compared are the
variance of the number of correct trials over a binomial's, the share of listeners inside 95 % intervals, and the
share of p values at most 0.05, for

- pure noise, leave-one-out (trials train each other's decoders);
- pure noise, each trial decoded by a decoder of trials that are never decoded (a second session);
- pure noise, each trial decoded by the trials before it alone;
- EEG that answers both talkers alike, so that only the label is arbitrary, leave-one-out.

    python benchmarks/aad_chance.py --listeners 3000
"""

from __future__ import annotations

import argparse

import numpy as np

from cogattn.eeg.aad import RidgeDecoder, cross_validate
from cogattn.eeg.aad.metrics import correlation
from cogattn.eeg.aad.significance import (
    LEAVE_ONE_OUT_DISPERSION,
    binomial_interval,
    chance_interval,
    permutation_p,
    refit_permutation_p,
)
from cogattn.eeg.recordings.simulate_talkers import coloured_noise, convolve, speech_envelope

SFREQ, N_TRIALS, ALPHA = 32.0, 20, 100.0
Session = tuple[list[np.ndarray], list[np.ndarray], list[np.ndarray]]


def session(rng: np.random.Generator, *, response: float, n_trials: int = N_TRIALS) -> Session:
    sounds = [[speech_envelope(rng, duration_s=10, sfreq=SFREQ) for _ in range(n_trials)] for _ in range(2)]
    kernel = np.outer([0.2, 1.0, 0.5], rng.standard_normal(4))
    eeg = []
    for a, u in zip(*sounds, strict=True):
        noise = coloured_noise(rng, (320, 4), sfreq=SFREQ) + rng.standard_normal((320, 4))
        eeg.append(noise + response * convolve(a + u, kernel))
    return eeg, *sounds


def margin(decoder: RidgeDecoder, eeg, attended, unattended) -> float:
    decoded = decoder.predict(eeg)
    return float(correlation(decoded, attended) - correlation(decoded, unattended))


def leave_one_out(rng: np.random.Generator, response: float) -> dict[str, float]:
    eeg, attended, unattended = session(rng, response=response)
    decoding = cross_validate(eeg, attended, unattended, sfreq=SFREQ)
    margins = decoding.r_attended - decoding.r_unattended
    swap = permutation_p([m[None] for m in margins], rng, n_permutations=199)
    refit = refit_permutation_p(eeg, attended, unattended, rng, sfreq=SFREQ, n_permutations=199)
    return {"right": int(np.sum(margins > 0)), "swap": swap, "refit": refit}


def second_session(rng: np.random.Generator) -> dict[str, float]:
    trained = session(rng, response=0.0)
    decoder = RidgeDecoder(SFREQ, alphas=[ALPHA]).fit(trained[0], trained[1])
    tested = zip(*session(rng, response=0.0), strict=True)
    return {"right": sum(margin(decoder, *trial) > 0 for trial in tested)}


def only_earlier(rng: np.random.Generator) -> dict[str, float]:
    trials = session(rng, response=0.0, n_trials=N_TRIALS + 1)
    right = 0
    for k in range(1, N_TRIALS + 1):
        decoder = RidgeDecoder(SFREQ, alphas=[ALPHA]).fit(trials[0][:k], trials[1][:k])
        right += margin(decoder, *(part[k] for part in trials)) > 0
    return {"right": int(right)}


CASES = {
    "pure noise, leave-one-out": lambda rng: leave_one_out(rng, 0.0),
    "pure noise, decoder of a second session": second_session,
    "pure noise, decoder of earlier trials": only_earlier,
    "both talkers answered alike, leave-one-out": lambda rng: leave_one_out(rng, 1.0),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--listeners", type=int, default=3000)
    n = parser.parse_args().listeners
    binomial, corrected = binomial_interval(N_TRIALS), chance_interval(N_TRIALS)
    print(f"{n} listeners of {N_TRIALS} trials; predicted variance ratio {LEAVE_ONE_OUT_DISPERSION:.3f}")
    print(f"binomial 95 % interval {binomial}, corrected {corrected}\n")
    print("| case | variance ratio | inside binomial | inside corrected | swap p <= .05 | refit p <= .05 |")
    print("|---|---|---|---|---|---|")
    for name, draw in CASES.items():
        rows = [draw(np.random.default_rng(seed)) for seed in range(n)]
        share = np.array([row["right"] for row in rows]) / N_TRIALS
        ratio = share.var() / (0.25 / N_TRIALS)
        inside = [np.mean((share >= low) & (share <= high)) for low, high in (binomial, corrected)]
        p = [
            f"{np.mean([row[key] <= 0.05 for row in rows]):.3f}" if key in rows[0] else ""
            for key in ("swap", "refit")
        ]
        print(f"| {name} | {ratio:.2f} | {inside[0]:.3f} | {inside[1]:.3f} | {p[0]} | {p[1]} |", flush=True)


if __name__ == "__main__":
    main()
