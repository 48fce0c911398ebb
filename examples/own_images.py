"""
Images of your own in a study: does critical-band masking measure right on them?
================================================================================

Your images are a folder with one sub-folder a category (or ImageNet's layout, or a CSV manifest). Before a network is
tested on them it is worth knowing whether they bear the measurement at all, and the ideal observer tells: its channel
is known, 1.5 octaves wide at 7 cycles per image, so a run on good images must give that back.

Takes some 20 s of one core and needs no download. With ``observer="resnet50"`` in place of the ideal observer it is a
run of a timm network, with ``observer={"kind": "readout"}`` one that first learns your categories.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from PIL import Image

import cogattn

SIDE, CATEGORIES, PER_CATEGORY = 64, ("bark", "sand", "water"), 16


def texture(rng: np.random.Generator, slope: float) -> Image.Image:
    """Return a texture whose amplitude falls with frequency to the power of `slope`."""
    rows, columns = np.fft.fftfreq(SIDE)[:, None], np.fft.rfftfreq(SIDE)
    amplitude = np.maximum(np.hypot(rows, columns), 1 / SIDE) ** -slope  # (side, side // 2 + 1)
    waves = np.fft.irfft2(amplitude * np.fft.rfft2(rng.standard_normal((SIDE, SIDE))), (SIDE, SIDE))
    return Image.fromarray(np.uint8(np.clip(128 + 40 * waves / waves.std(), 0, 255)))


def make_folder(folder: Path) -> None:
    """Write `PER_CATEGORY` images into a sub-folder for each category."""
    rng = np.random.default_rng(0)
    for category, slope in zip(CATEGORIES, (0.8, 1.0, 1.2), strict=True):
        (folder / category).mkdir()
        for k in range(PER_CATEGORY):
            texture(rng, slope).save(folder / category / f"{k:03}.png")


def main() -> None:
    """Show the ideal observer the images in noise, and print the channel that is found."""
    with tempfile.TemporaryDirectory() as folder:
        make_folder(Path(folder))
        run = cogattn.run(
            "masking",
            observer={"kind": "template", "bandwidth_octaves": 1.5, "center_cpi": 7},
            images={"kind": "folder", "path": folder, "size": SIDE},
            noise={"n_bands": 5},  # 1.75 to 28 cycles per image: more would not fit into 64 pixels
            design={"kind": "crossed"},
            channel={"gain": "log-gaussian", "n_bootstrap": 100},
            workers=1,
            progress=False,
        )
    print(*run.remarks, sep="\n")
    found = run.summary.set_index("measure")
    for measure, truth in (("bandwidth", 1.5), ("centre", 7.0)):
        row = found.loc[measure]
        print(
            f"{measure}: {row['estimate']:.2f} [{row['lo']:.2f}, {row['hi']:.2f}] {row['unit']}, true {truth:g}"
        )
    _, axes = plt.subplots(figsize=(8, 4.5), layout="constrained")
    axes.imshow(plt.imread(run.figures["channel"]))  # the run's own figure; a PDF lies beside it
    axes.axis("off")
    plt.show()


if __name__ == "__main__":
    main()
