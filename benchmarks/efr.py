"""Envelope-following analysis of one recording beside the same estimators called one by one through scipy and
mne-connectivity.

    python benchmarks/efr.py --channels 64 --minutes 30 --sfreq 512 --threads 2

Prints a Markdown table with wall-clock and processor seconds (the latter tell more on a busy machine). A
peer's row is timed on the whole task, or, where it says so, on a part and scaled up. No time is printed for
an estimate that differs from its peer's by more than the tolerance. mne-connectivity is an optional peer:
``pip install mne-connectivity`` into an environment of its own.
"""

from __future__ import annotations

import argparse
import os
import resource
import time
from collections.abc import Callable, Iterator
from itertools import chain
from typing import NamedTuple


def main() -> None:
    """Run ours and the peers, check that they agree, print the table."""
    options = _options()
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[name] = str(options.threads)
    import numpy as np

    from cogattn.eeg.efr.analysis import analyse
    from cogattn.eeg.recordings.simulate_path import AuditoryPath, simulate_path

    rng = np.random.default_rng(0)
    recording = simulate_path(
        rng, AuditoryPath(options.channels), duration_s=60 * options.minutes, sfreq=options.sfreq
    )
    eeg, envelope = recording.eeg[0], recording.stream("stimulus")[0]
    seconds, ours = timed(lambda: analyse([eeg], [envelope], sfreq=options.sfreq, rng=rng))
    peak_gb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    print(
        f"{options.channels} channels x {options.minutes:g} min at {options.sfreq:g} Hz, {options.threads} thread(s)\n"
    )
    print("| what | how | seconds | processor seconds |\n|---|---|---|---|")
    print(f"| whole analysis, peak memory {peak_gb:.2f} GB | cogattn | {seconds} |")
    for row in chain(scipy_rows(eeg, envelope, options, ours), mne_connectivity_rows(eeg, options, ours)):
        print("| " + " | ".join(row) + " |", flush=True)


def scipy_rows(eeg, envelope, options, ours) -> Iterator[tuple[str, str, str]]:
    """Welch, coherence, transfer function, all pairs' CSD, shifts and bootstrap through scipy."""
    import numpy as np
    from scipy import signal

    n = round(4 * options.sfreq)
    n_channels = eeg.shape[1]
    shared = {"fs": options.sfreq, "nperseg": n}
    f = np.fft.rfftfreq(n, 1 / options.sfreq)
    inside = np.isin(f.round(6), ours.response.frequencies_hz.round(6))

    seconds, power = timed(lambda: np.stack([signal.welch(x, **shared)[1] for x in eeg.T]))
    yield "power", "scipy.signal.welch", gated(seconds, power[:, inside], ours.power)
    once, coherence = timed(lambda: np.stack([signal.coherence(x, envelope, **shared)[1] for x in eeg.T]))
    yield ("coherence", "scipy.signal.coherence", gated(once, coherence[:, inside], ours.response.coherence))

    def transfer():
        cross = np.stack([signal.csd(envelope, x, **shared)[1] for x in eeg.T])
        return cross / signal.welch(envelope, **shared)[1]

    seconds, h = timed(transfer)
    yield (
        "transfer function",
        "scipy.signal.csd / welch",
        gated(seconds, h[:, inside], unsmoothed(eeg, envelope, options)),
    )
    pairs = [(i, j) for i in range(n_channels) for j in range(i)]
    sample = pairs[:: max(1, len(pairs) // options.sampled)][: options.sampled]
    seconds, cross = timed(
        lambda: np.stack([signal.csd(eeg[:, j], eeg[:, i], **shared)[1] for i, j in sample])
    )
    theirs = np.stack([ours.coupling.csd[:, i, j] for i, j in sample])
    scale = len(pairs) / len(sample)
    text = f"scipy.signal.csd, {len(sample)} of {len(pairs)} pairs, scaled"
    yield "CSD of all pairs", text, gated(seconds.times(scale), cross[:, inside], theirs)
    shifts = ours.chance.n_surrogates
    yield f"{shifts} circular shifts", "scipy.signal.coherence once, scaled", str(once.times(shifts))
    samples = len(ours.resampled.gain)
    yield (f"{samples} bootstrap samples", "scipy.signal.coherence once, scaled", str(once.times(samples)))


def unsmoothed(eeg, envelope, options):
    """Our transfer function before it is smoothed over frequency, which the peer's is not."""
    from cogattn.eeg.efr.analysis import short_time
    from cogattn.eeg.efr.config import SpectrumSettings
    from cogattn.eeg.efr.response import path_response

    settings = SpectrumSettings(smooth=False)
    stimulus, spectra = (short_time([x], options.sfreq, settings) for x in (envelope[:, None], eeg))
    return path_response(stimulus, spectra, ridge=0).transfer


def mne_connectivity_rows(eeg, options, ours) -> Iterator[tuple[str, str, str]]:
    """Coherency, imaginary part and phase-lag index of all pairs over the same Hann segments."""
    try:
        from mne_connectivity import spectral_connectivity_epochs
    except ImportError:
        yield "all pairs", "mne-connectivity is not installed", " | "
        return
    import numpy as np

    n = round(4 * options.sfreq)
    starts = range(0, len(eeg) - n + 1, n // 2)
    f = ours.response.frequencies_hz
    one, other = np.tril_indices(eeg.shape[1], -1)
    epochs = np.stack([eeg[start : start + n].T for start in starts])
    epochs -= epochs.mean(axis=2, keepdims=True)
    for method, theirs in (
        ("coh", np.sqrt(ours.coupling.coherence)),
        ("imcoh", ours.coupling.imaginary),
        ("wpli", ours.coupling.wpli),
        ("wpli2_debiased", ours.coupling.debiased_wpli),
    ):
        settings = {"mode": "fourier", "sfreq": options.sfreq, "fmin": f[0], "fmax": f[-1]}
        seconds, found = timed(
            lambda method=method, settings=settings: spectral_connectivity_epochs(
                epochs, method=method, indices=(one, other), verbose="error", **settings
            )
        )
        # Its Hann window is the symmetric one, ours the periodic one.
        mine = theirs[:, one, other].T
        yield (f"{method} of all pairs", "mne-connectivity", gated(seconds, found.get_data(), mine, 0.02))


class Seconds(NamedTuple):
    """Wall-clock and processor time."""

    wall: float
    cpu: float

    def times(self, n: float) -> Seconds:
        """Scale up."""
        return Seconds(self.wall * n, self.cpu * n)

    def __str__(self) -> str:
        return f"{self.wall:.1f} | {self.cpu:.1f}"


def gated(seconds: Seconds, peer, ours, tolerance: float = 1e-3) -> str:
    """Seconds, or the disagreement where there is one."""
    import numpy as np

    worst = np.abs(peer - ours).max() / np.abs(peer).max()
    return str(seconds) if worst < tolerance else f"differs by {worst:.2g}: not timed | "


def timed(work: Callable[[], object]) -> tuple[Seconds, object]:
    """Wall-clock and processor seconds that `work` takes, and what it returns."""
    start, start_cpu = time.perf_counter(), time.process_time()
    done = work()
    return Seconds(time.perf_counter() - start, time.process_time() - start_cpu), done


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--channels", type=int, default=64)
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--sfreq", type=float, default=512.0)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--sampled", type=int, default=40, help="pairs that scipy's CSD is timed on")
    return parser.parse_args()


if __name__ == "__main__":
    main()
