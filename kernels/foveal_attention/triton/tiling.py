"""Tile sizes of the kernels, and into how many programs the keys of a block of queries are split.

Chosen from compiled sm_90 code: the largest tiles that neither spill nor exceed shared memory where most blocks are
kept; where few are, tiles of 64, of which fewer lie across the radius.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import torch
import triton

Kernel = Literal["forward", "query_side", "key_side"]

SPARSE = 0.5  # fraction of blocks kept below which small tiles pay
PROGRAMS_PER_PROCESSOR = 4  # that keep a GPU busy with small tiles
BLOCKS_PER_SPLIT = 4  # of keys, at least: fewer would not pay for the merge
MAX_SPLITS = 32


@dataclass(frozen=True)
class Tiling:
    """Block of queries, block of keys, warps and pipeline stages of a kernel."""

    queries: int
    keys: int
    warps: int
    stages: int


def tiling(
    kernel: Kernel,
    dim: int,
    dtype: torch.dtype,
    n_queries: int,
    *,
    kept: float = 1.0,
    learns_position: bool = False,
) -> Tiling:
    """Tile sizes at head dimension `dim` (padded), where the fraction `kept` of the blocks is visited."""
    wide = dim > 64
    if dtype == torch.float32:
        table = _of_float32(kernel, wide)
    else:
        table = _of_half(kernel, wide, kept < SPARSE, learns_position)
    return _of_few_queries(kernel, table, n_queries) if n_queries <= table.queries // 2 else table


def _of_few_queries(kernel: Kernel, table: Tiling, n_queries: int) -> Tiling:
    queries = max(16, triton.next_power_of_2(n_queries))
    warps = 2 if kernel != "key_side" and queries == 16 else 4
    return Tiling(queries, table.keys, warps, table.stages)


def _of_float32(kernel: Kernel, wide: bool) -> Tiling:
    """Multiplied without tensor cores, from registers."""
    if wide:
        return Tiling(32, 32, 8, 2)
    return Tiling(64, 32, 4, 2) if kernel == "forward" else Tiling(32, 32, 4, 2)


def _of_half(kernel: Kernel, wide: bool, sparse: bool, learns_position: bool) -> Tiling:
    if kernel == "forward":
        return Tiling(64, 64, 4, 3) if sparse else Tiling(128, 64, 8, 3)
    if kernel == "query_side":
        return Tiling(64, 32, 4, 2) if sparse or wide else Tiling(128, 32, 8, 2)
    return Tiling(32 if wide or learns_position else 64, 64, 4, 2)


def splits(tile: Tiling, n_keys: int, kept: float, n_programs: int, n_processors: int) -> int:
    """Programs that share the keys of a block of queries, a power of two: so many that no processor is idle."""
    wanted = PROGRAMS_PER_PROCESSOR * n_processors // n_programs
    worthwhile = int(kept * triton.cdiv(n_keys, tile.keys)) // BLOCKS_PER_SPLIT
    most = max(1, min(wanted, worthwhile, MAX_SPLITS))
    return 1 << (most.bit_length() - 1)


@lru_cache
def processors(device: torch.device) -> int:
    """Multiprocessors of a GPU; 1 elsewhere."""
    return torch.cuda.get_device_properties(device).multi_processor_count if device.type == "cuda" else 1


def padded(dim: int) -> int:
    """Width of a tile for head dimension `dim`."""
    return max(16, triton.next_power_of_2(dim))
