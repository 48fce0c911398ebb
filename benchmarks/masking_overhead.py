"""How much of a masking run is spent outside the network's forward pass: start, images, noise, store, fits, tables.

    python benchmarks/masking_overhead.py [--images 1050]

A run of EfficientNet-lite0 in the paper's design over image files (drawn here, named as the 16 categories), in a fresh
process of one worker. Two clocks: *CPU*, of all threads of the process from its start, imports included; and *own*, of
the thread that runs the network, which is the wall time of a machine with an idle core for the thread that makes
stimuli. Both are times of a processor, so that a busy machine tells nearly the same. Figures are drawn once a run
whatever its length, so they are timed apart; so is the start: Python, torch, timm and the study loaded, weights read.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path


class Stopwatch:
    """Sums the processor's seconds that this thread, and the process, spend in one method or function."""

    def __init__(self, owner: object, name: str) -> None:
        self.own_s = self.cpu_s = 0.0
        wrapped = getattr(owner, name)

        def timed(*args: object, **kwargs: object) -> object:
            own, cpu = time.thread_time(), time.process_time()
            try:
                return wrapped(*args, **kwargs)
            finally:
                self.own_s += time.thread_time() - own
                self.cpu_s += time.process_time() - cpu

        setattr(owner, name, timed)


def write_images(folder: Path, n_images: int) -> None:
    import numpy as np
    from PIL import Image

    from cogattn.vision.images.categories import CATEGORIES
    from cogattn.vision.images.procedural import draw

    rng = np.random.default_rng(0)
    for index in range(n_images):
        label = index % len(CATEGORIES)
        path = folder / CATEGORIES[label] / f"{index:04d}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray((draw(label, rng, 224) * 255).round().astype(np.uint8)).save(path)


def run(folder: Path, out: Path) -> None:
    """The run, in a process of its own; prints seconds as JSON."""
    from cogattn.observers.build import build_network
    from cogattn.observers.network import Network
    from cogattn.psychophysics.masking import presentation, summary, trials  # noqa: F401 - part of the start
    from cogattn.psychophysics.masking.config import MaskingConfig
    from cogattn.psychophysics.masking.study import MaskingStudy
    from cogattn.running import execute, store

    config = MaskingConfig.parse(
        {
            "observer": {"kind": "timm"},
            "images": {"kind": "folder", "path": str(folder), "layout": "categories"},
        }
    )
    build_network(config.observer, "tf_efficientnet_lite0", seed=0)
    start = time.thread_time()
    forward, made = Stopwatch(Network, "logits"), Stopwatch(presentation, "stimuli_of")
    files, summed = Stopwatch(store, "_figure_files"), Stopwatch(execute, "summarised")
    tables = Stopwatch(MaskingStudy, "summarise"), Stopwatch(execute, "_placed")
    execute.run_study("masking", config, out=out)
    drawing_s = summed.own_s - sum(table.own_s for table in tables)
    print(
        json.dumps(
            {
                "start": start,
                "forward": forward.own_s,
                "figures": files.own_s + drawing_s,
                "stimuli": made.own_s,
                "own": time.thread_time(),
                "cpu": time.process_time(),
            }
        )
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=int, default=1050)
    parser.add_argument("--folder", type=Path, help="image files that are there already")
    parser.add_argument("--run", type=Path, nargs=2, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.run:
        run(*given.run)
        return
    with tempfile.TemporaryDirectory() as temporary:
        folder = given.folder or Path(temporary, "images")
        if given.folder is None:
            write_images(folder, given.images)
        command = [sys.executable, __file__, "--run", str(folder), str(Path(temporary, "runs"))]
        done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    took = json.loads(done.stdout)
    n = len(list(folder.rglob("*.png"))) if given.folder else given.images
    forward, start, figures, stimuli = (took[name] for name in ("forward", "start", "figures", "stimuli"))
    print(f"{n} trials: forward pass {forward:.1f} s ({1000 * forward / n:.1f} ms a trial)")
    print(f"start {start:.1f} s, figures {figures:.1f} s, stimuli {stimuli:.2f} s in another thread")
    for clock, total in (("own", took["own"]), ("CPU", took["cpu"])):
        outside = total - forward - figures
        print(
            f"{clock} clock, outside the forward pass, figures apart: {outside:.1f} s, "
            f"{outside / (total - figures):.1%}; without the start {outside - start:.1f} s, "
            f"{(outside - start) / (total - figures - start):.1%}"
        )


if __name__ == "__main__":
    main()
