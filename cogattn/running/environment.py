"""The machine and the libraries under a run: versions, processor, GPUs; torch is never imported for it."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from functools import lru_cache
from importlib import metadata
from pathlib import Path


@lru_cache(maxsize=256)
def version_of(package: str) -> str | None:
    """Installed version of a distribution, read without importing it; None where it is absent."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def git_commit(folder: Path) -> str | None:
    """Commit of the checkout at `folder`, with ``-dirty`` where files differ; None if it is none."""
    if not (folder / ".git").exists():
        return None
    command = ["git", "-C", str(folder), "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"]
    try:
        return subprocess.run(command, capture_output=True, text=True, timeout=10, check=True).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return None


@lru_cache(maxsize=1)
def cpu_name() -> str:
    """Name of the processor, as far as the system tells."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def gpu_names() -> tuple[str, ...]:
    """Names of the NVIDIA GPUs that this process may use, from the driver's files: torch is not imported."""
    if sys.platform != "linux" or os.environ.get("CUDA_VISIBLE_DEVICES") in ("", "-1"):
        return ()
    if not any(Path("/dev").glob("nvidia[0-9]*")):
        return ()
    names = []
    for path in sorted(Path("/proc/driver/nvidia/gpus").glob("*/information")):
        lines = path.read_text(errors="replace").splitlines()
        names += [line.partition(":")[2].strip() for line in lines if line.startswith("Model")]
    return tuple(names)


def sees_one_gpu() -> bool:
    """Whether whoever started this process has given it a single NVIDIA GPU, which then has the number 0."""
    shown = os.environ.get("CUDA_VISIBLE_DEVICES", "")
    return shown not in ("", "-1") and "," not in shown


def best_device() -> str:
    """``cuda`` where there is an NVIDIA GPU that torch can use, else ``cpu``; without a GPU torch is not imported."""
    if not gpu_names():
        return "cpu"
    import torch

    return "cuda" if torch.cuda.is_available() else "cpu"


def available_cpus() -> int:
    """Processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
