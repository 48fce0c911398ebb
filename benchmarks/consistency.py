"""Error consistency of all pairs of networks: at once, against pair by pair, on the same made-up answers.

python benchmarks/consistency.py [--networks 76] [--trials 1050] [--pairs 60]

Pair by pair is timed on a part of the pairs and told for all of them. The two must have the same numbers, or no time is
told.
"""

from __future__ import annotations

import argparse
import time

import numpy as np
import pandas as pd
from ratios import add_json, ratio, write

from cogattn.psychophysics.naming.consistency import copy_probability, error_consistency
from cogattn.psychophysics.naming.pairs import consistency_of_pairs
from cogattn.seeds import Streams


def answers(n_networks: int, n_trials: int) -> pd.DataFrame:
    """Networks right on 70 % or so of trials that they find hard alike."""
    rng = np.random.default_rng(0)
    hard = rng.normal(size=n_trials)
    shown = pd.DataFrame(
        {
            "image": [f"{i}.png" for i in range(n_trials)],
            "noise_sd": rng.choice([0, 0.02, 0.04, 0.08, 0.16], n_trials),
            "band": rng.integers(7, size=n_trials),
        }
    )
    return pd.concat(
        [
            shown.assign(
                observer=f"network {i}", correct=hard + rng.normal(size=n_trials) > rng.normal(-0.6, 0.3)
            )
            for i in range(n_networks)
        ],
        ignore_index=True,
    )


def stream(first: str, second: str) -> np.random.Generator:
    return Streams(0).generator(first, second)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--networks", type=int, default=76)
    parser.add_argument("--trials", type=int, default=1050)
    parser.add_argument("--pairs", type=int, default=60)
    add_json(parser)
    options = parser.parse_args()
    trials = answers(options.networks, options.trials)
    start = time.process_time()
    table = consistency_of_pairs(trials, streams=stream)
    at_once = time.process_time() - start
    some = table.sample(min(options.pairs, len(table)), random_state=0)
    own = {str(name): rows for name, rows in trials.groupby("observer")}
    start, farthest = time.process_time(), 0.0
    for row in some.to_dict("records"):
        pair = own[row["first"]], own[row["second"]]
        kappa = error_consistency(*pair, rng=stream(row["first"], row["second"]))
        copied = copy_probability(*pair, rng=stream(row["first"], row["second"]))
        values = np.array([kappa.kappa, kappa.lo, kappa.hi, copied.estimate, copied.lo, copied.hi])
        same = np.array([row[name] for name in ("kappa", "lo", "hi", "copy", "copy_lo", "copy_hi")])
        farthest = max(farthest, float(np.abs(values - same).max()))
    one_by_one = (time.process_time() - start) * len(table) / len(some)
    if farthest > 1e-9:
        raise SystemExit(f"the numbers differ by {farthest:.2g}: no time is told")
    print(f"{options.networks} networks, {options.trials} trials each, {len(table)} pairs, CPU seconds")
    print(f"at once      {at_once:7.1f}")
    print(f"pair by pair {one_by_one:7.1f} (from {len(some)} pairs; same numbers within {farthest:.0e})")
    write(options.json, [ratio(f"{len(table)} pairs", "pair by pair", at_once, one_by_one)])


if __name__ == "__main__":
    main()
