"""An executor that an installed package could announce; tests announce it under ``cogattn.executors``."""

from __future__ import annotations

from concurrent.futures import Executor, ThreadPoolExecutor

MADE: list[int] = []


def threads(workers: int) -> Executor:
    MADE.append(workers)
    return ThreadPoolExecutor(workers)


def broken(workers: int) -> Executor:
    raise OSError("no queue")


def no_executor(workers: int) -> object:
    return object()
