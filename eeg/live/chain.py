"""From raw EEG and sound, in chunks of any size, to decisions with a probability, in bounded memory.

`Front` brings EEG and envelopes to one clock, rate and band; `Chain` decodes what it gives. All of it is causal
but for looking ahead by a known time, and depends on the samples and their stamps alone: the same samples give the
same decisions whatever the chunks, and `Chain.offline` is the same code fed with a whole recording. Around a gap,
a clock that jumps, or samples that are not finite, filters start anew and the windows concerned are not decided.

References
----------
Geirnaert et al. (2021), IEEE Signal Process. Mag. 38, 89-102.
"""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from cogattn.eeg.live.delay import Delay
from cogattn.eeg.live.model import LiveDecoder, Preprocessing
from cogattn.eeg.live.paths import EegPath, Joined, SoundKind, SoundPath
from cogattn.eeg.live.switches import window_correlations
from cogattn.eeg.live.timeline import GAP_S, Stretch
from cogattn.eeg.recordings.recording import Recording, Trial
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


@dataclass(frozen=True)
class Decision:
    """State of the decision at one hop.

    Parameters
    ----------
    time_s : float
        End of the window in the stimulus, seconds from the first sample that EEG and sounds share.
    r_first, r_second : float
        Correlation of the reconstruction with either talker in the window; NaN where nothing was decided.
    probability : float
        Of attending the first talker, given everything so far; NaN where nothing was decided.
    stamp_s : float
        The same end on the clock of the stamps.
    reason : str
        Why nothing was decided; empty where something was.
    """

    time_s: float
    r_first: float
    r_second: float
    probability: float
    stamp_s: float
    reason: str = ""

    @property
    def decided(self) -> bool:
        """Whether the window was whole."""
        return not self.reason


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


class Chain:
    """EEG and two sounds in, decisions out.

    Parameters
    ----------
    decoder : LiveDecoder
        Fitted on what `Front` gives.
    eeg : EegSource
        The EEG stream; its channels are matched to the decoder's by name.
    sounds : sequence of SoundSource
        One stream of two talkers, or two of one: the first talker, then the second.
    gap_s : float
        Stamps further than this from the expected time are a gap.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> talkers = rng.random((640, 2))  # ten seconds of two envelopes
    >>> eeg = talkers @ [[1, -1], [0.1, 0.1]]  # follows the first
    >>> decoder = LiveDecoder(np.array([[1.0, -1.0]]), 0, 0, Preprocessing(("Cz", "Pz"), "none"), hop_s=2.0)
    >>> chain = Chain(decoder, EegSource(64.0, ("Pz", "Cz")), [SoundSource(64.0)])
    >>> for part in np.split(np.arange(640), 10):
    ...     for decision in chain.push((eeg[part, ::-1], None), [(talkers[part], None)]):
    ...         print(decision.time_s, decision.probability, round(decision.r_first, 3))
    7.0 1.0 1.0
    9.0 1.0 1.0
    """

    def __init__(
        self,
        decoder: LiveDecoder,
        eeg: EegSource,
        sounds: Sequence[SoundSource],
        *,
        gap_s: float = GAP_S,
    ) -> None:
        self.front = Front(decoder.preprocessing, eeg, sounds, gap_s=gap_s)
        self._decoder = decoder
        self._windows = _Windows(decoder)
        self._computing_s: list[float] = []
        self._has_eeg = np.zeros((0, len(decoder.preprocessing.channels)))
        self._has_sounds = np.zeros((0, 3))
        self._row = 0  # the grid's number of the next row to be decoded
        self._start_s = math.nan

    @property
    def delay(self) -> Delay:
        """How late a decision comes; its computing time is the median of the calls that brought one."""
        ahead_of_sound = max(path.lookahead_s for path in self.front.sounds) - self._decoder.tmax_s
        pre = self._decoder.preprocessing
        return Delay(
            lag_s=self._decoder.tmax_s,
            resampling_s=max(self.front.eeg.lookahead_s, ahead_of_sound),
            filter_s=pre.band_pass().delay_s,
            hop_s=self._decoder.hop_s / 2,
            computing_s=float(np.median(self._computing_s)) if self._computing_s else 0.0,
            window_s=self._decoder.window_s,
        )

    @property
    def memory_bytes(self) -> int:
        """Bytes held between chunks."""
        return self.front.memory_bytes + self._has_eeg.nbytes + self._has_sounds.nbytes + self._windows.nbytes

    def push(self, eeg: Chunk | None, sounds: Sequence[Chunk | None]) -> list[Decision]:
        """Take what has come of each stream (None: nothing); return the decisions now due."""
        started = time.perf_counter()
        decisions: list[Decision] = []
        for joined in self.front.push(eeg, sounds):
            decisions += self._decoded(joined)
        if decisions:
            self._computing_s = [*self._computing_s[-999:], time.perf_counter() - started]
        return decisions

    @classmethod
    def offline(
        cls,
        decoder: LiveDecoder,
        recording: Recording,
        *,
        first: str = "attended",
        second: str = "unattended",
    ) -> list[list[Decision]]:
        """Run the chain over each trial of a recording that has not been filtered, in one piece.

        Parameters
        ----------
        decoder : LiveDecoder
            As above.
        recording : Recording
            Its streams are envelopes at its own rate.
        first, second : str
            Names of the streams.
        """
        source = EegSource(recording.sfreq, recording.channels)
        return [
            cls(decoder, source, [SoundSource(recording.sfreq)]).push(*_whole(trial, first, second))
            for trial in recording.trials
        ]

    def _decoded(self, joined: Joined) -> list[Decision]:
        """Decode the rows whose lags are complete and hand them to the windows."""
        decisions: list[Decision] = []
        if joined.fresh:
            decisions = self._restart(joined)
        n_channels = self._has_eeg.shape[1]
        self._has_eeg = np.concatenate([self._has_eeg, joined.rows[:, :n_channels]])
        beside = np.column_stack([joined.rows[:, n_channels:], joined.times_s])
        self._has_sounds = np.concatenate([self._has_sounds, beside])
        first, last = self._decoder.lags
        n = max(len(self._has_eeg) - last, 0)
        if not n:
            return decisions
        decoded = np.zeros(n)
        for i, weights in enumerate(self._decoder.weights, start=first):
            decoded += self._has_eeg[i : i + n] @ weights
        rows = np.column_stack([decoded, self._has_sounds[:n]])
        self._has_eeg, self._has_sounds = self._has_eeg[n:], self._has_sounds[n:]
        self._row += n
        return decisions + self._windows.push(rows)

    def _restart(self, joined: Joined) -> list[Decision]:
        """Forget what was before a gap; windows that end within it are due, undecided."""
        self._has_eeg, self._has_sounds = self._has_eeg[:0], self._has_sounds[:0]
        if math.isnan(self._start_s):
            self._start_s = float(joined.times_s[0])
        sfreq = self._decoder.preprocessing.sfreq
        self._row = max(self._row, round((float(joined.times_s[0]) - self._start_s) * sfreq))
        return self._windows.restart(self._row, float(joined.times_s[0]), joined.reason)


class _Windows:
    """Correlations in windows that end at every hop, and the probability of who is attended."""

    def __init__(self, decoder: LiveDecoder) -> None:
        self._decoder = decoder
        sfreq, n_hop = decoder.preprocessing.sfreq, decoder.n_hop
        self._n_settling = math.ceil(decoder.preprocessing.band_pass().settling_s * sfreq)
        self._rows = np.zeros((0, 4))  # reconstruction, first, second, stamp
        self._first = 0  # the grid's number of the first row held
        self._settling = self._n_settling
        self._next_end = decoder.n_window + math.ceil(self._n_settling / n_hop) * n_hop
        self._log_odds, self._reason = 0.0, ""
        self._skipped = 0

    @property
    def nbytes(self) -> int:
        return self._rows.nbytes

    def restart(self, row: int, stamp_s: float, reason: str) -> list[Decision]:
        """Go on at the grid's `row` after a break."""
        self._reason = reason or "the streams began"
        out = []
        while self._next_end <= row:
            end = self._next_end
            out.append(self._undecided(stamp_s - (row - end) / self._decoder.preprocessing.sfreq))
        self._rows, self._first, self._settling = self._rows[:0], row, self._n_settling
        return out

    def push(self, rows: FloatArray) -> list[Decision]:
        n = min(self._settling, len(rows))
        self._settling, self._first = self._settling - n, self._first + n
        settling, rows = rows[:n], rows[n:]
        out = []
        while self._next_end <= self._first:
            out.append(self._undecided(float(settling[self._next_end - self._first - 1 + n, 3])))
        self._rows = np.concatenate([self._rows, rows])
        while self._next_end <= self._first + len(self._rows):
            stop = self._next_end - self._first
            if stop >= self._decoder.n_window:
                out.append(self._decide(self._rows[stop - self._decoder.n_window : stop]))
            else:
                out.append(self._undecided(float(self._rows[stop - 1, 3])))
        drop = self._next_end - self._decoder.n_window - self._first
        if drop > 0:
            self._rows, self._first = self._rows[drop:].copy(), self._first + min(drop, len(self._rows))
        return out

    def _time_s(self) -> float:
        return self._next_end / self._decoder.preprocessing.sfreq

    def _undecided(self, stamp_s: float) -> Decision:
        time_s = self._time_s()
        self._next_end += self._decoder.n_hop
        if self._decoder.switches is not None:
            self._log_odds = self._decoder.switches.update(self._log_odds, None)
        return Decision(time_s, math.nan, math.nan, math.nan, stamp_s, self._reason)

    def _decide(self, rows: FloatArray) -> Decision:
        time_s = self._time_s()
        self._next_end += self._decoder.n_hop
        ((first, second),) = window_correlations(rows[:, 0], rows[:, 1:3], [len(rows)], len(rows))
        margin = float(first - second)
        probability = 0.5 + 0.5 * float(np.sign(margin))
        if self._decoder.switches is not None:
            self._log_odds = self._decoder.switches.update(self._log_odds, margin)
            probability = self._decoder.switches.probability(self._log_odds)
        return Decision(time_s, float(first), float(second), probability, float(rows[-1, 3]))


def features(
    preprocessing: Preprocessing, recording: Recording, *, first: str = "attended", second: str = "unattended"
) -> list[tuple[FloatArray, FloatArray, FloatArray]]:
    """What `Front` makes of each trial: EEG (n_times, n_channels), first and second envelope, settled.

    Decoders for `Chain` are fitted on this.
    """
    source = EegSource(recording.sfreq, recording.channels)
    n_settling = math.ceil(preprocessing.band_pass().settling_s * preprocessing.sfreq)
    out = []
    for trial in recording.trials:
        front = Front(preprocessing, source, [SoundSource(recording.sfreq)])
        parts = [joined.rows for joined in front.push(*_whole(trial, first, second))]
        rows = np.concatenate(parts)[n_settling:] if parts else np.zeros((0, 0))
        if len(rows) < 2:
            raise DataError(
                f"a trial must outlast the filter's {n_settling / preprocessing.sfreq:.3g} s "
                f"(subject {recording.subject}, {trial.name})"
            )
        out.append((rows[:, :-2], rows[:, -2], rows[:, -1]))
    return out


def _whole(trial: Trial, first: str, second: str) -> tuple[Chunk, list[Chunk]]:
    streams = np.stack([trial.streams[first], trial.streams[second]], axis=1)
    return (trial.eeg, None), [(streams, None)]
