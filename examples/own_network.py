"""
A network of your own as an observer: which spatial frequencies does it name things by?
=======================================================================================

The module here knows 64 pictures by heart, but sees them in 16 x 16 blocks, so that fine noise cannot hurt it. Any
``torch.nn.Module`` does that maps images (batch, 3, side, side) in [0, 1] to scores of the 16 categories, or of the
1000 classes of ImageNet. What must come out: coarse noise hides the pictures, the finest does nothing.

Takes some 20 s of one core and needs no download. The run is kept in ``runs/``, and read from there a second time.
"""

from __future__ import annotations

import matplotlib.pyplot as plt
import torch
from torch import Tensor, nn

import cogattn
from cogattn.observers import live
from cogattn.vision.images.config import ProceduralImages
from cogattn.vision.images.listing import list_images

N_IMAGES, SIDE, N_BLOCKS, N_CATEGORIES = 64, 64, 16, 16


class ByHeart(nn.Module):
    """Names the picture that a stimulus is most like."""

    def __init__(self, pictures: Tensor, labels: Tensor) -> None:
        super().__init__()
        self.register_buffer("known", self.look(pictures)[labels.argsort()])  # category by category

    def look(self, images: Tensor) -> Tensor:
        """Return blocks of grey of unit length about their mean, (n, blocks)."""
        grey = images.mean(dim=1, keepdim=True)  # (n, 1, side, side)
        blocks = nn.functional.adaptive_avg_pool2d(grey, N_BLOCKS).flatten(1)
        return nn.functional.normalize(blocks - blocks.mean(dim=1, keepdim=True), dim=1)

    def forward(self, images: Tensor) -> Tensor:
        """Return how like each category's best picture the images are, (batch, 16)."""
        likeness = self.look(images) @ self.known.T  # (batch, pictures)
        return likeness.unflatten(1, (N_CATEGORIES, -1)).amax(dim=2)


def by_heart() -> ByHeart:
    """Return the network with the very images that the study draws from its seed, 0."""
    images = list_images(ProceduralImages(n_images=N_IMAGES, size=SIDE), seed=0)
    pictures = torch.stack([torch.from_numpy(images.load(i)) for i in range(len(images))])
    return ByHeart(pictures[:, None], torch.tensor(images.labels))


def main() -> None:
    """Run critical-band masking and print and draw how often the network is right in each band of noise."""
    run = cogattn.run(
        "masking",
        observer=live.register(by_heart(), name="by heart", image_size=SIDE),
        images={"n_images": N_IMAGES, "size": SIDE},
        noise={
            "n_bands": 5,
            "sds": (0, 0.08, 0.16, 0.32),
        },  # centred on 1.75, 3.5, 7, 14, 28 cycles per image
        design={"kind": "crossed"},
        channel={"n_bootstrap": 100},
        progress=False,
    )
    trials = run.trials["masking"]
    _, axes = plt.subplots(figsize=(6, 3.2), layout="constrained")
    for sd, of_sd in trials[trials["noise_sd"] > 0].groupby("noise_sd"):
        right = of_sd.groupby("band")["correct"].mean()
        axes.semilogx(1.75 * 2.0**right.index, right, "o-", label=f"noise of SD {sd:g}")
    axes.set(xlabel="noise about (cycles per image)", ylabel="share right", ylim=(0, 1.05))
    axes.legend()
    for band, share in right.items():  # of the strongest noise
        print(f"noise about {1.75 * 2**band:5.2f} cycles per image: {share:.2f} right")
    plt.show()


if __name__ == "__main__":
    main()
