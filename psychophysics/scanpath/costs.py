"""What a cell takes, roughly: a network's passes through the scenes, its training and its own paths.

Calibrated on one core (`docs/scanpath.md`); how many epochs a training takes before it stops early nobody knows before,
and three tenths of the most are taken.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from cogattn.psychophysics.scanpath import plan
from cogattn.psychophysics.scanpath.config import NetworkSettings, ScanpathConfig
from cogattn.psychophysics.scanpath.plan import ScanpathCell
from cogattn.study import Cost

BASE_MB = 700.0
MACS_PER_S = 2e10
"""Of training and decoding, on one core."""
SEEING_MACS_PER_S = 2.5e10
STEP_S = 0.03
"""Of a step of training, however small."""
DRAWN_S = 0.004
"""Of one fixation of a batch of sampled paths."""
AT_ONCE = 256
"""Paths that are drawn together."""
PAIR_MACS = 400.0
"""Of the geometry of a fixation and an object."""
CROP_MACS = 15e6
"""Of the published network, for one crop."""
EPOCHS = 0.3
RULE_S_PER_VALUE = 1e-7
"""Of fitting and testing a baseline, for one fixation and object."""
CHOICE_VALUES = 30
"""How much more the choice model takes than a rule."""
SCORED_S = 6e-4
"""Of scoring one drawn path."""
VALUE_BYTES = 160
"""Kept for the gradient, for each path, fixation, object and head."""


@dataclass(frozen=True)
class Sizes:
    """How much there is of what.

    Parameters
    ----------
    trained, tested : int
        Scanpaths.
    fixations : float
        Mean of a scanpath.
    longest : int
        Of all.
    objects, most_objects : float, int
        Of a layout, mean and most.
    pixels : float
        Of all images.
    """

    trained: int
    tested: int
    fixations: float
    longest: int
    objects: float
    most_objects: int
    pixels: float


def cost(config: ScanpathConfig, cell: ScanpathCell) -> Cost:
    """Return what the cell needs; NaN seconds where its network cannot be counted."""
    who, sizes = cell.who, _sizes(config, cell.split)
    if cell.variant == plan.PEOPLE:
        return Cost(sizes.tested * _others(config) * SCORED_S, BASE_MB)
    scoring = sizes.tested * (config.n_samples + 1) * SCORED_S
    if not (plan.is_ours(who) or plan.is_published(who)):
        return Cost(scoring + _rule_s(config, cell, sizes), BASE_MB)
    network = _network(config, cell)
    macs = _path_macs(network, sizes)
    if plan.is_published(who) and plan.sees(config) and cell.variant != plan.NO_CONTENT:
        macs += sizes.objects * CROP_MACS
    training = 0.0
    if config.weights is None:
        steps = sizes.trained / config.training.batch
        epoch = 3 * sizes.trained * macs / MACS_PER_S + steps * STEP_S
        members = config.training.members if plan.is_ours(who) else 1
        training = members * EPOCHS * config.training.max_epochs * epoch
    paths = sizes.tested * (config.n_samples + 1)
    drawing = paths * macs / MACS_PER_S + math.ceil(paths / AT_ONCE) * sizes.longest * DRAWN_S
    testing = sizes.tested * macs / MACS_PER_S
    return Cost(
        _seeing_s(config, cell, sizes) + training + testing + drawing + scoring,
        _memory(config, network, sizes),
    )


def _sizes(config: ScanpathConfig, number: int) -> Sizes:
    data, split = plan.data_of(config), plan.split_of(config, number)
    lengths = [len(path) for path in data.paths]
    objects = [layout.n_objects for layout in data.layouts]
    seen = [layout.scene.size_px for layout in data.layouts if layout.scene.picture is not None]
    return Sizes(
        trained=len(split.train),
        tested=len(split.test),
        fixations=float(np.mean(lengths)),
        longest=max(lengths),
        objects=float(np.mean(objects)),
        most_objects=max(objects),
        pixels=float(sum(height * width for height, width in seen)),
    )


def _others(config: ScanpathConfig) -> float:
    data = plan.data_of(config)
    return len(data.paths) / len(data.layouts)


def _rule_s(config: ScanpathConfig, cell: ScanpathCell, sizes: Sizes) -> float:
    n = (sizes.trained + sizes.tested * (config.n_samples + 2)) * sizes.fixations * sizes.objects
    return n * RULE_S_PER_VALUE * (CHOICE_VALUES if cell.variant in ("history", plan.VIEWERS) else 1)


def _network(config: ScanpathConfig, cell: ScanpathCell) -> NetworkSettings:
    if not plan.is_published(cell.who):
        return config.network
    return NetworkSettings(width=512, encoder_layers=4, decoder_layers=4, feedforward=512, n_pointers=2)


def _path_macs(network: NetworkSettings, sizes: Sizes) -> float:
    """Multiply-adds of one scanpath over its layout, forwards."""
    n, m, width = sizes.objects, sizes.fixations + 1, network.width
    token = 4 * width**2 + 2 * width * network.feedforward
    encoder = network.encoder_layers * (n * token + n * n * (2 * width + PAIR_MACS / 4))
    decoder = network.decoder_layers * (
        m * (token + 2 * width**2) + n * 2 * width**2 + m * (m + n) * 2 * width
    )
    return encoder + decoder + m * n * (network.decoder_layers + 1) * PAIR_MACS


def _seeing_s(config: ScanpathConfig, cell: ScanpathCell, sizes: Sizes) -> float:
    """One pass of every image through the cell's network, at worst anew in each cell."""
    from cogattn.psychophysics.scanpath.models.seeing import N_DEPTHS
    from cogattn.vision.counting import macs_per_pixel

    fitted, settings, name = plan.fitted_for(config, cell), config.observer, plan.network_of(config, cell.who)
    if fitted is not None:
        settings, name = (fitted.sight.settings, fitted.sight.name) if fitted.sight else (settings, "")
    return sizes.pixels * macs_per_pixel(settings, name, N_DEPTHS) / SEEING_MACS_PER_S if name else 0.0


def _memory(config: ScanpathConfig, network: NetworkSettings, sizes: Sizes) -> float:
    """Scores of a batch and what the gradient needs of them; the encoder's are of objects with objects."""
    longest = sizes.longest + 1
    layers = network.encoder_layers * sizes.most_objects + network.decoder_layers * longest
    pairs = config.training.batch * layers * sizes.most_objects * network.heads
    return BASE_MB + pairs * VALUE_BYTES / 1e6
