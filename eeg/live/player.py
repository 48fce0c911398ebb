"""A session played to LSL as an amplifier and a sound card would send it: for trying out and for tests."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from cogattn.eeg.live.lsl import library, now_s
from cogattn.eeg.recordings.recording import Recording
from cogattn.eeg.types import FloatArray
from cogattn.errors import ConfigError, DataError

CHUNK_S = 0.05
PAUSE_S = 1.0
"""Between trials nothing is sent for so long, which the receiver must notice."""


@dataclass(frozen=True)
class Played:
    """A trial as it goes out.

    Parameters
    ----------
    name : str
        The trial.
    attended : {"first", "second"}
        Which talker the listener followed.
    eeg : array, shape (n_times, n_channels)
        As in the recording.
    sounds : array, shape (n_sound_times, 2)
        First and second talker: sounds or envelopes.
    """

    name: str
    attended: str
    eeg: FloatArray
    sounds: FloatArray


def trials_of(recording: Recording) -> list[Played]:
    """Return each trial with the envelopes of both talkers; the attended one is first in every other trial."""
    played = []
    for i, trial in enumerate(recording.trials):
        both = [recording.trials[i].streams[name] for name in ("attended", "unattended")]
        played.append(placed(i, trial.name, trial.eeg, *both))
    return played


def placed(i: int, name: str, eeg: FloatArray, attended: FloatArray, unattended: FloatArray) -> Played:
    """Return trial number `i` with its talkers in their places: attended first in every other trial."""
    n = min(len(attended), len(unattended))
    both = [attended[:n], unattended[:n]]
    return Played(name, "second" if i % 2 else "first", eeg, np.stack(both[::-1] if i % 2 else both, axis=1))


class Player:
    """Two LSL streams, ``NAME-eeg`` and ``NAME-sounds``, stamped by the sample.

    Parameters
    ----------
    sfreq, sounds_sfreq : float
        Rates in Hz.
    channels : sequence of str
        Of the EEG.
    name : str
        Begins the streams' names.
    speed : float
        How many times faster than real time the samples leave; their stamps stay those of the nominal rates.
    """

    def __init__(
        self,
        sfreq: float,
        sounds_sfreq: float,
        channels: Sequence[str],
        *,
        name: str = "cogattn",
        speed: float = 1.0,
    ) -> None:
        if not speed > 0:
            raise ConfigError(f"speed must be above 0; got {speed:g}")
        self._lsl = library()
        self._rates = (sfreq, sounds_sfreq)
        self._speed = speed
        self.names = (f"{name}-eeg", f"{name}-sounds")
        self._outlets = [
            self._outlet(self.names[0], "EEG", sfreq, channels),
            self._outlet(self.names[1], "Audio", sounds_sfreq, ("first", "second")),
        ]
        self._stop = threading.Event()

    def _outlet(self, name: str, kind: str, sfreq: float, channels: Sequence[str]):
        info = self._lsl.StreamInfo(name, kind, len(channels), sfreq, "float64", f"{name} of cogattn")
        info.set_channel_names(list(channels))
        return self._lsl.StreamOutlet(info)

    def wait(self, timeout_s: float) -> None:
        """Wait until somebody listens to both streams; DataError where nobody does in time."""
        deadline = time.monotonic() + timeout_s
        for name, outlet in zip(self.names, self._outlets, strict=True):
            while not outlet.has_consumers:
                if time.monotonic() > deadline:
                    raise DataError(f"somebody must listen to {name!r} within {timeout_s:g} s; nobody did")
                if self._stop.wait(0.02):
                    return

    def play(self, trials: Sequence[Played], *, on_trial: Callable[[Played], None] | None = None) -> None:
        """Send the trials, a pause between them; return when all are out or `stop` was called."""
        began, played_s = time.monotonic(), 0.0
        stamp_s = now_s()
        for trial in trials:
            if on_trial is not None:
                on_trial(trial)
            for eeg, sounds, until_s in self._chunks(trial):
                if self._stop.wait(max(began + (played_s + until_s) / self._speed - time.monotonic(), 0.0)):
                    return
                parts = zip(self._outlets, (eeg, sounds), (trial.eeg, trial.sounds), self._rates, strict=True)
                for outlet, part, data, rate in parts:
                    stamps = stamp_s + np.arange(part.start, part.stop) / rate
                    if stamps.size == 1:  # LSL warns of a chunk of one
                        outlet.push_sample(np.array(data[part.start], dtype=np.float64), float(stamps[0]))
                    elif stamps.size:
                        outlet.push_chunk(np.ascontiguousarray(data[part], dtype=np.float64), stamps)
            length_s = len(trial.eeg) / self._rates[0] + PAUSE_S
            played_s, stamp_s = played_s + length_s, stamp_s + length_s

    def stop(self) -> None:
        """End a `play` that runs in another thread."""
        self._stop.set()

    def close(self) -> None:
        """Take the streams off the network."""
        self._outlets = []

    def _chunks(self, trial: Played) -> Iterator[tuple[slice, slice, float]]:
        """Pieces of both streams that go out together, and when, in seconds of the trial."""
        longest_s = max(
            n / rate for n, rate in zip((len(trial.eeg), len(trial.sounds)), self._rates, strict=True)
        )
        step_s = max(CHUNK_S * max(self._speed, 1.0), 2 / min(self._rates))
        edges = np.append(np.arange(0.0, longest_s, step_s)[1:], longest_s + step_s)
        done = [0, 0]
        for until_s in edges:
            stops = [
                min(int(until_s * rate), n)
                for rate, n in zip(self._rates, (len(trial.eeg), len(trial.sounds)), strict=True)
            ]
            yield slice(done[0], stops[0]), slice(done[1], stops[1]), min(float(until_s), longest_s)
            done = stops
