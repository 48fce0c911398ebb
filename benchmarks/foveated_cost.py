"""What a fovea costs a vision transformer, and what it saves: CPU seconds of one thread.

    python benchmarks/foveated_cost.py [--sides 512 1024 2048] [--rounds 3]

ViT-tiny (12 blocks, 3 heads of 64, patches of 16 pixels, random weights) before one image of 16 degrees, beside timm's
own forward pass on the same image: 1,024, 4,096 and 16,384 patches. All take turns, the least of the rounds counts.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable

import timm
import torch
from ratios import add_json, ratio, write

from cogattn.attention import FoveaConfig, FoveatedTransformer

WIDTH_DEG, PLAIN = 16.0, "timm's"
CORTICAL = {"alpha": 2.0, "bias": "log", "width_deg": WIDTH_DEG}
FOVEAS = {
    "all patches weighed": FoveaConfig(**CORTICAL),
    "weighed, patches reach 1°": FoveaConfig(**CORTICAL, reach_deg=1.0),
    "radius 4°": FoveaConfig(radius_deg=4.0, width_deg=WIDTH_DEG),
    "16 gazes, fovea in the last 4 blocks, radius 4°": FoveaConfig(
        radius_deg=4.0, width_deg=WIDTH_DEG, first_block=8
    ),
}


def passes(side: int) -> dict[str, Callable[[], object]]:
    """The passes by name, timm's own first."""
    torch.manual_seed(0)
    plain = timm.create_model("vit_tiny_patch16_224", img_size=side).eval()
    image, gaze = torch.randn(1, 3, side, side), 3 * torch.randn(1, 16, 2)
    looking = {name: FoveatedTransformer(plain, fovea).eval() for name, fovea in FOVEAS.items()}
    found: dict[str, Callable[[], object]] = {PLAIN: lambda: plain(image)}
    for name, network in looking.items():
        gazes = gaze if "gazes" in name else None
        found[name] = lambda network=network, gazes=gazes: network(image, gazes)
    return found


def took(run: Callable[[], object]) -> float:
    began = time.process_time()
    with torch.inference_mode():
        run()
    return time.process_time() - began


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sides", type=int, nargs="+", default=[512, 1024, 2048])
    parser.add_argument("--rounds", type=int, default=3)
    add_json(parser)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    print("| patches | | CPU s | timm's over it |\n|---|---|---|---|")
    rows = []
    for side in arguments.sides:
        runs = passes(side)
        rounds = [{name: took(run) for name, run in runs.items()} for _ in range(arguments.rounds)]
        least = {name: min(one[name] for one in rounds) for name in runs}
        for name, seconds in least.items():
            print(f"| {(side // 16) ** 2:,} | {name} | {seconds:.2f} | {least[PLAIN] / seconds:.2f} |")
            if name != PLAIN:
                rows.append(
                    ratio(
                        f"{(side // 16) ** 2:,} patches, {name}", "timm's forward pass", seconds, least[PLAIN]
                    )
                )
    write(arguments.json, rows)


if __name__ == "__main__":
    main()
