"""Dask clusters for the time of a run: a scheduler that is there, processes of this machine, jobs of a Slurm queue.

Dask is optional (``pip install "cogattn[distributed]"``) and imported where it is asked for by name. A Dask scheduler
executes what it is sent by whoever reaches it: one that we start for this machine listens on 127.0.0.1 alone, without
a dashboard; one that jobs are to reach belongs in a trusted network.
"""

from __future__ import annotations

import logging
import shutil
import tempfile
from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeVar, get_args

from cogattn.errors import ConfigError, StoreError
from cogattn.running.executors import MakeExecutor
from cogattn.running.hardware import DEFAULT, Hardware

if TYPE_CHECKING:
    from distributed import Client, SpecCluster

T = TypeVar("T")
ClusterKind = Literal["local", "slurm"]
CLUSTERS: tuple[str, ...] = get_args(ClusterKind)
PATIENCE_S = 5
"""How long a scheduler may take to answer."""
START_S = 60
INSTALL = 'pip install "cogattn[distributed]"'
LOUD = ("distributed", "tornado", "asyncio")
"""What tells a run's user of every connection that closes; what matters is told by us."""
QUEUE = "jobqueue.slurm"
HERE = "127.0.0.1"
SILENT = logging.CRITICAL + 1
DEAF = "import signal; signal.signal(signal.SIGINT, signal.SIG_IGN)"
"""Run by a worker when it starts: Ctrl-C is the driver's affair."""
NO_PAGES = {"distributed.scheduler.http.routes": [], "distributed.worker.http.routes": []}
"""Dask answers on an HTTP port even without its dashboard."""
LOST = "distributed.deploy.lost-worker-timeout"
"""So long after a worker's death Dask ends its nanny for good, if no worker of its name happens to be there at that
moment: of two deaths as far apart as Dask's own 15 s, the second would be final."""


@dataclass(frozen=True)
class DaskEngine:
    """Executors on a Dask scheduler that is connected to, or started, for the time of a run.

    Parameters
    ----------
    scheduler : str
        Address of one that is there; empty where one is started.
    cluster : {"local", "slurm"}, optional
        What is started otherwise.
    workers : int, optional
        Processes; of a scheduler that is there, the most that are used (default: all).
    hardware : Hardware
        A local worker sees its own GPU alone.
    """

    scheduler: str = ""
    cluster: ClusterKind | None = None
    workers: int | None = None
    hardware: Hardware = DEFAULT

    @contextmanager
    def opened(self) -> Generator[tuple[MakeExecutor, int]]:
        """Return a context of what makes executors, and how many workers there are or are asked for.

        Raises
        ------
        ConfigError
            If Dask is not installed, the scheduler does not answer, or the settings of the queue are not whole.
        """
        require("distributed")
        import distributed  # noqa: F401 - sets the levels of its own log when it is imported

        from cogattn.running.dask_executor import DaskExecutor

        with quiet(), ExitStack() as stack:
            client = stack.enter_context(self._client(stack))
            n_there = len(client.nthreads())
            n = self.workers if self.cluster else min(n_there, self.workers or n_there)
            yield lambda workers: DaskExecutor(client, self.workers), n or 1

    def _client(self, stack: ExitStack) -> Client:
        from distributed import Client

        if self.cluster is None:
            return connected(self.scheduler)
        start = local_cluster if self.cluster == "local" else slurm_cluster
        return Client(stack.enter_context(start(self.workers or 1, self.hardware)), timeout=START_S)


@dataclass(frozen=True)
class ClientEngine:
    """Executors on a Dask client of the user's own, which stays open.

    Parameters
    ----------
    client : distributed.Client
        Connected, and not asynchronous.
    workers : int, optional
        Most workers that are used. Default: all.
    """

    client: Client
    workers: int | None = None

    def __post_init__(self) -> None:
        if self.client.asynchronous or self.client.status != "running":
            state = "an asynchronous one" if self.client.asynchronous else f"one that is {self.client.status}"
            raise ConfigError(
                f"executor must be a Dask client that is connected and synchronous; got {state}"
            )

    @contextmanager
    def opened(self) -> Generator[tuple[MakeExecutor, int]]:
        """Return a context of what makes executors, and how many workers there are."""
        from cogattn.running.dask_executor import DaskExecutor

        try:
            n = len(self.client.nthreads())
        except Exception as error:  # what Dask raises differs with what is broken
            raise StoreError(
                f"the Dask client must be connected; got {type(error).__name__}: {str(error)[:200]}"
            ) from error
        yield lambda workers: DaskExecutor(self.client, self.workers), min(n, self.workers or n)


def require(module: str) -> None:
    """Raise ConfigError with the command that installs it where an optional package is missing."""
    import importlib.util

    if importlib.util.find_spec(module) is None:
        raise ConfigError(f"--executor dask must have {module} installed; got none; {INSTALL}")


def connected(address: str) -> Client:
    """Return a client of the scheduler at an address.

    Raises
    ------
    ConfigError
        If it does not answer within seconds.
    """
    from distributed import Client

    try:
        return Client(address, timeout=PATIENCE_S)
    except (OSError, ValueError, TypeError, RuntimeError, ImportError) as error:
        cause = str(error).partition("\n")[0].strip() or type(error).__name__
        raise ConfigError(
            f"--scheduler must be the address of a Dask scheduler that answers within {PATIENCE_S} s, as "
            f"tcp://host:8786; got {address[:80]!r}: {cause[:200]}"
        ) from error


@contextmanager
def local_cluster(workers: int, hardware: Hardware = DEFAULT) -> Generator[SpecCluster]:
    """Return a context of a cluster of so many processes, one thread each, on 127.0.0.1 alone and without a dashboard.

    Where the hardware names GPUs by number, each process is started with one of them and sees no other.
    """
    import dask
    from distributed import Nanny, Scheduler, SpecCluster

    folder = tempfile.mkdtemp(prefix="cogattn-dask-")
    shared = {"host": HERE, "dashboard_address": f"{HERE}:0", "dashboard": False}
    scheduler = {"cls": Scheduler, "options": {**shared, "port": 0}}
    worker = {**shared, "nthreads": 1, "memory_limit": 0, "local_directory": folder, "silence_logs": SILENT}
    worker["preload"] = [DEAF]
    try:
        with dask.config.set({**NO_PAGES, LOST: "30 days"}), ExitStack() as stack:
            specs = {
                number: {"cls": Nanny, "options": {**worker, "env": environment_of(number, hardware)}}
                for number in range(workers)
            }
            yield stack.enter_context(SpecCluster(specs, scheduler=scheduler, silence_logs=SILENT))
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def environment_of(number: int, hardware: Hardware) -> dict[str, str]:
    """Return the variables that a local worker starts with: its own GPU, by turns."""
    device = hardware.devices[number % len(hardware.devices)]
    gpu = device.partition(":")[2]
    return {"CUDA_VISIBLE_DEVICES": gpu} if device.startswith("cuda:") else {}


@contextmanager
def slurm_cluster(workers: int, hardware: Hardware = DEFAULT) -> Generator[SpecCluster]:
    """Return a context of a cluster whose workers are jobs of a Slurm queue, as Dask's settings say.

    Raises
    ------
    ConfigError
        If dask-jobqueue or Slurm is missing, or cores or memory of a job are not set.
    """
    require("dask_jobqueue")
    import dask
    from dask_jobqueue import SLURMCluster

    for name in ("cores", "memory"):
        if _configured(name, None) is None:
            raise ConfigError(
                f"{QUEUE}.{name} must say what a job gets, in ~/.config/dask/jobqueue.yaml or as "
                f"DASK_JOBQUEUE__SLURM__{name.upper()}; got none"
            )
    if shutil.which("sbatch") is None:
        raise ConfigError("--cluster slurm must run where sbatch is; got none on the path")
    alone = 1 if hardware.device_type == "cuda" else int(_configured("cores", 1))
    processes = int(_configured("processes", None) or alone)
    pages = {
        **NO_PAGES,
        LOST: "5 minutes",
        f"{QUEUE}.worker-extra-args": [*_configured("worker-extra-args", []), "--no-dashboard"],
    }
    scheduler = {"dashboard": False, "dashboard_address": ":0", **_configured("scheduler-options", {})}
    with (
        dask.config.set(pages),
        SLURMCluster(processes=processes, scheduler_options=scheduler, silence_logs=SILENT) as cluster,
    ):
        cluster.scale(workers)
        yield cluster


def _configured(name: str, default: T) -> T:
    """A setting of the queue, from Dask's own files and variables."""
    import dask

    found = dask.config.get(f"{QUEUE}.{name}", None)
    return default if found is None else found


@contextmanager
def quiet() -> Generator[None]:
    """Keep Dask's own log from the run's user inside."""
    known = [name for name in logging.root.manager.loggerDict if name.partition(".")[0] in LOUD]
    loggers = [logging.getLogger(name) for name in (*LOUD, *known)]  # children may have levels of their own
    before = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(SILENT)
    try:
        yield
    finally:
        for logger, level in zip(loggers, before, strict=True):  # twice where it is in both, with one level
            logger.setLevel(level)
