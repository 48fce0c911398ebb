"""How much of a masking run is spent outside the network's forward pass: images, noise, store, fits, tables.

    python benchmarks/masking_overhead.py [--images 10000]

A run of EfficientNet-lite0 in the paper's design over image files (drawn here, named as the 16 categories), in this
process on one thread. Figures are drawn once a run whatever its length, so they are timed apart.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

import numpy as np
from PIL import Image

from cogattn.observers.network import Network
from cogattn.psychophysics.masking.config import MaskingConfig
from cogattn.running import store
from cogattn.running.catalogue import verify
from cogattn.running.execute import run_study
from cogattn.vision.images.categories import CATEGORIES
from cogattn.vision.images.procedural import draw


class Stopwatch:
    """Sums the time spent in one method or function."""

    def __init__(self, owner: object, name: str) -> None:
        self.seconds = 0.0
        wrapped = getattr(owner, name)

        def timed(*args: object, **kwargs: object) -> object:
            start = time.perf_counter()
            try:
                return wrapped(*args, **kwargs)
            finally:
                self.seconds += time.perf_counter() - start

        setattr(owner, name, timed)


def write_images(folder: Path, n_images: int) -> None:
    rng = np.random.default_rng(0)
    for index in range(n_images):
        label = index % len(CATEGORIES)
        path = folder / CATEGORIES[label] / f"{index:04d}.png"
        path.parent.mkdir(exist_ok=True)
        Image.fromarray((draw(label, rng, 224) * 255).round().astype(np.uint8)).save(path)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=int, default=10000)
    n_images = parser.parse_args().images
    forward, figures = Stopwatch(Network, "logits"), Stopwatch(store, "_figure_files")
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary, "images")
        folder.mkdir()
        write_images(folder, n_images)
        config = MaskingConfig.parse(
            {
                "observer": {"kind": "timm"},
                "images": {"kind": "folder", "path": str(folder), "layout": "categories"},
            }
        )
        start = time.perf_counter()
        run = run_study("masking", config, out=Path(temporary, "runs"))
        total = time.perf_counter() - start
        assert verify(run) == []
    outside = total - forward.seconds - figures.seconds
    print(
        f"{n_images} trials: {total:.1f} s; forward pass {forward.seconds:.1f} s, figures {figures.seconds:.1f} s"
    )
    print(
        f"outside the forward pass, figures apart: {outside:.1f} s, {outside / (total - figures.seconds):.1%}"
    )


if __name__ == "__main__":
    main()
