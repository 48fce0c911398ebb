"""Exact leave-one-trial-out over ten penalties, against mTRFpy and fftrf, in one run on one thread.

The task: 60 trials of 60 s, 64 channels at 64 Hz, EEG lags 0-400 ms (1728 weights), one envelope. Each
implementation runs in a process of its own; CPU seconds cover the fit and the scores, not the simulation. mTRFpy
would take 10-20 minutes: its cost is measured on two folds with two and with eight penalties and extrapolated
linearly, which the table says; its folds here hold half of the trials, so that each fit averages fewer covariances
than in leave-one-out. Nothing is printed as a speed-up unless ours equals explicit normal equations.

    python benchmarks/aad.py            # needs mtrf and fftrf importable; those absent are left out
    python benchmarks/aad.py --trials 12
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import resource
import subprocess
import sys
import time

from ratios import add_json, ratio, write

THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
SFREQ, TMAX_S, N_ALPHAS = 64.0, 0.4, 10


def task(n_trials: int):
    import numpy as np

    from cogattn.eeg.recordings.simulate_talkers import draw_listener, simulate_recording

    rng = np.random.default_rng(0)
    listener = draw_listener(rng, name="S1", n_channels=64, sfreq=SFREQ, snr_db=-15)
    made = simulate_recording(rng, listener, n_trials=n_trials, duration_s=60, sfreq=SFREQ)
    for x in made.eeg:
        x -= x.mean(axis=0)
        x /= 1e-5
    return made.eeg, [y - y.mean() for y in made.stream("attended")]


def run_ours(n_trials: int, dtype: str) -> dict:

    from cogattn.eeg.aad import leave_one_out

    eeg, envelope = task(n_trials)
    eeg, envelope = [x.astype(dtype) for x in eeg], [y.astype(dtype) for y in envelope]
    before = time.process_time()
    found = leave_one_out(eeg, envelope, sfreq=SFREQ, tmax=TMAX_S, overlap="allow")  # drawn apart
    seconds = time.process_time() - before
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    return {
        "cpu_s": seconds,
        "peak_gb": peak,
        "best_r": float(found.r.mean(axis=0).max()),
        "error": gate(eeg[:6], envelope[:6]),
    }


def gate(eeg, envelope) -> float:
    """Largest difference of r from explicit float64 normal equations, first and last of these trials, all penalties."""
    import numpy as np

    from cogattn.eeg.aad import leave_one_out

    found = leave_one_out(eeg, envelope, sfreq=SFREQ, tmax=TMAX_S, overlap="allow")
    eeg = [x.astype(float) - x.mean(axis=0, dtype=float) for x in eeg]
    envelope = [y.astype(float) - y.mean(dtype=float) for y in envelope]
    n_lags = round(TMAX_S * SFREQ) + 1
    matrices = []
    for x in eeg:
        rows = np.zeros((len(x), n_lags, x.shape[1]))
        for lag in range(n_lags):
            rows[: len(x) - lag, lag] = x[lag:]
        matrices.append(rows.reshape(len(x), -1))
    gram = sum(m.T @ m for m in matrices)
    cross = sum(m.T @ y for m, y in zip(matrices, envelope, strict=True))
    worst = 0.0
    for k in (0, len(eeg) - 1):
        m, y = matrices[k], envelope[k]
        for i, alpha in enumerate(found.alphas[k]):
            weights = np.linalg.solve(gram - m.T @ m + alpha * np.eye(len(gram)), cross - m.T @ y)
            worst = max(worst, abs(found.r[k, i] - np.corrcoef(m @ weights, y)[0, 1]))
    return float(worst)


def run_mtrf(n_trials: int) -> dict:
    import numpy as np
    from mtrf.model import TRF

    eeg, envelope = task(n_trials)
    sounds = [y[:, None] for y in envelope]
    seconds = {}
    for n_alphas in (2, 8):
        before = time.process_time()
        penalties = list(np.logspace(-3, 3, n_alphas))
        TRF(direction=-1).train(sounds, eeg, SFREQ, 0.0, TMAX_S, penalties, k=2, verbose=False)
        seconds[n_alphas] = time.process_time() - before
    (few, fast), (many, slow) = seconds.items()
    per_fit = (slow - fast) / (2 * (many - few))
    total = fast - 2 * few * per_fit + per_fit * n_trials * N_ALPHAS
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    return {"cpu_s": total, "peak_gb": peak, "extrapolated": True, "s_per_fold_and_penalty": per_fit}


def run_fftrf(n_trials: int) -> dict:
    import fftrf
    import numpy as np

    eeg, envelope = task(n_trials)
    before = time.process_time()
    scores = fftrf.TRF(direction=-1).train(
        [y[:, None] for y in envelope],
        eeg,
        SFREQ,
        0.0,
        TMAX_S + 1 / SFREQ,
        list(np.logspace(-6, 3, N_ALPHAS)),
        segment_duration=4.0,
    )
    seconds = time.process_time() - before
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    return {"cpu_s": seconds, "peak_gb": peak, "best_r": float(np.max(scores))}


OURS = "cogattn, float64 input"
RUNS = {
    OURS: (lambda n: run_ours(n, "float64"), None),
    "cogattn, float32 input (computed in float64)": (lambda n: run_ours(n, "float32"), None),
    "fftrf, 4 s segments (approximate)": (run_fftrf, "fftrf"),
    "mTRFpy": (run_mtrf, "mtrf"),
}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--trials", type=int, default=60)
    parser.add_argument("--only", choices=list(RUNS))
    add_json(parser)
    options = parser.parse_args()
    if options.only:
        print(json.dumps(RUNS[options.only][0](options.trials)))
        return 0
    results = {}
    for name, (_, module) in RUNS.items():
        if module and importlib.util.find_spec(module) is None:
            print(f"{name}: not installed")
            continue
        command = [sys.executable, __file__, "--trials", str(options.trials), "--only", name]
        done = subprocess.run(
            command,
            env={**os.environ, **dict.fromkeys(THREADS, "1")},
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            print(f"{name}: failed: {(done.stderr.strip().splitlines() or ['no message'])[-1]}")
            continue
        results[name] = json.loads(done.stdout.splitlines()[-1])
    errors = [r["error"] for r in results.values() if "error" in r]
    if not errors or max(errors) > 1e-6:
        print(f"correctness gate failed: largest difference of r {errors}; no speeds reported")
        return 1
    fastest = results[OURS]["cpu_s"]
    print(
        f"{options.trials} trials, {N_ALPHAS} penalties; largest |dr| from normal equations {max(errors):.1e}\n"
    )
    print("| implementation | CPU s | against ours | peak GB | best mean r |\n|---|---|---|---|---|")
    for name, r in results.items():
        mark = " (extrapolated)" if r.get("extrapolated") else ""
        best = f"{r['best_r']:.4f}" if "best_r" in r else ""
        print(
            f"| {name} | {r['cpu_s']:.1f}{mark} | {r['cpu_s'] / fastest:.1f} x | {r['peak_gb']:.2f} | {best} |"
        )
    case = f"{options.trials} trials, {N_ALPHAS} penalties"
    peers = {name: r["cpu_s"] for name, r in results.items() if RUNS[name][1]}
    write(options.json, [ratio(case, name, fastest, seconds) for name, seconds in peers.items()])
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
