"""What 76 networks x 50,000 images x 35 conditions take on one H200: a model, for no GPU was at hand.

    python benchmarks/masking_cost.py [--images 50000] [--conditions 35] [--stimulus-ms 1.0] [--cores 16]

Rates are those that timm's authors measured on an RTX 4090 (results/benchmark-infer-amp-nhwc-pt240-cu124-rtx4090.csv,
commit 7479d45: images a second, billions of multiply-accumulates, millions of activations). Networks of the paper that
timm does not have stand with one of like size. `cogattn.observers.rates.RTX_4090` is fitted here to all rows, on the
logarithm, for networks that no table holds; ``--fit`` prints it.
"""

from __future__ import annotations

import argparse

import numpy as np
from scipy.optimize import least_squares

from cogattn.observers.rates import RTX_4090, Work

H200_FASTER = 4.8
"""At best: 4.8 TB/s against 1.008."""
STIMULUS_BYTES = 4 * 224 * 224
ROWS: dict[str, tuple[float, float, float]] = {  # images a second, gmacs, macts
    "resnetv2_50x1_bit 448": (1033.24, 16.62, 44.46),
    "resnetv2_101x1_bit 448": (667.21, 31.65, 64.93),
    "resnetv2_101x3_bit 448": (150.3, 280.33, 194.78),
    "resnetv2_152x2_bit 448": (184.7, 184.99, 180.43),
    "resnetv2_152x4_bit 224": (254.45, 186.9, 90.22),
    "resnext101_32x16d": (1041.98, 36.27, 51.18),
    "resnext101_32x8d": (1792.69, 16.48, 31.21),
    "resnext50_32x4d": (4219.51, 4.26, 14.4),
    "cspdarknet53": (2655.45, 6.57, 16.81),
    "cspresnet50": (3967.99, 4.54, 11.5),
    "cspresnext50": (3309.23, 4.05, 15.86),
    "darknet53": (3656.81, 9.31, 12.39),
    "densenet121": (3896.08, 2.87, 6.9),
    "densenet169": (3257.61, 3.4, 7.3),
    "densenet201": (2499.62, 4.34, 7.85),
    "dpn68": (5063.18, 2.35, 10.47),
    "dpn68b": (4887.43, 2.35, 10.47),
    "dpn92": (2023.11, 6.54, 18.21),
    "dpn98": (1751.0, 11.73, 25.2),
    "dpn107": (1115.38, 18.38, 33.46),
    "dpn131": (1241.67, 16.09, 32.97),
    "efficientnet_b0": (9831.68, 0.4, 6.75),
    "efficientnet_es": (8327.35, 1.81, 8.73),
    "efficientnet_b7 600": (188.83, 38.33, 289.94),
    "efficientnet_b8 672": (123.17, 63.48, 442.89),
    "hrnet_w18": (3222.49, 4.32, 16.31),
    "hrnet_w18_small": (10372.58, 1.61, 5.72),
    "hrnet_w18_small_v2": (5368.46, 2.62, 9.65),
    "hrnet_w30": (2062.37, 8.15, 21.21),
    "hrnet_w40": (1723.16, 12.75, 25.29),
    "hrnet_w44": (1349.33, 14.94, 26.92),
    "hrnet_w48": (1482.42, 17.34, 28.56),
    "hrnet_w64": (1135.29, 28.97, 35.09),
    "inception_v3 299": (4356.9, 5.73, 8.97),
    "mnasnet_050": (28381.86, 0.11, 3.07),
    "mnasnet_100": (14430.36, 0.33, 5.46),
    "mobilenetv2_100": (11768.03, 0.31, 6.68),
    "efficientnet_lite0": (11509.61, 0.4, 6.74),
    "resnet18": (18247.43, 1.82, 2.48),
    "resnet34": (11246.05, 3.67, 3.74),
    "resnet50": (5088.39, 4.11, 11.11),
    "resnet101": (3320.94, 7.83, 16.23),
    "resnet152": (2347.77, 11.56, 22.56),
    "selecsls42b": (10223.02, 2.98, 4.62),
    "selecsls60": (8984.73, 3.59, 5.52),
    "selecsls60b": (8928.94, 3.63, 5.52),
    "regnety_160 384": (564.72, 46.87, 67.67),
    "regnety_320 384": (378.11, 95.0, 88.87),
    "regnety_640": (667.49, 64.16, 42.5),
    "regnety_1280 384": (115.79, 374.99, 210.2),
    "vgg11_bn": (4269.7, 7.62, 7.44),
    "vgg13_bn": (2930.98, 11.33, 12.25),
    "vgg16_bn": (2469.22, 15.5, 13.56),
    "vgg19_bn": (2133.62, 19.66, 14.86),
    "vit_small_patch16_224": (7695.68, 4.61, 11.95),
    "vit_base_patch16_224": (2843.0, 17.58, 23.9),
    "vit_large_patch16_224": (903.87, 61.6, 63.52),
    "wide_resnet50_2": (3280.9, 11.43, 14.4),
    "wide_resnet101_2": (1953.76, 22.8, 21.23),
}
ALIKE = {  # networks of the paper that the table has under another name or not at all, and how many
    "resnet50": 16,  # itself, 7 trained with L2 attacks, 4 on other images, 2 by CLIP, SimCLR x1, VOne
    "resnext101_32x8d": 2,  # bagnet33
    "mnasnet_050": 2,  # shufflenet_v2_x0_5
    "efficientnet_lite0": 1,  # squeezenet1_0
    "wide_resnet101_2": 2,  # SimCLR x2
    "regnety_640": 1,  # SimCLR x4
    "resnetv2_152x4_bit 224": 0,  # at 480 pixels, below
    "efficientnet_b7 600": 0,
    "efficientnet_b8 672": 0,
}
LARGE = {"resnetv2_152x4_bit 480": 254.45 * (224 / 480) ** 2, "efficientnet_l2 475": 54_500 / 609.89}
"""Scaled: the first by its pixels, the second by its activations from EfficientNet-B7 and B8, which agree."""


def fit() -> tuple[np.ndarray, np.ndarray]:
    """Seconds a gmac and a mact with the least squares of log times, and the residuals in log2."""
    rates, gmacs, macts = np.array(list(ROWS.values())).T

    def residuals(logs: np.ndarray) -> np.ndarray:
        return np.log2(np.exp(logs[0]) * gmacs + np.exp(logs[1]) * macts) + np.log2(rates)

    found = least_squares(residuals, np.log([1e-5, 1e-5]))
    return np.exp(found.x), residuals(found.x)


def seconds_an_image() -> dict[str, float]:
    """Seconds that each of the 76 takes an image on an RTX 4090, those alike together."""
    times = {name: ALIKE.get(name, 1) / rate for name, (rate, _, _) in ROWS.items()}
    return times | {name: 1 / rate for name, rate in LARGE.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=int, default=50_000)
    parser.add_argument("--conditions", type=int, default=35)
    parser.add_argument("--stimulus-ms", type=float, default=1.0)
    parser.add_argument("--cores", type=int, default=16)
    parser.add_argument("--fit", action="store_true")
    given = parser.parse_args()
    if given.fit:
        (a, b), residuals = fit()
        print(f"{a:.3g} s a gmac, {b:.3g} s a mact; log2 residuals SD {residuals.std():.2f}")
        ours = [RTX_4090.seconds(Work(g, m, 0)) * rate for rate, g, m in ROWS.values()]
        print(f"rates.RTX_4090: from {min(ours):.2f} to {max(ours):.2f} times the measured time")
    times = seconds_an_image()
    n_networks = sum(ALIKE.get(name, 1) for name in ROWS) + len(LARGE)
    n = given.images * given.conditions
    hours = n * sum(times.values()) / 3600
    stimuli = n * given.stimulus_ms / 1000 / given.cores / 3600
    print(f"{n_networks} networks, {n:,} stimuli each, {n_networks * n:,} trials")
    print(
        f"forward passes: {hours / H200_FASTER:.1f} h (by bandwidth) to {hours:.1f} h (an RTX 4090's rates)"
    )
    largest = sorted(times.items(), key=lambda item: -item[1])[:5]
    shares = ", ".join(f"{name} {seconds / sum(times.values()):.0%}" for name, seconds in largest)
    print(f"of which {shares}")
    print(
        f"stimuli, {given.cores} cores: {stimuli:.2f} h once; {stimuli * n_networks:.1f} h if made for each network; "
        f"kept they take {n * STIMULUS_BYTES / 1e9:.0f} GB"
    )


if __name__ == "__main__":
    main()
