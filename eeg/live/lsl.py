"""Streams of the lab streaming layer (LSL): found by name, read with their stamps; the extra ``live``.

LSL is a protocol for a trusted local network: no one is asked who they are and nothing is encrypted.
"""

from __future__ import annotations

import platform
import time
from collections.abc import Callable
from importlib import import_module
from types import ModuleType

import numpy as np

from cogattn.eeg.types import FloatArray
from cogattn.errors import ConfigError, DataError

CORRECTION_EVERY_S = 5.0
_AT_ONCE = 4096
_QUIET = "[log]\nlevel = -3\n"  # the library's own chatter on stderr, fatal errors excepted


def library() -> ModuleType:
    """Return ``mne_lsl.lsl``; ConfigError where the extra ``live`` is not installed."""
    try:
        lsl = import_module("mne_lsl.lsl")
    except ImportError:
        raise ConfigError(
            "live streams must be readable; got no mne-lsl; install it with: pip install 'cogattn[live]'"
        ) from None
    global _QUIET
    if _QUIET and hasattr(lsl, "set_config_content"):
        lsl.set_config_content(_QUIET)
        _QUIET = ""
    return lsl


class Inlet:
    """A numeric stream of fixed rate, read without waiting.

    Parameters
    ----------
    name : str
        The stream's LSL name.
    timeout_s : float
        How long to wait for the stream to appear.
    on_wait : callable, optional
        Called with a sentence before waiting.

    Raises
    ------
    DataError
        If it does not appear, has no fixed rate or does not carry numbers.
    """

    def __init__(
        self, name: str, *, timeout_s: float = 10.0, on_wait: Callable[[str], None] | None = None
    ) -> None:
        lsl = library()
        info = _found(lsl, name, timeout_s, on_wait)
        if not info.sfreq > 0 or info.dtype == "string":
            raise DataError(f"stream {name!r} must carry numbers at a fixed rate; it does not")
        self.name, self.sfreq, self.n_channels = name, float(info.sfreq), int(info.n_channels)
        self._inlet = lsl.StreamInlet(info, max_buffered=120)
        self._inlet.open_stream(timeout=timeout_s)
        names = self._inlet.get_sinfo(timeout=timeout_s).get_channel_names()
        self.channels = tuple(names or (f"{i + 1}" for i in range(self.n_channels)))
        self._is_local = info.hostname == platform.node()  # one clock for all streams of this machine
        self._correction_s, self._corrected = 0.0, -np.inf
        self.last_arrival = time.monotonic()

    def pull(self) -> tuple[FloatArray, FloatArray]:
        """Return what has come: samples (n_times, n_channels) and stamps on this machine's LSL clock."""
        rows, stamps = [], []
        while True:
            samples, times = self._inlet.pull_chunk(timeout=0.0, max_samples=_AT_ONCE)
            if len(times):
                rows.append(np.array(samples, dtype=np.float64))
                stamps.append(np.array(times))
            if len(times) < _AT_ONCE:
                break
        if not rows:
            return np.zeros((0, self.n_channels)), np.zeros(0)
        self.last_arrival = time.monotonic()
        return np.concatenate(rows), np.concatenate(stamps) + self._correction()

    def silent_s(self) -> float:
        """Seconds since something came."""
        return time.monotonic() - self.last_arrival

    def close(self) -> None:
        """Leave the stream."""
        self._inlet.close_stream()

    def _correction(self) -> float:
        """What to add to the stamps of another machine; LSL measures it again every few seconds."""
        if not self._is_local and time.monotonic() - self._corrected > CORRECTION_EVERY_S:
            self._correction_s = float(self._inlet.time_correction(timeout=CORRECTION_EVERY_S))
            self._corrected = time.monotonic()
        return self._correction_s


def now_s() -> float:
    """Return the time on this machine's LSL clock."""
    return float(library().local_clock())


def _found(lsl: ModuleType, name: str, timeout_s: float, on_wait: Callable[[str], None] | None):
    """Description of the stream of this name, waited for."""
    deadline = time.monotonic() + timeout_s
    first = True
    while True:
        left = deadline - time.monotonic()
        found = lsl.resolve_streams(timeout=max(min(left, 1.0), 0.2), name=name, minimum=1)
        if found:
            return found[0]
        if left <= 0:
            raise DataError(
                f"stream {name!r} must appear on the network within {timeout_s:g} s; it did not "
                "(is the sender on, in the same network, and not behind a firewall?)"
            )
        if first and on_wait is not None:
            on_wait(f"waiting for stream {name!r}, up to {timeout_s:g} s")
        first = False
