"""Live decoding: equality with the offline chain first, then cost, delay, calibration and how soon switches show.

    python benchmarks/live.py [--listeners 12]

One thread. The cost is CPU time over the length of the signals: 64 channels at 512 Hz in chunks of 50 ms, with two
envelopes at 64 Hz or two sounds at 44.1 kHz.
"""

from __future__ import annotations

import argparse
import time

import numpy as np
from threadpoolctl import threadpool_limits

from cogattn.eeg.aad.live_config import LiveConfig
from cogattn.eeg.aad.live_training import fit_recording
from cogattn.eeg.live import (
    Chain,
    EegSource,
    LiveDecoder,
    Preprocessing,
    SoundSource,
    SwitchFilter,
    switch_delay,
)
from cogattn.eeg.recordings.recording import Recording, Trial
from cogattn.eeg.recordings.simulate_talkers import (
    coloured_noise,
    draw_listener,
    simulate_recording,
    simulate_switches,
)
from cogattn.errors import DataError

CHANNELS = tuple(f"E{i + 1}" for i in range(64))
EEG_SFREQ, ENVELOPE_SFREQ, SOUND_SFREQ = 512.0, 64.0, 44_100.0


def random_decoder() -> LiveDecoder:
    weights = np.random.default_rng(0).standard_normal((17, 64))
    return LiveDecoder(weights, 0.0, 0.25, Preprocessing(CHANNELS), switches=SwitchFilter(5.0, 1.0))


def run(
    chain: Chain, eeg: np.ndarray, sounds: np.ndarray, sounds_sfreq: float, chunk_s: float = 0.05
) -> list:
    decisions, n_chunks = [], round(len(eeg) / EEG_SFREQ / chunk_s)
    for i in range(n_chunks):
        e, s = (
            slice(round(i * chunk_s * r), round((i + 1) * chunk_s * r)) for r in (EEG_SFREQ, sounds_sfreq)
        )
        decisions += chain.push((eeg[e], None), [(sounds[s], None)])
    return decisions


def cost(duration_s: float = 60.0) -> None:
    rng = np.random.default_rng(0)
    eeg = 1e-5 * coloured_noise(rng, (round(duration_s * EEG_SFREQ), 64), sfreq=EEG_SFREQ)
    envelopes = rng.random((len(eeg), 2))
    decoder = random_decoder()
    trial = Trial(eeg, "1", {"attended": envelopes[:, 0], "unattended": envelopes[:, 1]})
    (offline,) = Chain.offline(decoder, Recording("S", EEG_SFREQ, CHANNELS, (trial,)))
    source = EegSource(EEG_SFREQ, CHANNELS)
    live = run(Chain(decoder, source, [SoundSource(EEG_SFREQ)]), eeg, envelopes, EEG_SFREQ)
    numbers = [[(d.r_first, d.r_second, d.probability) for d in x] for x in (live, offline)]
    difference = np.abs(np.subtract(*numbers)).max()
    print(f"equality: {len(live)} of {len(offline)} decisions, largest difference {difference:.1e}")
    if len(live) != len(offline) or difference > 1e-9:
        raise SystemExit("live decisions must be those of the offline chain; nothing is timed")
    streams = {
        "two envelopes at 64 Hz": (ENVELOPE_SFREQ, "envelope"),
        "two sounds at 44.1 kHz": (SOUND_SFREQ, "sound"),
    }
    for name, (rate, kind) in streams.items():
        sounds = rng.standard_normal((round(duration_s * rate), 2))
        chain = Chain(decoder, source, [SoundSource(rate, kind)])
        started = time.process_time()
        run(chain, eeg, sounds, rate)
        factor = (time.process_time() - started) / duration_s
        print(
            f"64 channels at 512 Hz, {name}: real-time factor {factor:.4f}, {chain.memory_bytes / 1e6:.2f} MB"
        )
        print(f"  {chain.delay.text()}")


def people(n_listeners: int, snr_db: float) -> None:
    """Calibration and switches on simulated listeners: train on ten minutes, then ten with switches."""
    said, right, delays, accuracies = [], [], [], []
    n_refused = 0
    for k in range(n_listeners):
        rng = np.random.default_rng(1000 + k)
        listener = draw_listener(rng, name=f"S{k}", n_channels=16, sfreq=64.0, snr_db=snr_db)
        recording = simulate_recording(rng, listener, n_trials=10, duration_s=60, sfreq=64.0)
        try:
            trained = fit_recording(LiveConfig(), recording)
        except DataError:  # held-out trials not above chance: no decoder is made
            n_refused += 1
            continue
        accuracies.append(trained.accuracy)
        switches = np.cumsum(rng.exponential(60.0, 60))
        switches = switches[switches < 600]
        trial = simulate_switches(rng, listener, switch_times_s=switches, duration_s=600, sfreq=64.0)
        session = Recording(listener.name, 64.0, recording.channels, (trial,))
        (found,) = Chain.offline(trained.decoder, session, first="talker_a", second="talker_b")
        p, times = np.array([d.probability for d in found]), [d.time_s for d in found]
        truth = trial.streams["attending_a"][[round(t * 64) - 1 for t in times]]
        said.append(np.maximum(p, 1 - p))
        right.append(np.where(p > 0.5, truth, 1 - truth))
        to_first = switches[1::2]  # attention starts on A: every other switch is towards it
        delays += [switch_delay(times, p, switch_s=s) for s in to_first]
    said, right = np.array(said), np.array(right)
    print(
        f"{len(said)} listeners at {snr_db:g} dB ({n_refused} more got no decoder), "
        f"{np.mean(accuracies):.2f} of 5 s windows right, 10 min each, "
        f"{said.size} decisions, attention switches once a minute:"
    )
    for low, high in ((0.5, 0.6), (0.6, 0.7), (0.7, 0.8), (0.8, 0.9), (0.9, 1.0)):
        inside = (said >= low) & (said < high)
        if not inside.any():
            continue
        off = ((right - said) * inside).sum() / inside.sum()
        by_listener = ((right - said - off) * inside).sum(axis=1)
        error = np.sqrt((by_listener**2).sum()) / inside.sum()
        print(
            f"  said {said[inside].mean():.2f}, was {right[inside].mean():.2f} +- {error:.2f} (n {inside.sum()})"
        )
    finite = [d for d in delays if np.isfinite(d)]
    print(
        f"  a switch shows after {np.median(finite):.0f} s (median of {len(delays)}, window and hop included)"
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--listeners", type=int, default=12)
    arguments = parser.parse_args()
    with threadpool_limits(1):
        cost()
        for snr_db in (-30.0, -36.0) if arguments.listeners else ():
            people(arguments.listeners, snr_db)


if __name__ == "__main__":
    main()
