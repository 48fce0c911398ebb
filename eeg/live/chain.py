"""From raw EEG and sound, in chunks of any size, to decisions with a probability, in bounded memory.

`cogattn.eeg.live.front` brings EEG and envelopes to one clock, rate and band; `Chain` decodes what it gives. All of
it is causal but for looking ahead by a known time, and depends on the samples and their stamps alone: the same
samples give the same decisions whatever the chunks, and `Chain.offline` is the same code fed with a whole recording.
Around a gap, a clock that jumps, or samples that are not finite, filters start anew and the windows concerned are not
decided.

References
----------
Geirnaert et al. (2021), IEEE Signal Process. Mag. 38, 89-102.
"""

from __future__ import annotations

import math
import time
from collections.abc import Sequence

import numpy as np

from cogattn.eeg.live.delay import Delay
from cogattn.eeg.live.front import Chunk, EegSource, Front, SoundSource
from cogattn.eeg.live.model import LiveDecoder, Preprocessing
from cogattn.eeg.live.paths import Joined
from cogattn.eeg.live.timeline import GAP_S
from cogattn.eeg.live.windows import Decision, Windows
from cogattn.eeg.recordings.recording import Recording, Trial
from cogattn.eeg.types import FloatArray
from cogattn.errors import DataError


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
        self._windows = Windows(decoder)
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
