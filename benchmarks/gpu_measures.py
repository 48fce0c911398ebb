"""What ``gpu.py`` measures of a step on a GPU: time, spread, memory, waiting, clocks; each runs without one, too."""

from __future__ import annotations

import shutil
import statistics
import subprocess
from collections.abc import Callable, Mapping

import torch
import triton
from torch._dynamo.exc import TorchDynamoException

DEVICE = "cuda" if torch.cuda.is_available() else "cpu"
REPEATS = 3  # times that all steps are timed, by turns
REFUSALS = (
    RuntimeError, TypeError, ValueError, AssertionError, TorchDynamoException,
    triton.TritonError,
)  # fmt: skip


def reason(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}".splitlines()[0][:200]


def milliseconds(step: Callable[[], object]) -> float:
    return float(triton.testing.do_bench(step, warmup=20, rep=100, return_mode="median"))


def by_turns(steps: Mapping[str, Callable[[], object]]) -> dict[str, dict[str, float]]:
    """Median time of each step in ms, and the range of the repeats as part of it."""
    times: dict[str, list[float]] = {name: [] for name in steps}
    for _ in range(REPEATS):
        for name, step in steps.items():
            times[name].append(milliseconds(step))
    middle = {name: statistics.median(found) for name, found in times.items()}
    return {
        name: {"ms": middle[name], "spread": (max(found) - min(found)) / middle[name]}
        for name, found in times.items()
    }


def peak_mb(step: Callable[[], object]) -> float | None:
    """Memory that a step takes at its peak beside what is held before."""
    if DEVICE != "cuda":
        return None
    torch.cuda.synchronize()
    torch.cuda.reset_peak_memory_stats()
    before = torch.cuda.memory_allocated()
    step()
    torch.cuda.synchronize()
    return (torch.cuda.max_memory_allocated() - before) / 2**20


def graph_ms(step: Callable[[], object]) -> float:
    """Time of a step that a CUDA graph replays: that of the kernels alone."""
    return float(triton.testing.do_bench_cudagraph(step, rep=50, return_mode="median"))


def waits(step: Callable[[], object]) -> str:
    """What in a step makes the host wait for the GPU, or ``""``."""
    if DEVICE != "cuda":
        return ""
    torch.cuda.set_sync_debug_mode("error")
    try:
        step()
    except RuntimeError as error:
        return reason(error)
    finally:
        torch.cuda.set_sync_debug_mode("default")
    return ""


def clocks() -> str | None:
    """Clock, power, temperature and reasons for slowing down, as nvidia-smi tells them."""
    if shutil.which("nvidia-smi") is None:
        return None
    query = "clocks.sm,clocks.mem,power.draw,temperature.gpu,clocks_throttle_reasons.active"
    command = ["nvidia-smi", f"--query-gpu={query}", "--format=csv,noheader"]
    told = subprocess.run(command, capture_output=True, text=True, check=False)
    return told.stdout.strip() or told.stderr.strip()
