"""EEG and sounds, in chunks of any size, to one clock, one rate and one band, side by side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from cogattn.eeg.live.model import Preprocessing
from cogattn.eeg.live.paths import EegPath, Joined, SoundKind, SoundPath
from cogattn.eeg.live.timeline import GAP_S, Stretch
from cogattn.eeg.types import FloatArray
from cogattn.errors import DataError

Chunk = tuple[FloatArray, FloatArray | None]
"""Samples (n_times, n_columns) and their stamps in seconds (n_times,); None for the nominal ones."""


@dataclass(frozen=True)
class EegSource:
    """An EEG stream: rate in Hz and the names of its channels in column order."""

    sfreq: float
    channels: tuple[str, ...]


@dataclass(frozen=True)
class SoundSource:
    """A stream of sounds or of envelopes: rate in Hz, kind, and how many talkers it carries (1 or 2)."""

    sfreq: float
    kind: SoundKind = "envelope"
    n_talkers: int = 2


class Front:
    """EEG and envelopes at the decoder's rate, in its band, side by side on one clock.

    Parameters
    ----------
    preprocessing : Preprocessing
        What the decoder wants.
    eeg : EegSource
        The EEG stream.
    sounds : sequence of SoundSource
        One stream of two talkers, or two of one.
    gap_s : float
        Stamps further than this from the expected time are a gap.
    """

    def __init__(
        self,
        preprocessing: Preprocessing,
        eeg: EegSource,
        sounds: Sequence[SoundSource],
        *,
        gap_s: float = GAP_S,
    ) -> None:
        if sum(source.n_talkers for source in sounds) != 2 or min(s.n_talkers for s in sounds) < 1:
            raise DataError(
                "sounds must be one stream of two talkers or two of one; "
                f"got {[source.n_talkers for source in sounds]}"
            )
        self.eeg = EegPath(eeg.sfreq, eeg.channels, preprocessing, gap_s=gap_s)
        names = ["sound"] if len(sounds) == 1 else ["first sound", "second sound"]
        self.sounds = [
            SoundPath(source.sfreq, source.kind, preprocessing, name=name, gap_s=gap_s)
            for source, name in zip(sounds, names, strict=True)
        ]
        self._pre = preprocessing
        self._waiting: list[Stretch] = []
        self._reason = ""
        self._broken = True
        self._filter = preprocessing.band_pass()

    @property
    def memory_bytes(self) -> int:
        """Bytes held between chunks."""
        waiting = sum(stretch.rows.nbytes for stretch in self._waiting)
        return waiting + self.eeg.memory_bytes + sum(path.memory_bytes for path in self.sounds)

    def push(self, eeg: Chunk | None, sounds: Sequence[Chunk | None]) -> list[Joined]:
        """Take what has come of each stream; return what is complete of all."""
        for path, chunk in zip(self.sounds, sounds, strict=True):
            if chunk is not None:
                path.push(*chunk)
        if eeg is not None:
            self._waiting += [s for s in self.eeg.push(*eeg) if s.fresh or len(s.rows)]
        return list(self._joined())

    def _joined(self) -> list[Joined]:
        done: list[Joined] = []
        while self._waiting:
            stretch = self._waiting[0]
            if stretch.fresh:
                self._break(stretch.reason)
                stretch = self._waiting[0] = replace(stretch, fresh=False)
            if not len(stretch.rows):
                self._waiting.pop(0)
                continue
            states = [path.state_at(float(stretch.times_s[0])) for path in self.sounds]
            missing = [state for state in states if state.is_ == "never"]
            if missing:
                longest = max(missing, key=lambda state: state.until_s)
                self._break(longest.reason)
                self._waiting[0] = _from(stretch, int(np.searchsorted(stretch.times_s, longest.until_s)))
                continue
            if any(state.is_ == "later" for state in states):
                break
            until_s = min(state.until_s for state in states)
            n = int(np.searchsorted(stretch.times_s, until_s, side="right"))
            done.append(self._together(stretch.rows[:n], stretch.times_s[:n]))
            self._waiting[0] = _from(stretch, n)
        return done

    def _break(self, reason: str) -> None:
        self._broken = True
        self._reason = reason or self._reason

    def _together(self, eeg: FloatArray, times_s: FloatArray) -> Joined:
        envelopes = [path.at(times_s) for path in self.sounds]
        for path in self.sounds:
            path.forget(float(times_s[-1]))
        fresh, reason = self._broken, self._reason
        if fresh:
            self._filter = self._pre.band_pass()
            self._broken, self._reason = False, ""
        rows = self._filter.push(np.concatenate([eeg, *envelopes], axis=1))
        return Joined(rows, times_s, fresh, reason)


def _from(stretch: Stretch, n: int) -> Stretch:
    return replace(stretch, rows=stretch.rows[n:], times_s=stretch.times_s[n:])
