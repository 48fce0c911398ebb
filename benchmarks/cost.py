"""What studies cost: a cell of each, measured; the form of the prediction, on one worker and two; full designs.

    python benchmarks/cost.py [measure] [designs] [--studies masking aad ...] [--json FILE]

*Measure* runs each study's demo on one worker and on two, in fresh processes and stores. The prediction of the second
is ``start + worker's start + cells / workers + end``: the time until the first cell begins; that until a process of its
own is warm, two side by side (its first cell less the same once more); that of the cells on one worker; and that of
tables and figures. *Designs* adds up `Study.cost` over the
cells of the published designs, for one core as fast as this one; what networks take of it is measured here, on networks
of four sizes, and fitted as `cogattn.observers.rates` does. Nothing was measured on a GPU: its hours are those of
``masking_cost.py``. Run it on a quiet machine.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

os.environ["OMP_NUM_THREADS"] = "1"

import numpy as np
from engines import Event, events_of, in_a_process, one_cell
from masking_cost import ALIKE, H200_FASTER, LARGE, ROWS, seconds_an_image
from scipy.optimize import nnls

from cogattn.running.execute import Execution, loaded_study
from cogattn.running.identity import make_plan, plan_cells

STUDIES = ("masking", "naming", "search", "scanpath", "rehearsal", "aad", "efr")
TIMED = ("efficientnet_lite0", "resnet18", "resnet50", "vit_base_patch16_224")
IMAGES = 50_000
CONDITIONS = 35
STIMULUS_S = 0.001  # of one core, docs/networks.md
LISTENERS = 85
LAPTOP_CORES, GPU_CORES, CLUSTER_WORKERS = 8, 16, 64


class Times(NamedTuple):
    """Of one run: seconds until its cells begin, of its cells, after them; CPU of the cells; how many there are."""

    start_s: float
    cells_s: float
    end_s: float
    cpu_s: float
    n_cells: int

    @property
    def wall_s(self) -> float:
        return self.start_s + self.cells_s + self.end_s


def timed_demo(study: str, workers: int, called: float) -> Times:
    config = loaded_study(study).demo()
    with tempfile.TemporaryDirectory() as folder:
        events: list[Event] = events_of(study, config, Path(folder), Execution(workers=workers))
    offset = time.time() - time.perf_counter()  # from one clock to the other
    first, last = events[0], events[-1]
    return Times(
        first.wall_s + offset - called, last.wall_s - first.wall_s, time.perf_counter() - last.wall_s,
        last.cpu_s - first.cpu_s, last.stored - first.stored,
    )  # fmt: skip


def warming(study: str, called: float) -> float:
    """Seconds from the call until this process has computed a cell, without those that it takes when it is warm."""
    loaded = loaded_study(study)
    cell = make_plan(loaded, loaded.demo()).cells[0]
    one_cell(study, cell)
    warm = time.time()
    one_cell(study, cell)
    return 2 * warm - called - time.time()


def worker_start_s(study: str) -> float:
    """Seconds that two processes, which start side by side, take until both are warm."""
    with ThreadPoolExecutor(2) as pool:
        return max(pool.map(lambda _: in_a_process(warming, study, time.time()), range(2)))


def measured(study: str) -> dict:
    """CPU a cell beside what the plan says, and the wall time on two workers beside what one predicts."""
    loaded = loaded_study(study)
    config = loaded.demo()
    planned_s = sum(loaded.cost(config, cell).cpu_s for cell in plan_cells(loaded, config))
    one, two = (in_a_process(timed_demo, study, workers, time.time()) for workers in (1, 2))
    longest = -(-one.n_cells // 2) / one.n_cells  # share of the cells of the busier worker
    worker_s = worker_start_s(study)
    predicted = one.start_s + worker_s + longest * one.cells_s + one.end_s
    return {
        "study": study, "cells": one.n_cells, "cpu_s_a_cell": one.cpu_s / one.n_cells,
        "planned_over_measured": planned_s / one.cpu_s, "start_s": one.start_s, "worker_start_s": worker_s,
        "end_s": one.end_s,
        "wall_one_s": one.wall_s, "wall_two_s": two.wall_s, "predicted_two_s": predicted,
    }  # fmt: skip


# full designs


def image_seconds(name: str, n: int = 4, least_s: float = 4.0) -> float:
    """CPU seconds of one thread for an image of a network with random weights, four at a time."""
    import timm
    import torch

    torch.set_num_threads(1)
    network = timm.create_model(name, pretrained=False).eval()
    images = torch.randn(n, *network.default_cfg["input_size"])
    least, begun = np.inf, time.process_time()
    with torch.inference_mode():
        while time.process_time() - begun < least_s:
            start = time.process_time()
            network(images)
            least = min(least, time.process_time() - start)
    return least / n


def cpu_rate() -> tuple[float, float, dict[str, float]]:
    """CPU seconds a gmac and a mact, relative errors weighed alike, and the seconds that they were fitted to."""
    seconds = {name: in_a_process(image_seconds, name) for name in TIMED}
    work = np.array([ROWS[name][1:] for name in TIMED]) / np.array(list(seconds.values()))[:, None]
    (a, b), _ = nnls(work, np.ones(len(TIMED)))
    return float(a), float(b), seconds


def masking_design() -> dict:
    """76 networks on one core, by their work, and on a GPU, by their rates."""
    a, b, seconds = cpu_rate()
    networks = {
        name: ALIKE.get(name, 1) * (a * gmacs + b * macts) for name, (_, gmacs, macts) in ROWS.items()
    }
    share = seconds_an_image()
    largest = sum(share[name] for name in LARGE) / (sum(share.values()) - sum(share[name] for name in LARGE))
    n = IMAGES * CONDITIONS
    core_s = n * (sum(networks.values()) * (1 + largest) + 76 * STIMULUS_S)
    return {
        "design": f"masking, 76 networks x {CONDITIONS} conditions x {IMAGES:,} images",
        "core_s": core_s, "gpu_s": [n * sum(share.values()) / faster for faster in (H200_FASTER, 1.0)],
        "gpu_core_s": n * 76 * STIMULUS_S, "networks_s": seconds, "s_a_gmac": a, "s_a_mact": b,
    }  # fmt: skip


def study_design(name: str, study: str, settings: dict) -> dict:
    loaded = loaded_study(study)
    config = loaded.Config.model_validate(settings)
    costs = [loaded.cost(config, cell) for cell in plan_cells(loaded, config)]
    return {
        "design": name, "cells": len(costs), "core_s": sum(cost.cpu_s for cost in costs),
        "longest_s": max(cost.cpu_s for cost in costs), "memory_mb": max(cost.memory_mb for cost in costs),
    }  # fmt: skip


TALKERS = {
    "kind": "simulated_talkers", "n_listeners": LISTENERS, "n_trials": 60, "trial_s": 50.0, "n_channels": 64,
}  # fmt: skip
DESIGNS = (
    (f"aad, {LISTENERS} listeners x 60 trials of 50 s, 64 channels", "aad", {"recordings": TALKERS}),
    (
        f"efr, {LISTENERS} listeners x 10 min, 64 channels",
        "efr",
        {
            "recordings": {
                "kind": "simulated_path", "n_listeners": LISTENERS, "n_channels": 64, "duration_s": 600.0,
            }
        },
    ),
    ("rehearsal, 50 tasks x 100 seeds", "rehearsal", {"n_tasks": [50], "n_seeds": 100}),
)  # fmt: skip


def hours(seconds: float) -> str:
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:,.1f} h"


def show_measured(row: dict) -> None:
    print(
        f"| {row['study']} | {row['cells']} | {row['cpu_s_a_cell']:.2f} s | {row['planned_over_measured']:.2f} | "
        f"{row['start_s']:.1f}, {row['worker_start_s']:.1f}, {row['end_s']:.1f} s | "
        f"{row['wall_one_s']:.1f} s | {row['wall_two_s']:.1f} s | "
        f"{row['predicted_two_s'] / row['wall_two_s']:.2f} |",
        flush=True,
    )


def show_design(row: dict) -> None:
    laptop, cluster = (row["core_s"] / workers for workers in (LAPTOP_CORES, CLUSTER_WORKERS))
    on_gpu = hours(row["core_s"] / GPU_CORES) + " (no GPU in it)"
    if "gpu_s" in row:
        on_gpu = " to ".join(hours(max(s, row["gpu_core_s"] / GPU_CORES)) for s in row["gpu_s"])
    print(
        f"| {row['design']} | {hours(row['core_s'])} | {hours(laptop)} | {on_gpu} | {hours(cluster)} |",
        flush=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("parts", nargs="*", default=["measure", "designs"])
    parser.add_argument("--studies", nargs="+", default=STUDIES, choices=STUDIES)
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    rows = []
    if "measure" in given.parts:
        print(
            "| study | cells | CPU a cell | plan / measured | start, worker's start, end "
            "| 1 worker | 2 workers | predicted / 2 |"
        )
        for study in given.studies:
            rows.append(measured(study))
            show_measured(rows[-1])
    if "designs" in given.parts:
        print(
            f"| design | one core | laptop, {LAPTOP_CORES} cores | one H200, {GPU_CORES} cores | "
            f"{CLUSTER_WORKERS} workers |"
        )
        rows.append(masking_design())
        show_design(rows[-1])
        for design in DESIGNS:
            rows.append(study_design(*design))
            show_design(rows[-1])
    if given.json:
        given.json.write_text(json.dumps(rows, indent=1) + "\n")


if __name__ == "__main__":
    main()
