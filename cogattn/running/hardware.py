"""What cells compute on: the device, the precision, images at once, threads that load ahead.

Settings of the execution and of no study: whatever a study asks, one machine answers on a processor and another on
eight GPUs. They are recorded with a run, and name a cell as far as they can change a number (`Hardware.kind`): the
kind of device, a precision other than float32, and images at once other than the device's default, because the order
in which a matrix product adds up hangs on its shape. Networks take them from `current`. No torch is imported here
before a device is asked for by name.
"""

from __future__ import annotations

import re
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Literal, cast, get_args

from cogattn.errors import ConfigError
from cogattn.running.environment import available_cpus, best_device, sees_one_gpu

Precision = Literal["fp32", "tf32", "bf16", "fp16"]
DEVICE = re.compile(r"auto|cpu|mps|cuda(:\d+)?")
CPU_BATCH, GPU_BATCH = 4, 256
"""Images at once: on a CPU larger activations are allocated anew in every layer (64: a third of the speed)."""
MAX_BATCH, MAX_LOADERS = 65_536, 256
GPU_LOADERS = 8
"""Most threads that load ahead of a GPU by default; a CPU has one, which takes the time of the network's own."""


@dataclass(frozen=True)
class Hardware:
    """What an execution, or one of its workers, computes on.

    Parameters
    ----------
    devices : tuple of str
        ``cpu``, ``mps``, ``cuda`` or ``cuda:N``, of one kind, that workers take by turns; ``auto`` is a GPU where there
        is one.
    precision : {"fp32", "tf32", "bf16", "fp16"}
        Of networks' layers; weights stay float32. All but ``fp32`` are `torch.autocast`, or TensorFloat-32 products.
    batch : int, optional
        Images that a network takes at once. Default: `CPU_BATCH` or `GPU_BATCH`.
    loaders : int, optional
        Threads that decode images and make stimuli ahead of a network. Default: 1 on a CPU, up to `GPU_LOADERS` else.
    """

    devices: tuple[str, ...] = ("auto",)
    precision: Precision = "fp32"
    batch: int | None = None
    loaders: int | None = None

    @property
    def device(self) -> str:
        """The first device by torch's name."""
        return best_device() if self.devices[0] == "auto" else self.devices[0]

    @property
    def device_type(self) -> str:
        """``cpu``, ``cuda`` or ``mps``."""
        return self.device.partition(":")[0]

    @property
    def kind(self) -> str:
        """All that can change a number: ``cpu``, ``cuda bf16``, ``cpu batch 64``."""
        words = [self.device_type]
        words += [self.precision] if self.precision != "fp32" else []
        words += [f"batch {self.batch}"] if self.batch not in (None, default_batch(self.device_type)) else []
        return " ".join(words)

    @property
    def images_at_once(self) -> int:
        """Images that a network takes at once."""
        return self.batch or default_batch(self.device_type)

    @property
    def threads_ahead(self) -> int:
        """Threads that load ahead of a network."""
        if self.loaders is not None:
            return self.loaders
        return (
            1
            if self.device_type == "cpu"
            else max(1, min(GPU_LOADERS, available_cpus() // len(self.devices)))
        )

    def of_worker(self, index: int) -> Hardware:
        """Return what worker `index` computes on: one device, by turns, and no longer ``auto``.

        A process that sees a single GPU computes on that one, whatever its number is elsewhere.
        """
        name = self.named().devices[index % len(self.devices)]
        return replace(self, devices=("cuda:0" if name.startswith("cuda:") and sees_one_gpu() else name,))

    def named(self) -> Hardware:
        """Return the same without ``auto``: a process elsewhere would take it for something else."""
        return replace(self, devices=(self.device,)) if self.devices == ("auto",) else self


DEFAULT = Hardware()
"""A GPU where there is one, float32, as many images at once as are best there."""


def checked_hardware(
    devices: Sequence[str] | None = None,
    *,
    batch: int | None = None,
    precision: str | None = None,
    loaders: int | None = None,
    elsewhere: bool = False,
) -> Hardware:
    """Return the hardware that flags name; `elsewhere`, other machines must have it, which are asked later.

    Raises
    ------
    ConfigError
        If a device has no such name or is not there, devices are of several kinds, or a number is out of bounds.
    """
    wanted = tuple(devices or ("auto",))
    for name in wanted:
        if not DEVICE.fullmatch(name):
            raise ConfigError(f"--device must be auto, cpu, cuda, cuda:N or mps; got {name[:40]!r}")
    if len(set(wanted)) < len(wanted) or len({name.partition(":")[0] for name in wanted}) > 1:
        raise ConfigError(f"--device must name different devices of one kind; got {' '.join(wanted)}")
    if len(wanted) > 1 and not all(":" in name for name in wanted):
        raise ConfigError(f"--device must name each of several devices by its number; got {' '.join(wanted)}")
    for flag, number, most in (("--batch", batch, MAX_BATCH), ("--loaders", loaders, MAX_LOADERS)):
        if number is not None and not 1 <= number <= most:
            raise ConfigError(f"{flag} must be from 1 to {most}; got {number}")
    if precision is not None and precision not in get_args(Precision):
        raise ConfigError(f"--precision must be {', '.join(get_args(Precision))}; got {precision[:40]!r}")
    for name in wanted if not elsewhere else ():
        _refuse_absent(name)
    hardware = Hardware(wanted, cast(Precision, precision or "fp32"), batch, loaders)
    if hardware.precision == "tf32" and hardware.device_type != "cuda":
        raise ConfigError(f"--precision tf32 must be of an NVIDIA GPU; got the device {hardware.device}")
    return hardware


def default_batch(device_type: str) -> int:
    """Images that a network takes at once where nobody says how many."""
    return CPU_BATCH if device_type == "cpu" else GPU_BATCH


def current() -> Hardware:
    """Return what this process computes on."""
    return _in_force[-1]


@contextmanager
def using(hardware: Hardware) -> Generator[None]:
    """Have the process compute on `hardware` inside."""
    _in_force.append(hardware)
    try:
        yield
    finally:
        _in_force.pop()


_in_force: list[Hardware] = [DEFAULT]


def _refuse_absent(name: str) -> None:
    """Raise ConfigError unless the machine has the device; torch is asked, for the driver's files tell too little."""
    if name in ("auto", "cpu"):
        return
    import torch

    if name == "mps":
        if not torch.backends.mps.is_available():
            raise ConfigError(
                "--device must be one that this machine has; got mps, and torch finds no Apple GPU"
            )
        return
    n = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if int(name.partition(":")[2] or 0) >= n:
        found = f"cuda:0 to cuda:{n - 1}" if n > 1 else "cuda:0" if n else "no NVIDIA GPU"
        raise ConfigError(f"--device must be one that this machine has; got {name}, and torch finds {found}")
