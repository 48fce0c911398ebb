"""What `cogattn aad` does with a cell, against a decoder fitted afresh in every fold, as it used to.

Both decode the same prepared trials of one simulated listener, leave one trial out, choose ridge's penalty inside the
training trials. First their reconstructions must be equal to 1e-8 of their standard deviation; else no times are given.
CPU seconds on one thread, the least of `--repeats` runs.

    python benchmarks/aad_command.py --trials 24
"""

from __future__ import annotations

import argparse
import os
import time

from ratios import add_json, ratio, write

THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
os.environ.update(dict.fromkeys(THREADS, "1"))

import numpy as np  # noqa: E402

from cogattn.eeg.aad import RidgeDecoder  # noqa: E402
from cogattn.eeg.aad.config import AadConfig  # noqa: E402
from cogattn.eeg.aad.pool import pool_of  # noqa: E402
from cogattn.eeg.aad.trials import reconstructions  # noqa: E402

LARGEST_ERROR = 1e-8
LISTENER = "listener 1"


def old_way(config: AadConfig, pool, decoder: str) -> dict[int, np.ndarray]:
    """Reconstruct each trial by a decoder that is fitted to the others from nothing."""
    alphas = "ledoit-wolf" if decoder == "ledoit-wolf" else None
    found = {}
    for train, test in pool.splits(config.validation):
        fitted = RidgeDecoder(pool.sfreq, config.lags.tmin_s, config.lags.tmax_s, alphas)
        fitted.fit([pool.eeg[k] for k in train], [pool.attended[k] for k in train], overlap="allow")
        found |= {k: fitted.predict(pool.eeg[k]) for k in test}
    return found


def timed(call, repeats: int) -> tuple[float, dict[int, np.ndarray]]:
    seconds = []
    for _ in range(repeats):
        before = time.process_time()
        found = call()
        seconds.append(time.process_time() - before)
    return min(seconds), found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--trials", type=int, default=24)
    parser.add_argument("--repeats", type=int, default=3)
    add_json(parser)
    options = parser.parse_args()
    rows = []
    for n_channels, sfreq in ((32, 32.0), (32, 64.0), (64, 64.0)):
        config = AadConfig.parse(
            {
                "recordings": {"n_listeners": 1, "n_trials": options.trials, "n_channels": n_channels},
                "preprocessing": {"sfreq": sfreq},
            }
        )
        pool = pool_of(config, LISTENER)
        for decoder in ("ridge", "ledoit-wolf"):
            new_s, new = timed(lambda c=config, p=pool, d=decoder: reconstructions(c, p, d), options.repeats)
            old_s, old = timed(lambda c=config, p=pool, d=decoder: old_way(c, p, d), 1)
            error = max(float(np.abs(new[k] - old[k]).max() / old[k].std()) for k in old)
            if error > LARGEST_ERROR:
                print(f"correctness gate failed: {decoder} differs by {error:.1e}; no times reported")
                return 1
            rows.append((decoder, n_channels, sfreq, old_s, new_s, error))
    print(f"{options.trials} trials of 60 s, CPU seconds on one thread\n")
    print("| decoder | channels | Hz | a decoder a fold | all folds at once | ratio | largest difference |")
    print("|---|---|---|---|---|---|---|")
    for decoder, n_channels, sfreq, old_s, new_s, error in rows:
        print(
            f"| {decoder} | {n_channels} | {sfreq:g} | {old_s:.2f} | {new_s:.2f} "
            f"| {old_s / new_s:.1f} x | {error:.0e} |"
        )
    ratios = [
        ratio(f"{row[0]}, {row[1]} channels at {row[2]:g} Hz", "a fit a fold", row[4], row[3]) for row in rows
    ]
    write(options.json, ratios)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
