"""CPU seconds per visual search: the reference's arithmetic and ours, on one VGG16, in one run on one thread.

The reference (eccNET's public code) cuts a window of twice the display about each fixation, runs all of VGG16 on
it, pools the whole map once for every ring of eccentricity and adds the masked results; it also runs the network
once on a blank window before every search. Written anew here in torch from that description, with the same
weights as ours. Its templates, matching and blurring are left out, which favours it.

Ours: the fovea inside the network (`inline`: what does not depend on fixation runs once a display, and wide
convolutions in Winograd's way) and behind it (`late`, the default: the network runs once a display). First the
features of `inline` are held against the reference's on the same window; no ratio is printed if they differ.

    OMP_NUM_THREADS=1 python benchmarks/search.py            # a 339-pixel field: curvature, orientation
    OMP_NUM_THREADS=1 python benchmarks/search.py --fixations 3 --json out.json
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import timm
import torch
from torch import Tensor, nn
from torch.nn import functional

from cogattn.observers.build import build_network, timm_network
from cogattn.observers.config import TimmObserver
from cogattn.psychophysics.search.displays.display import MARGIN_DEG, make_display
from cogattn.psychophysics.search.displays.tasks import find_condition
from cogattn.psychophysics.search.searchers.inline import InlineNetwork, InlineSearcher
from cogattn.psychophysics.search.searchers.matching import MatchingSearcher
from cogattn.psychophysics.search.searchers.searching import Places
from cogattn.psychophysics.search.searchers.templates import as_rgb
from cogattn.vision.fovea import Backbone
from cogattn.vision.retina import INTEGRATIONS

PUBLISHED_FIXATIONS = 1.67
"""Mean number of fixations per search of eccNET over all six tasks."""


class ReferenceForm:
    """eccNET's forward pass in its own order of operations."""

    def __init__(self, vgg: nn.Module) -> None:
        convolutions = [m for m in vgg.features if isinstance(m, nn.Conv2d)]
        self.blocks = [convolutions[a:b] for a, b in ((0, 2), (2, 4), (4, 7), (7, 10), (10, 13))]
        self.slopes = (0.0, 0.0, 0.07, 0.16)
        self.cells_per_degree = (30, 15, 8, 4)

    def __call__(self, window: Tensor) -> list[Tensor]:
        """Features conv3_3, conv4_3 and conv5_3 of a window (1, 3, size, size) about its middle."""
        found, maps = [], window
        for index, block in enumerate(self.blocks):
            for convolution in block:
                maps = functional.relu(convolution(maps))
            if index >= 2:
                found.append(maps)
            if index < 4:
                maps = self.pool(maps, self.slopes[index], self.cells_per_degree[index])
        return found

    def pool(self, maps: Tensor, slope: float, cells_per_degree: int) -> Tensor:
        """One pooling of the whole map for every ring that has its own window, masked and added."""
        size = maps.shape[-1]
        out = -(-size // 2)
        along = (torch.arange(out) + 0.5) * 2 - size / 2
        eccentricity = torch.hypot(along[None], along[:, None])
        total = torch.zeros(*maps.shape[:2], out, out)
        inner, outer = -1.0, 4
        while inner < float(eccentricity.max()):
            side = 2 + round(slope * (outer - 4) * cells_per_degree)
            last = slope == 0
            padding = max((out - 1) * 2 + side - size, 0)
            room = (padding // 2, padding - padding // 2)
            valid = functional.avg_pool2d(functional.pad(torch.ones(1, 1, size, size), room * 2), side, 2)
            pooled = functional.avg_pool2d(functional.pad(maps, room * 2), side, 2) / valid
            border = float("inf") if last else outer * cells_per_degree
            total += pooled[..., :out, :out] * ((eccentricity > inner) & (eccentricity <= border))
            inner, outer = border, outer + 1
        return total


def cpu_seconds(work: Callable[[], object], repeats: int = 2) -> float:
    """Least CPU time of a few runs."""
    best = float("inf")
    for _ in range(repeats):
        before = time.process_time()
        work()
        best = min(best, time.process_time() - before)
    return best


def normalised(image: np.ndarray, network) -> Tensor:
    mean, std = (torch.tensor(v).view(3, 1, 1) for v in (network.mean, network.std))
    return (as_rgb(image) - mean) / std


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--fixations", type=float, default=PUBLISHED_FIXATIONS)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    vgg = timm_network(timm.create_model("vgg16"), name="vgg16", device="cpu")
    task, condition = find_condition("tilted_in_vertical")
    display = make_display(task, condition, 8, rng=np.random.default_rng(0))
    window = make_display(  # the reference's window: twice the display and its margin
        task, condition, 8, rng=np.random.default_rng(0), margin_deg=task.field_deg / 2 + MARGIN_DEG
    )
    with torch.inference_mode():
        return report(vgg, display, window, options)


def report(vgg, display, window, options) -> int:
    reference = ReferenceForm(vgg.module)
    inline = InlineNetwork(vgg, INTEGRATIONS["eccnet"])
    size = window.image.shape[0]
    whole = normalised(window.image, vgg)
    expected = reference(whole)
    gaze = torch.full((1, 2), (2 * -(-size // 4) - size / 2) / 30)  # the middle of the reference's own grid
    ours = inline.levels(inline.parts[0](whole), gaze, image_size=(size, size), pixels_per_degree=30)
    error = max(float((a.maps - b).norm() / b.norm()) for a, b in zip(ours, expected, strict=True))
    print(f"window {size} px, display {display.image.shape[0]} px; features differ by {error:.1e} (relative)")
    if error > 1e-4:
        print("the two forms disagree: no ratio")
        return 1
    places, rng = Places.of(display, pitch_deg=0.3), np.random.default_rng(0)
    call = cpu_seconds(lambda: reference(whole))
    rows = {"reference form": {"search_s": call, "fixation_s": call}}
    lite0 = build_network(TimmObserver(), "tf_efficientnet_lite0", seed=0)
    searchers = {
        "ours, inline, VGG16": InlineSearcher(vgg, name="vgg16", preset="eccnet", gain=200.0),
        "ours, inline, EfficientNet-lite0": InlineSearcher(lite0, name="lite0", preset="eccnet", gain=200.0),
        "ours, late, VGG16": MatchingSearcher(
            Backbone(vgg), name="vgg16", integration=INTEGRATIONS["eccnet"], gain=200.0
        ),
        "ours, late, EfficientNet-lite0": MatchingSearcher(
            Backbone(lite0), name="lite0", integration=INTEGRATIONS["v2"], gain=200.0
        ),
    }  # fmt: skip
    gazes = np.random.default_rng(1).uniform(-5, 5, (6, 1, 2))
    for name, searcher in searchers.items():
        view = searcher.begin(display, places, rng)  # templates are learned once a condition
        begin = cpu_seconds(lambda searcher=searcher: searcher.begin(display, places, rng))
        each = cpu_seconds(lambda view=view: [view.evidence(g) for g in gazes]) / len(gazes)
        rows[name] = {"search_s": begin, "fixation_s": each}
    baseline = (1 + options.fixations) * call  # one blank pass, then one a fixation
    print(f"{'':34}{'begin':>10}{'fixation':>12}{'search':>10}{'ratio':>8}   (CPU seconds, 1 thread)")
    for name, row in rows.items():
        total = (
            baseline if name == "reference form" else row["search_s"] + options.fixations * row["fixation_s"]
        )
        row |= {"total_s": total, "ratio": baseline / total}
        print(f"{name:34}{row['search_s']:10.3f}{row['fixation_s']:12.4f}{total:10.3f}{row['ratio']:8.1f}")
    if options.json:
        options.json.write_text(json.dumps({"feature_error": error, "rows": rows}, indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
