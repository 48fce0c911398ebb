"""Envelope-following analysis of one recording beside the same estimators called one by one through scipy and
mne-connectivity.

    python benchmarks/efr.py --channels 64 --minutes 30 --sfreq 512 --threads 2

Prints a Markdown table with wall-clock and processor seconds (the latter tell more on a busy machine). A peer's row is
timed on the whole task, or, where it says so, on a part and scaled up. No time is printed for an estimate that differs
from its peer's by more than the tolerance. Shifts and bootstrap stand beside matrices of numpy, for which each channel
is transformed once, too. mne-connectivity is an optional peer, and said to be absent where it is: ``pip install
mne-connectivity`` into an environment of its own.
"""

from __future__ import annotations

import argparse
import os
import resource
import time
from collections.abc import Callable, Iterator
from typing import NamedTuple

from ratios import add_json, ratio, write


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
    by_scipy = shown(scipy_rows(eeg, envelope, options, ours))
    shown(once_per_channel_rows(eeg, envelope, options, ours))
    by_mne = shown(mne_connectivity_rows(eeg, options, ours))
    rows = [
        ratio(f"the whole analysis; the peer {what} alone", "mne-connectivity", seconds.cpu, one)
        for what, one in by_mne.items()
    ]
    if len(by_scipy) == 4:  # all of them agree
        alike = "the whole analysis; the peer power, coherence, transfer function and CSD"
        rows.append(ratio(alike, "scipy, pair by pair", seconds.cpu, sum(by_scipy.values())))
    write(options.json, rows)


def shown(rows: Iterator[tuple[str, str, Seconds | str]]) -> dict[str, float]:
    """Print rows as they come; return the processor seconds of those that agree."""
    found = {}
    for what, how, took in rows:
        print(f"| {what} | {how} | {took} |", flush=True)
        if isinstance(took, Seconds):
            found[what] = took.cpu
    return found


def scipy_rows(eeg, envelope, options, ours) -> Iterator[tuple[str, str, Seconds | str]]:
    """Welch, coherence, transfer function and all pairs' CSD through scipy."""
    import numpy as np
    from scipy import signal

    n = round(4 * options.sfreq)
    n_channels = eeg.shape[1]
    shared = {"fs": options.sfreq, "nperseg": n}
    f = np.fft.rfftfreq(n, 1 / options.sfreq)
    inside = np.isin(f.round(6), ours.response.frequencies_hz.round(6))

    seconds, power = timed(lambda: np.stack([signal.welch(x, **shared)[1] for x in eeg.T]))
    yield "power", "scipy.signal.welch", gated(seconds, power[:, inside], ours.power)
    seconds, coherence = timed(lambda: np.stack([signal.coherence(x, envelope, **shared)[1] for x in eeg.T]))
    yield (
        "coherence",
        "scipy.signal.coherence",
        gated(seconds, coherence[:, inside], ours.response.coherence),
    )

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


def once_per_channel_rows(eeg, envelope, options, ours) -> Iterator[tuple[str, str, Seconds | str]]:
    """Shifts and bootstrap as numpy has them cheapest: one transform per channel, then a product of matrices."""
    import numpy as np

    n = round(4 * options.sfreq)
    spent, spectra = timed(lambda: segments(np.column_stack([eeg, envelope]), n, options.sfreq, ours))
    values, heard = spectra[:, :-1], spectra[:, -1]  # (frequency, channel, segment), (frequency, segment)
    yield "segments", "one transform per channel", spent
    shifts = ours.chance.n_surrogates
    seconds, mean = timed(lambda: shifted_coherence(values, heard, shifts))
    text = "one transform per channel, then matrices"
    yield f"{shifts} circular shifts", text, gated(seconds.plus(spent), mean, ours.chance.mean)
    samples = len(ours.resampled.gain)
    weights = drawn_weights(np.random.default_rng(0), values.shape[-1], samples)
    weights[0] = 1  # nothing drawn: the coherence itself, which is known
    seconds, found = timed(lambda: weighted_coherence(values, heard, weights))
    yield f"{samples} bootstrap samples", text, gated(seconds.plus(spent), found[0], ours.response.coherence)


def segments(signals, n: int, sfreq: float, ours):
    """Hann-windowed spectra (frequency, signal, segment), mean removed, of the frequencies that ours has."""
    import numpy as np
    from numpy.lib.stride_tricks import sliding_window_view
    from scipy import fft, signal

    f = np.fft.rfftfreq(n, 1 / sfreq)
    inside = np.isin(f.round(6), ours.response.frequencies_hz.round(6))
    window = signal.get_window("hann", n)
    found = []
    for x in signals.T:
        pieces = sliding_window_view(x, n)[:: n // 2]
        pieces = (pieces - pieces.mean(1, keepdims=True)) * window
        found.append(fft.rfft(pieces, axis=1)[:, inside].T.astype(np.complex64))
    return np.stack(found, axis=1)


def squared(values):
    return values.real**2 + values.imag**2


def shifted_coherence(values, heard, n_shifts: int):
    """Mean over whole-segment shifts, all but the nearest, of each channel's coherence (channel, frequency)."""
    import numpy as np

    n = heard.shape[1]
    nearest = (n + 1 - n_shifts) // 2
    shifts = np.arange(nearest, nearest + n_shifts)
    rows = (np.arange(n)[:, None] - shifts) % n
    means = []
    for channels, envelope in zip(values, heard, strict=True):
        coherent = squared(channels @ envelope.conj()[rows]).mean(1)
        means.append(coherent / (squared(channels).sum(1) * squared(envelope).sum()))
    return np.stack(means, axis=1)


def drawn_weights(rng, n_segments: int, n_samples: int):
    """How often each segment is in each sample, drawn in 60 blocks."""
    import numpy as np

    block = np.arange(n_segments) * 60 // n_segments
    return rng.multinomial(60, np.full(60, 1 / 60), size=n_samples)[:, block].astype(np.float32)


def weighted_coherence(values, heard, weights):
    """Coherence (sample, channel, frequency) of weighted segments."""
    import numpy as np

    found = []
    for channels, envelope in zip(values, heard, strict=True):
        cross = (channels * envelope.conj()) @ weights.T
        power = (squared(channels) @ weights.T) * (squared(envelope) @ weights.T)
        found.append(squared(cross) / power)
    return np.stack(found).transpose(2, 1, 0)


def unsmoothed(eeg, envelope, options):
    """Our transfer function before it is smoothed over frequency, which the peer's is not."""
    from cogattn.eeg.efr.analysis import short_time
    from cogattn.eeg.efr.config import SpectrumSettings
    from cogattn.eeg.efr.response import path_response

    settings = SpectrumSettings(smooth=False)
    stimulus, spectra = (short_time([x], options.sfreq, settings) for x in (envelope[:, None], eeg))
    return path_response(stimulus, spectra, ridge=0).transfer


def mne_connectivity_rows(eeg, options, ours) -> Iterator[tuple[str, str, Seconds | str]]:
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

    def plus(self, other: Seconds) -> Seconds:
        """Add what had to be done before."""
        return Seconds(self.wall + other.wall, self.cpu + other.cpu)

    def __str__(self) -> str:
        return f"{self.wall:.1f} | {self.cpu:.1f}"


def gated(seconds: Seconds, peer, ours, tolerance: float = 1e-3) -> Seconds | str:
    """Seconds, or the disagreement where there is one."""
    import numpy as np

    worst = np.abs(peer - ours).max() / np.abs(peer).max()
    return seconds if worst < tolerance else f"differs by {worst:.2g}: not timed | "


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
    add_json(parser)
    return parser.parse_args()


if __name__ == "__main__":
    main()
