"""Where cells run: in this process, or in spawned worker processes of one thread each.

Anything that is a ``concurrent.futures.Executor`` fits: `cogattn.running.execute.execute` takes a function from a
number of workers to an executor. One whose workers come and go by themselves, and that outlives the run, is a `Fleet`.

One thread, because the order in which a reduction adds up depends on the number of threads: with one thread
everywhere the stored trials are byte-identical in this process, in workers, and on resumption.
"""

from __future__ import annotations

import ctypes
import inspect
import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Callable, Generator
from concurrent.futures import Executor, Future, ProcessPoolExecutor
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, ParamSpec, Protocol, TypeVar

from cogattn.errors import ConfigError
from cogattn.running.environment import available_cpus
from cogattn.running.hardware import DEFAULT, Hardware

if TYPE_CHECKING:
    from multiprocessing.queues import SimpleQueue

_FOR_LIFE = ExitStack()
"""Holds a worker to one thread: dropped, the context would be left at once."""
_WORKER = [0]
P = ParamSpec("P")
T = TypeVar("T")
MakeExecutor = Callable[[int], Executor]
Prepare = tuple[Callable[..., object], tuple[object, ...]]
"""A function and its arguments, called in a worker before its first call."""
PR_SET_PDEATHSIG = 1
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # of glibc's mallopt
LARGE_BYTES = 2**30
GUARD = 'a script that calls cogattn needs `if __name__ == "__main__":` around its work'
"""For workers import the script, and would do that work too."""


@dataclass(frozen=True)
class Equipment:
    """What a worker of somebody else's executor needs for the calls of one execution.

    Parameters
    ----------
    token : str
        Names the execution.
    memory_mb : int, optional
        Most memory of its own that the process may have during a call.
    prepare : tuple of Prepare
        Called in each process before its first call.
    """

    token: str = ""
    memory_mb: int | None = None
    prepare: tuple[Prepare, ...] = ()


THREAD_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")


def default_workers(hardware: Hardware = DEFAULT) -> int:
    """One worker a GPU, for cells would fight for it; on a CPU a worker a processor, at most 8."""
    return min(8, available_cpus()) if hardware.device_type == "cpu" else len(hardware.devices)


def checked_workers(workers: int | None, hardware: Hardware = DEFAULT) -> int:
    """Return the number of workers, the default where none is given; raise ConfigError out of bounds."""
    if workers is not None and not 1 <= workers <= 1024:
        raise ConfigError(f"--workers must be from 1 to 1024; got {workers}")
    if workers is not None and workers < len(hardware.devices):
        raise ConfigError(f"--workers must be at least one a device, {len(hardware.devices)}; got {workers}")
    return workers or default_workers(hardware)


def worker_index() -> int:
    """Which worker of its pool this process is, from 0; 0 for a process that is none."""
    return _WORKER[-1]


@contextmanager
def numbered(number: int) -> Generator[None]:
    """Have this process be worker `number` of its host inside."""
    _WORKER.append(number)
    try:
        yield
    finally:
        _WORKER.pop()


class InlineExecutor(Executor):
    """Runs each call at once in this process."""

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Run `fn` now and return its finished future; an interrupt goes straight through."""
        future: Future[T] = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except Exception as error:  # noqa: BLE001 - a future carries whatever its call raises
            future.set_exception(error)
        return future


class SpawnPool(ProcessPoolExecutor):
    """Spawned workers of one thread each that ignore Ctrl-C and die with their driver.

    Parameters
    ----------
    workers : int
        Number of processes.
    memory_mb : int, optional
        Limit of each worker's own memory; a cell that asks for more fails with a MemoryError.
    prepare : tuple of callable and its arguments, optional
        Called in each worker before its first cell (to restore a live network).
    """

    def __init__(self, workers: int, *, memory_mb: int | None = None, prepare: Prepare | None = None) -> None:
        context = multiprocessing.get_context("spawn")
        numbers = (
            context.SimpleQueue()
        )  # a pipe: shared memory would be a file, for which a disk may have no room
        for number in range(workers):
            numbers.put(number)
        super().__init__(
            workers,
            mp_context=context,
            initializer=become_worker,
            initargs=(memory_mb, prepare, numbers),
        )

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Queue a call. Workers start here, so SIGINT is blocked meanwhile: they inherit that from birth."""
        if not hasattr(signal, "pthread_sigmask"):
            return super().submit(fn, *args, **kwargs)
        before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            return super().submit(fn, *args, **kwargs)
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)

    def kill(self) -> None:
        """End all workers at once, whatever they are doing, and wait until they are gone."""
        for process in list((self._processes or {}).values()):
            process.kill()
        self.shutdown(wait=True, cancel_futures=True)


class Engine(Protocol):
    """Where a run gets its executors from, opened for the time of the run."""

    def opened(self) -> AbstractContextManager[tuple[MakeExecutor, int]]:
        """Return a context of a function that makes executors, and how many workers there are at its beginning."""
        ...


class WorkerLost(Exception):
    """The worker of one call has died; no other call is concerned."""


class Fleet(Executor):
    """An executor of workers that come and go: one that is lost costs its own call and no other.

    Its calls fail with `WorkerLost` where a worker died. It raises StoreError where none can be had any more.
    """

    def equip(self, equipment: Equipment) -> None:
        """Say what each worker needs before its first call; called before the first `submit`."""
        raise NotImplementedError

    def seats(self) -> int:
        """How many calls may be under way at once, now."""
        raise NotImplementedError

    def end(self, future: Future[str | None]) -> None:
        """End one call that is under way, whatever it is doing; the others go on."""
        raise NotImplementedError


def refuse_importing_main() -> None:
    """End a worker that imports the script of its driver and is told to run the same study there.

    Raises
    ------
    SystemExit
        Which no ``except Exception`` of the script catches; the driver says why.
    """
    if getattr(multiprocessing.current_process(), "_inheriting", False):  # as multiprocessing itself asks
        raise SystemExit(1)


def stop_at_once(executor: Executor) -> None:
    """End an executor without waiting for calls that are under way."""
    if isinstance(executor, SpawnPool):
        executor.kill()
    elif "cancel_futures" in inspect.signature(executor.shutdown).parameters:
        executor.shutdown(wait=False, cancel_futures=True)
    else:  # Dask's takes fewer options
        executor.shutdown(wait=False)


def become_worker(
    memory_mb: int | None = None, prepare: Prepare | None = None, numbers: SimpleQueue[int] | None = None
) -> None:
    """Make this process a worker: one thread, deaf to Ctrl-C, silent on stdout, dead when its driver dies.

    `numbers` holds one for each worker of the pool, so that each knows its own.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    sys.stdout = sys.stderr
    _FOR_LIFE.enter_context(one_thread())
    keep_freed_memory()
    driver = multiprocessing.parent_process()
    if driver is not None:
        _die_with_driver()
        threading.Thread(target=_die_after, args=(driver,), daemon=True, name="die-with-driver").start()
    if memory_mb is not None:
        _limit_memory(memory_mb)
    if numbers is not None:
        _WORKER.append(numbers.get())
    if prepare is not None:
        function, arguments = prepare
        function(*arguments)


def _die_with_driver() -> None:
    """Ask Linux to kill this process when its driver dies, even inside a long call into C."""
    if sys.platform == "linux":
        with suppress(OSError, AttributeError):  # a C library without prctl: the thread below does it
            ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


def keep_freed_memory() -> None:
    """Let this process use memory again that it has freed, instead of giving it back and getting it page by page.

    Networks free and ask for megabytes at every step; for glibc's allocator each page of them is another fault, which
    may be a fifth of the time. What is kept is at most what was held at once before, in blocks of less than 1 GiB.
    """
    if sys.platform == "linux":
        with suppress(OSError, AttributeError):  # another C library
            libc = ctypes.CDLL(None)
            libc.mallopt(M_MMAP_THRESHOLD, LARGE_BYTES)
            libc.mallopt(M_TRIM_THRESHOLD, LARGE_BYTES)


def _limit_memory(memory_mb: int) -> None:
    """Limit what this process may allocate beyond what it has now; mapped libraries and files do not count."""
    try:
        import resource
    except ImportError:  # Windows
        return
    limit = memory_mb * 1_000_000
    resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))


def _die_after(driver: multiprocessing.process.BaseProcess) -> None:
    driver.join()
    os._exit(1)


@contextmanager
def one_thread() -> Generator[None]:
    """Give numerical libraries one thread, loaded before or inside; restore at the end."""
    from threadpoolctl import threadpool_limits

    variables = {name: os.environ.get(name) for name in THREAD_VARIABLES}
    os.environ.update(dict.fromkeys(THREAD_VARIABLES, "1"))
    n_torch = _set_torch_threads(1)
    try:
        with threadpool_limits(1):
            yield
    finally:
        for name, value in variables.items():
            if value is None:
                os.environ.pop(name, None)  # another thread's block may have ended meanwhile
            else:
                os.environ[name] = value
        _set_torch_threads(n_torch or int(variables["OMP_NUM_THREADS"] or available_cpus()))


def _set_torch_threads(n: int) -> int | None:
    """Set torch's threads if torch is loaded, and return how many there were."""
    torch = sys.modules.get("torch")
    if torch is None:
        return None
    before = torch.get_num_threads()
    torch.set_num_threads(n)
    return before
