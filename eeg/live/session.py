"""Decode LSL streams until they end: EEG and two talkers, by name."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from cogattn.eeg.live.chain import Chain
from cogattn.eeg.live.front import EegSource, SoundSource
from cogattn.eeg.live.lsl import Inlet, now_s
from cogattn.eeg.live.model import LiveDecoder
from cogattn.eeg.live.timeline import GAP_S
from cogattn.eeg.live.windows import Decision
from cogattn.eeg.recordings.envelope import BANK_SFREQ
from cogattn.errors import DataError

POLL_S = 0.02


@dataclass(frozen=True)
class Timed:
    """A decision and how late it came.

    Parameters
    ----------
    decision : Decision
        What was decided.
    since_window_s : float
        Measured: from the window's end, by its stamp, to the decision. Lag, resampling, transport, computing.
    """

    decision: Decision
    since_window_s: float


class LiveSession:
    """A decoder on streams.

    Parameters
    ----------
    decoder : LiveDecoder
        From a file, or fitted.
    eeg : str
        Name of the EEG stream; its channels are matched by name.
    sounds : sequence of str
        Name of a stream of two talkers, or of two streams of one; sounds from 8 kHz up, else envelopes.
    timeout_s : float
        How long to wait for each stream.
    gap_s : float
        Stamps further than this from the expected time are a gap.
    on_wait : callable, optional
        Called with a sentence before waiting.
    """

    def __init__(
        self,
        decoder: LiveDecoder,
        *,
        eeg: str,
        sounds: Sequence[str],
        timeout_s: float = 10.0,
        gap_s: float = GAP_S,
        on_wait: Callable[[str], None] | None = None,
    ) -> None:
        self._inlets: list[Inlet] = []
        self.ended = ""
        try:
            for name in (eeg, *sounds):
                self._inlets.append(Inlet(name, timeout_s=timeout_s, on_wait=on_wait))
            first, *others = self._inlets
            self.chain = Chain(
                decoder,
                EegSource(first.sfreq, first.channels),
                [_source(inlet, 2 if len(sounds) == 1 else 1) for inlet in others],
                gap_s=gap_s,
            )
        except BaseException:
            self.close()
            raise

    def run(self, *, seconds: float | None = None, patience_s: float = 5.0) -> Iterator[Timed]:
        """Yield decisions until a stream has sent nothing for `patience_s`, or `seconds` have passed."""
        stop = np.inf if seconds is None else time.monotonic() + seconds
        while time.monotonic() < stop:
            eeg, *sounds = [inlet.pull() for inlet in self._inlets]
            for decision in self.chain.push(eeg, sounds):
                yield Timed(decision, now_s() - decision.stamp_s)
            silent = next((i for i in self._inlets if i.silent_s() > patience_s), None)
            if silent is not None:
                self.ended = f"stream {silent.name!r} has sent nothing for {patience_s:g} s"
                return
            if not len(eeg[0]):
                time.sleep(POLL_S)
        self.ended = f"{seconds:g} s have passed"

    def describe(self) -> list[str]:
        """Say what each stream is taken for, one line each."""
        eeg, *sounds = self._inlets
        lines = [f"EEG: {eeg.name!r}, {eeg.n_channels} channels at {eeg.sfreq:g} Hz"]
        for inlet in sounds:
            kind = _source(inlet, inlet.n_channels).kind
            lines.append(f"{kind}: {inlet.name!r}, {inlet.n_channels} at {inlet.sfreq:g} Hz")
        return lines

    def close(self) -> None:
        """Leave the streams."""
        for inlet in self._inlets:
            inlet.close()
        self._inlets = []


def _source(inlet: Inlet, n_talkers: int) -> SoundSource:
    if inlet.n_channels != n_talkers:
        raise DataError(
            f"stream {inlet.name!r} must carry {n_talkers} talker(s) when {'one' if n_talkers == 2 else 'two'} "
            f"sound stream(s) are named; it has {inlet.n_channels} channels"
        )
    return SoundSource(inlet.sfreq, "sound" if inlet.sfreq >= BANK_SFREQ else "envelope", n_talkers)
