"""Listeners, one after the other: what a decoder of attention forgets of earlier ones, and what rehearsal keeps.

A phase is a listener: simulated ones differ in how their EEG follows speech (latencies and topographies of the
response) and in where their other activity lies, so that the filter that decodes one is wrong for the next; of
recordings that are given, each listener is a phase. The decoder is the convolutional one of ``cogattn aad``
(`networks.ConvolutionalReconstructor`), which learns to reconstruct what was attended (minus Pearson's r).

An item is a window of five seconds. A quarter of a listener's trials is held out, with whatever shares a sound with
them, of whichever listener; a score is the share of their windows, which overlap nowhere, whose reconstruction follows
the attended talker more than the ignored one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from cogattn.eeg.aad.config import AadConfig, TrainingSettings
from cogattn.eeg.recordings.config import SimulatedTalkers, Source
from cogattn.eeg.recordings.files import digests, listeners
from cogattn.eeg.recordings.guessing import source_of
from cogattn.errors import ConfigError, DataError
from cogattn.measures import Measure
from cogattn.rehearsal.config import RehearsalConfig
from cogattn.rehearsal.scenario import Defaults
from cogattn.seeds import Streams

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor, nn

    from cogattn.eeg.aad.pool import Pool

    Index = NDArray[np.int64]

SIMULATED = RehearsalConfig().data
"""``data`` as it is left: listeners are simulated."""
TALKERS = SimulatedTalkers(n_trials=24, n_channels=16, snr_db=-20.0)
"""Simulated listeners: 24 min each, in less noise than real EEG has, so that what is forgotten had been known."""
N_SIMULATED, N_MOST = 5, 50
"""Listeners where nothing is said, and the most that there are."""
WINDOW_S, HOP = 5.0, 4
"""Length of a window in seconds; training windows begin every quarter of it."""
TESTED = 0.25
"""Part of each listener's trials that is held out."""
CONTEXT_S = 0.4
"""How much of the EEG after a sample the decoder sees."""


class Heard(NamedTuple):
    """Windows: EEG (n, channels, times) at unit power, and both talkers' envelopes (n, times)."""

    eeg: Tensor
    attended: Tensor
    unattended: Tensor


@dataclass(frozen=True, eq=False)
class Windows:
    """Windows of one listener's pieces of trials, cut when they are asked for.

    Parameters
    ----------
    pieces : tuple of Tensor, each (n_times, n_channels + 2)
        EEG, attended and unattended envelope, float32.
    at : array of int64, shape (n_windows, 2)
        Which piece, and where in it a window begins.
    length : int
        Samples of a window.
    """

    pieces: tuple[Tensor, ...]
    at: Index
    length: int

    def cut(self, number: int) -> Tensor:
        """Return a window, (length, n_channels + 2)."""
        piece, start = self.at[number]
        return self.pieces[piece][start : start + self.length]


@dataclass(frozen=True, eq=False)
class ListenerTasks:
    """Listeners as tasks, as `cogattn.rehearsal.scenario.Scenario` asks.

    Parameters
    ----------
    names : tuple of str
        Of the listeners, in the order in which they are met.
    train, test : tuple of Windows
        Of each.
    sfreq : float
        Rate in Hz.
    """

    names: tuple[str, ...]
    train: tuple[Windows, ...]
    test: tuple[Windows, ...]
    sfreq: float

    @property
    def sizes(self) -> tuple[int, ...]:
        """Training windows of each listener."""
        return tuple(len(windows.at) for windows in self.train)

    def batch(self, task: Index, index: Index) -> Heard:
        """Return these windows."""
        return _stacked([self.train[t].cut(i) for t, i in zip(task, index, strict=True)])

    def held_out(self, task: int) -> Heard:
        """Return a listener's test windows."""
        windows = self.test[task]
        return _stacked([windows.cut(i) for i in range(len(windows.at))])

    def learner(self, streams: Streams) -> ListenerLearner:
        """Return an untrained decoder."""
        import torch

        from cogattn.eeg.aad.networks import ConvolutionalReconstructor

        n_channels = self.train[0].pieces[0].shape[1] - 2
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(int(streams.generator("decoder").integers(2**63)))
            network = ConvolutionalReconstructor(n_channels, round(CONTEXT_S * self.sfreq))
        return ListenerLearner(network, self)


@dataclass(frozen=True, eq=False)
class ListenerLearner:
    """The decoder and what it is tested on."""

    model: nn.Module
    tasks: ListenerTasks

    def loss(self, batch: Heard) -> tuple[Tensor, Tensor]:
        """Return minus the mean correlation with what was attended, and of each window whether that is named right."""
        attended, unattended = self._correlations(batch)
        return -attended.mean(), (attended > unattended).detach().float()

    def score(self, task: int) -> tuple[float, int]:
        """Return the share of a listener's held-out windows that are named right, and how many there are."""
        attended, unattended = self._correlations(self.tasks.held_out(task))
        return float((attended > unattended).double().mean()), len(attended)

    def _correlations(self, batch: Heard) -> tuple[Tensor, Tensor]:
        """Pearson's r of the reconstruction with both talkers, each (n,)."""
        from cogattn.eeg.aad.networks import standardised

        decoded = standardised(self.model(batch.eeg))
        attended, unattended = (
            (decoded * standardised(sound)).mean(dim=-1) for sound in (batch.attended, batch.unattended)
        )
        return attended, unattended


def _stacked(windows: Sequence[Tensor]) -> Heard:
    import torch

    joined = torch.stack(list(windows))  # (n, times, channels + 2)
    return Heard(joined[..., :-2].mT.contiguous(), joined[..., -2], joined[..., -1])


class ListenerKind:
    """A decoder that meets listener after listener (``cogattn rehearsal --scenario listeners``)."""

    name = "listeners"
    about = "whom a listener attends to, decoded from EEG; a listener a phase"
    score = Measure("decoding", "share", "windows decoded right", scale="share")

    def defaults(self, config: RehearsalConfig) -> Defaults:
        """Return some simulated listeners, or all whose recordings are given."""
        n_tasks = N_SIMULATED if config.data == SIMULATED else min(len(listeners(_given(config))), N_MOST)
        return Defaults(n_tasks=n_tasks, n_new=2000, batch=32, learning_rate=3e-3)

    def check(self, config: RehearsalConfig) -> None:
        """Refuse fewer listeners than tasks, and recordings that ``cogattn aad`` would refuse."""
        if config.data == SIMULATED:
            return
        from cogattn.eeg.aad import preflight

        source = _given(config)
        there = len(listeners(source))
        for n_tasks in config.n_tasks or (self.defaults(config).n_tasks,):
            if not 2 <= n_tasks <= there:
                raise ConfigError(
                    f"n_tasks must be at least 2 and at most the listeners of data, {there}; got {n_tasks}"
                )
        preflight.check(_decoding(source, config.seed))

    def contents(self, config: RehearsalConfig) -> Mapping[str, str]:
        """Return the digests of the recordings that are given."""
        if config.data == SIMULATED:
            return {}
        source = _given(config)
        return digests(source, listeners(source))

    def relevant(self, config: RehearsalConfig) -> Mapping[str, object]:
        """Return where the recordings come from."""
        return {"data": config.data}

    def build(self, config: RehearsalConfig, *, n_tasks: int, streams: Streams) -> ListenerTasks:
        """Return `n_tasks` listeners: simulated ones of the seed's own, or recorded ones in an order of its own."""
        tasks = streams.child("tasks")
        seed = int(tasks.generator("listeners").integers(2**31))
        if config.data == SIMULATED:
            source: Source = TALKERS.model_copy(update={"n_listeners": n_tasks})
            chosen = tuple(listeners(source))
        else:
            source, seed = _given(config), config.seed
            every = listeners(source)
            order = tasks.generator("order").permutation(len(every))
            chosen = tuple(every[i] for i in order[:n_tasks])
        pool, tested = _pool(source, chosen, seed, tasks.child("held out"))
        train, test = zip(*(_split(pool, who, tested, config.n_test) for who in chosen), strict=True)
        return ListenerTasks(chosen, train, test, pool.sfreq)


def _given(config: RehearsalConfig) -> Source:
    return source_of(Path(config.data))


def _decoding(source: Source, seed: int) -> AadConfig:
    """The settings of ``cogattn aad`` for this decoder; listeners are compared, and so have the same channels."""
    return AadConfig(
        seed=seed,
        recordings=source,
        decoders=("cnn",),
        control=False,
        windows_s=(WINDOW_S,),
        validation="subject",
        training=TrainingSettings(window_s=WINDOW_S),
    )


@lru_cache(maxsize=2)
def _pool(
    source: Source, chosen: tuple[str, ...], seed: int, streams: Streams
) -> tuple[Pool, frozenset[int]]:
    """Pieces of all listeners' trials, and which of them are held out; kept from one rule's cell to the next."""
    from cogattn.eeg.aad.pool import pooled, prepared

    config = _decoding(source, seed)
    recordings = [prepared(config, who) for who in chosen]
    first = recordings[0]
    for other in recordings:
        if other.channels != first.channels:
            raise DataError(
                f"all listeners must have the same channels; got {len(other.channels)} ({other.subject}) and "
                f"{len(first.channels)} ({first.subject}), or other names"
            )
    pool = pooled(recordings, chosen[0])
    return pool, held_out_pieces(pool, streams.generator())


def held_out_pieces(pool: Pool, rng: np.random.Generator) -> frozenset[int]:
    """Pieces to test on: trials that share sounds go together, drawn until every listener has enough of them."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    n, sharing = len(pool.facts), pool.sharing or [frozenset[int]()] * len(pool.facts)
    tied = [(k, other) for pieces in pool.trials for k in pieces for other in (*sharing[k], *pieces)]
    rows, columns = np.array(tied).T
    n_groups, group = connected_components(coo_array((np.ones(len(tied)), (rows, columns)), shape=(n, n)))
    left = {fact.subject: 0.0 for fact in pool.facts}
    for pieces in pool.trials:
        left[pool.facts[pieces[0]].subject] += TESTED
    chosen = set[int]()
    for number in rng.permutation(n_groups):
        trials = [pieces for pieces in pool.trials if group[pieces[0]] == number]
        people = [pool.facts[pieces[0]].subject for pieces in trials]
        if any(left[who] > 0 for who in people):
            chosen.update(k for pieces in trials for k in pieces)
            for who in people:
                left[who] -= 1
    for who in left:
        if all(k in chosen for k, fact in enumerate(pool.facts) if fact.subject == who):
            raise DataError(
                f"data must have trials of each listener whose sounds no other trial shares; got none left to learn "
                f"from ({who})"
            )
    return frozenset(chosen)


def _split(pool: Pool, who: str, tested: frozenset[int], n_test: int) -> tuple[Windows, Windows]:
    """A listener's training windows, which overlap, and at most `n_test` held-out ones, which do not."""
    import torch

    own = [k for k, fact in enumerate(pool.facts) if fact.subject == who]
    power = np.mean([np.mean(pool.eeg[k] ** 2) for k in own if k not in tested]) ** 0.5
    columns = [(pool.eeg[k] / power, pool.attended[k], pool.unattended[k]) for k in own]
    pieces = tuple(torch.from_numpy(np.column_stack(parts)).float() for parts in columns)
    length = round(WINDOW_S * pool.sfreq)

    def at(held_out: bool, hop: int) -> Index:
        starts = [
            (i, start)
            for i, k in enumerate(own)
            if (k in tested) == held_out
            for start in range(0, len(pieces[i]) - length + 1, hop)
        ]
        if not starts:
            raise DataError(
                f"data must have trials of {WINDOW_S:g} s or longer on both sides; got none ({who})"
            )
        return np.array(starts, dtype=np.int64)

    test = at(True, length)
    shown = np.linspace(0, len(test) - 1, min(n_test, len(test))).round().astype(np.int64)
    return Windows(pieces, at(False, length // HOP), length), Windows(pieces, test[shown], length)


LISTENERS = ListenerKind()
"""The kind, as the entry point names it."""
