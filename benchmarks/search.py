"""CPU seconds per visual search: eccNET's arithmetic, eccNET as this package runs it, and this package's searchers.

*Reference form*: eccNET's own order of operations. It cuts a window of twice the display and its margin about each
fixation, runs all of VGG16 on it, and pools the whole map once for every ring, adding up masked results; it also runs
the network once on a blank window before every search, only to read shapes. Written anew in torch from that
description, with the same weights; its target, matching and sharpening are left out, which favours it.

*Strict*: `cogattn.psychophysics.search.eccnet`, the same rules and fixations, without running what is only background.
*Inline* and *late*: the searchers of the study with a fovea inside the network and behind it. All rows are of one
network, VGG16, so that a ratio is never that of two networks.

First the strict maps are held against the reference form's on the same window: if they differ, no ratio is printed.
What the inline network sees of the display in that window is compared, too: its rings are its own, so it differs.

    OMP_NUM_THREADS=1 python benchmarks/search.py            # a 339-pixel field: curvature, orientation
    OMP_NUM_THREADS=1 python benchmarks/search.py --fixations 3 --rounds 5 --json out.json
"""

from __future__ import annotations

import argparse
import itertools
import json
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import timm
import torch
from torch import Tensor, nn
from torch.nn import functional

from cogattn.observers.build import timm_network
from cogattn.observers.network import Network
from cogattn.psychophysics.search.displays.display import Display, make_display
from cogattn.psychophysics.search.displays.tasks import find_condition
from cogattn.psychophysics.search.eccnet.network import EccNet, Picture
from cogattn.psychophysics.search.eccnet.plan import GAUSSIANS, MARGIN_PX
from cogattn.psychophysics.search.eccnet.searching import fixations
from cogattn.psychophysics.search.eccnet.trials import as_bytes, eccnet_of, field_of
from cogattn.psychophysics.search.searchers.inline import InlineNetwork, InlineSearcher
from cogattn.psychophysics.search.searchers.matching import MatchingSearcher
from cogattn.psychophysics.search.searchers.places import Places
from cogattn.vision.fovea import Backbone
from cogattn.vision.retina import INTEGRATIONS

PUBLISHED_FIXATIONS = 1.67
"""Mean number of fixations per search of eccNET over all six tasks."""
TENSORFLOW_S = 2.87
"""CPU seconds of one pass of the authors' own TensorFlow code, measured once on one thread of this kind of machine."""
TOLERANCE = 1e-4


class ReferenceForm:
    """eccNET's forward pass in its own order of operations."""

    def __init__(self, network: Network) -> None:
        convolutions = [m for m in network.module.features if isinstance(m, nn.Conv2d)]
        self.blocks = [convolutions[a:b] for a, b in ((0, 2), (2, 4), (4, 7), (7, 10), (10, 13))]
        self.slopes = (0.0, 0.0, 0.07, 0.16)
        self.cells_per_degree = (30, 15, 8, 4)
        self.mean, self.std = (torch.tensor(v).view(3, 1, 1) * 255 for v in (network.mean, network.std))

    def __call__(self, window: Picture) -> list[Tensor]:
        """Layers conv3_3, conv4_3 and conv5_3 of a grey window (size, size) about its middle, at stride 16."""
        grey = torch.from_numpy(window.copy()).float().expand(3, *window.shape)
        found, maps = [], ((grey - self.mean) / self.std)[None]
        for index, block in enumerate(self.blocks):
            for convolution in block:
                maps = functional.relu(convolution(maps))
            if index >= 2:
                found.append(maps)
            if index < 4:
                maps = self.pool(maps, self.slopes[index], self.cells_per_degree[index])
        for index, times in ((0, 2), (1, 1)):
            for _ in range(times):
                found[index] = functional.avg_pool2d(found[index], 2, ceil_mode=True, count_include_pad=False)
        return found

    def pool(self, maps: Tensor, slope: float, cells_per_degree: int) -> Tensor:
        """One pooling of the whole map for every ring, masked and added."""
        size = maps.shape[-1]
        out = (size + 1) // 2
        along = torch.arange(out) - out // 2
        squared = along[None] ** 2 + along[:, None] ** 2
        radius, step = round(4 * cells_per_degree / 2), round(cells_per_degree / 2)
        if radius > out / 2:
            return self._average(maps, 2)
        total = self._average(maps, 2) * (squared < radius**2)
        while radius < out / 2:
            inner, radius = radius, radius + step
            side = 2 + round(slope * (2 * radius - 4 * cells_per_degree))
            border = radius**2 if radius < out / 2 else float("inf")
            total += self._average(maps, side) * ((squared >= inner**2) & (squared < border))
        return total

    def _average(self, maps: Tensor, side: int) -> Tensor:
        size = maps.shape[-1]
        padding = max(((size + 1) // 2 - 1) * 2 + side - size, 0)
        room = (padding // 2, padding - padding // 2) * 2
        counts = functional.avg_pool2d(functional.pad(torch.ones(1, 1, size, size), room), side, 2)
        return functional.avg_pool2d(functional.pad(maps, room), side, 2) / counts


def cpu_seconds(work: Callable[[], object]) -> float:
    """CPU time of one run."""
    before = time.process_time()
    work()
    return time.process_time() - before


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--fixations", type=float, default=PUBLISHED_FIXATIONS)
    parser.add_argument(
        "--rounds", type=int, default=3, help="alternating runs of everything; the least counts"
    )
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    vgg = timm_network(timm.create_model("vgg16"), name="vgg16", device="cpu")
    display = drawn(0)
    image, _ = field_of(display)
    background = np.uint8(round(display.task.background * 255))
    with torch.inference_mode():
        reference, strict = ReferenceForm(vgg), eccnet_of(vgg, 30.0, ())
        window = window_about(image, image.shape[0] // 2, background)
        errors = differences(reference, strict, vgg, window, background)
        print(
            f"window {window.shape[0]} px, display {image.shape[0]} px; conv3_3, conv4_3, conv5_3 differ by"
        )
        for name, values in errors.items():
            print(f"  {name:34}" + "".join(f"{value:10.1e}" for value in values))
        if max(errors["strict, whole window"] + errors["strict, display's reach alone"]) > TOLERANCE:
            print("the strict form disagrees with the reference: no ratio")
            return 1
        fresh = (drawn(number) for number in itertools.count(1))
        rows = timed(works(reference, strict, vgg, fresh, window, background), options.rounds)
    report(rows, options.fixations)
    if options.json:
        options.json.write_text(json.dumps({"differences": errors, "rows": rows}, indent=1))
    return 0


def drawn(number: int) -> Display:
    """One of many displays."""
    task, condition = find_condition("tilted_in_vertical")
    return make_display(task, condition, 8, rng=np.random.default_rng(number))


def window_about(image: Picture, gaze: int, background: np.uint8) -> Picture:
    """The square that eccNET sees from a fixation on the display's diagonal."""
    reach = image.shape[0] + MARGIN_PX
    around = np.full((image.shape[0] + 2 * reach,) * 2, background)
    around[reach:-reach, reach:-reach] = image
    return around[gaze : gaze + 2 * reach, gaze : gaze + 2 * reach]


def differences(
    reference: ReferenceForm, strict: EccNet, vgg: Network, window: Picture, background: np.uint8
) -> dict[str, list[float]]:
    """Relative differences of the three maps from the reference form's."""
    expected = reference(window)
    inline = InlineNetwork(vgg, INTEGRATIONS["eccnet"])
    size = window.shape[0]
    grey = torch.from_numpy(window.copy()).float().expand(1, 3, size, size) / 255
    gaze = torch.full((1, 2), (2 * -(-size // 4) - size / 2) / 30)  # the middle of the first pooled grid
    levels = inline.levels(inline.start(grey), gaze, image_size=(size, size), pixels_per_degree=30)
    own = [level.maps for level in levels]
    for index, times in ((0, 2), (1, 1)):
        for _ in range(times):
            own[index] = functional.avg_pool2d(own[index], 2, ceil_mode=True, count_include_pad=False)
    seen = {
        "strict, whole window": strict.see(window),
        "strict, display's reach alone": strict.see(window, background=background),
    }
    found = {
        name: [float((a - b).norm() / b.norm()) for a, b in zip(maps, expected, strict=True)]
        for name, maps in seen.items()
    }
    edge = -(-(size // 4 + MARGIN_PX // 2) // 16)  # the display lies within these cells
    inside = (..., slice(edge, -edge), slice(edge, -edge))
    found["inline, the display alone"] = [
        float((a[inside][..., : b.shape[-2], : b.shape[-1]] - b).norm() / b.norm())
        for a, b in zip(own, (one[inside] for one in expected), strict=True)
    ]
    return found


Works = dict[str, tuple[Callable[[], object], Callable[[], object], int]]
"""What a search begins with, what its fixations do, and how many fixations that is."""


def works(
    reference: ReferenceForm,
    strict: EccNet,
    vgg: Network,
    fresh: Iterator[Display],
    window: Picture,
    background: np.uint8,
) -> Works:
    """What is timed: beginnings on displays that nobody has seen before, then fixations."""
    display = next(fresh)
    image, cells = field_of(display)
    target, nowhere = as_bytes(display.target.picture), np.zeros(image.shape, dtype=bool)
    n = 3

    def search(known: list[Tensor], max_fixations: int) -> None:
        fixations(
            strict, known, image, cells=cells, target_box=nowhere, background=background,
            gaussians=GAUSSIANS["orientation"], max_fixations=max_fixations,
        )  # fmt: skip

    known = strict.know(target)
    search(known, 1)  # the blank window is run once for all searches of a condition
    found: Works = {
        "reference form, VGG16": (lambda: None, lambda: reference(window), 1),
        "strict, VGG16": (lambda: strict.know(target), lambda: search(known, n), n),
    }
    places, rng = Places.of(display, pitch_deg=0.3), np.random.default_rng(0)
    gazes = np.random.default_rng(1).uniform(-5, 5, (6, 1, 2))
    for name, searcher in {
        "inline, VGG16": InlineSearcher(vgg, name="vgg16", preset="eccnet", gain=200.0),
        "late, VGG16": MatchingSearcher(
            Backbone(vgg), name="vgg16", integration=INTEGRATIONS["eccnet"], gain=200.0
        ),
    }.items():
        view = searcher.begin(display, places, rng)  # templates are learned once a condition
        found[name] = (
            lambda searcher=searcher: searcher.begin(next(fresh), places, rng),
            lambda view=view: [view.evidence(gaze) for gaze in gazes],
            len(gazes),
        )
    return found


def timed(works: Works, rounds: int) -> dict[str, dict[str, float]]:
    """Least CPU seconds of a beginning and of a fixation, all taking turns."""
    runs = [
        {name: (cpu_seconds(begin), cpu_seconds(look) / n) for name, (begin, look, n) in works.items()}
        for _ in range(rounds)
    ]
    return {
        name: {
            "begin_s": min(run[name][0] for run in runs),
            "fixation_s": min(run[name][1] for run in runs),
        }
        for name in works
    }


def report(rows: dict[str, dict[str, float]], n_fixations: float) -> None:
    """Print seconds and ratios; the reference's passes are one a fixation, and one blank one a search."""
    call = rows["reference form, VGG16"]["fixation_s"]
    print(
        f"\n{'':30}{'begin':>9}{'fixation':>10}{'search':>9}{'ratio':>9}{'+ blank':>9}   CPU seconds, 1 thread, "
        f"{n_fixations:g} fixations"
    )
    for name, row in rows.items():
        total = row["begin_s"] + n_fixations * row["fixation_s"]
        row |= {
            "search_s": total,
            "ratio": n_fixations * call / total,
            "ratio_with_blank": (1 + n_fixations) * call / total,
            "ratio_tensorflow_with_blank": (1 + n_fixations) * TENSORFLOW_S / total,
        }
        print(
            f"{name:30}{row['begin_s']:9.3f}{row['fixation_s']:10.4f}{total:9.3f}{row['ratio']:9.1f}"
            f"{row['ratio_with_blank']:9.1f}"
        )
    print(
        f"ratio: of the reference's passes, one a fixation; + blank: and the one that it runs before every search. Its "
        f"own TensorFlow code took {TENSORFLOW_S} s a pass"
    )


if __name__ == "__main__":
    sys.exit(main())
