"""Networks for tests of eccNET: VGGs of a few channels, and the rules written out cell by cell."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn
from torch.nn import functional

MEAN = (123.68, 116.779, 103.939)
CONVOLUTIONS = (2, 2, 3, 3, 3)


class Vgg(nn.Module):
    """VGG16's layers with a few channels each."""

    def __init__(self, channels=(4, 5, 6, 7, 8), seed=0):
        super().__init__()
        torch.manual_seed(seed)
        layers, before = [], 3
        for n, width in zip(CONVOLUTIONS, channels, strict=True):
            for _ in range(n):
                layers += [nn.Conv2d(before, width, 3, padding=1), nn.ReLU()]
                nn.init.kaiming_normal_(layers[-2].weight)
                before = width
            layers.append(nn.MaxPool2d(2))
        self.features = nn.Sequential(*layers)


def pooled_by_hand(maps, slope, cells_per_degree):
    """One of eccNET's poolings, cell by cell: maps (channels, side, side) in numpy."""
    channels, side, _ = maps.shape
    out = int((side + 1) / 2)
    if slope == 0:
        room = np.pad(maps, [(0, 0), (0, 2 * out - side), (0, 2 * out - side)], constant_values=np.nan)
        return np.nanmean(room.reshape(channels, out, 2, out, 2), axis=(2, 4))
    middle, fovea, step = int(out / 2), round(4 * cells_per_degree / 2), max(1, round(cells_per_degree / 2))
    found = np.zeros((channels, out, out))
    for i in range(out):
        for j in range(out):
            window, outer = 2, fovea
            squared = (i - middle) ** 2 + (j - middle) ** 2
            while fovea <= out / 2 and squared >= outer**2:
                outer += step
                window = 2 + round(slope * (2 * outer - 4 * cells_per_degree))
                if outer >= out / 2:
                    break
            before = max((out - 1) * 2 + window - side, 0) // 2
            rows = slice(max(0, 2 * i - before), 2 * i - before + window)
            columns = slice(max(0, 2 * j - before), 2 * j - before + window)
            found[:, i, j] = maps[:, rows, columns].mean(axis=(1, 2))
    return found


def layers_by_hand(vgg, picture, pixels_per_degree, slopes=(0, 0, 0.07, 0.16, 0.32)):
    """All convolutions' and poolings' last maps of a square grey picture, block by block."""
    maps = np.stack([picture.astype(float) - mean for mean in MEAN])
    layers, convolved, pooled = iter(vgg.features), [], []
    for depth, n in enumerate(CONVOLUTIONS):
        for _ in range(n):
            convolution, _ = next(layers), next(layers)
            with torch.no_grad():
                weight, bias = convolution.weight.double(), convolution.bias.double()
                maps = (
                    functional.conv2d(torch.from_numpy(maps)[None], weight, bias, padding=1)[0].relu().numpy()
                )
        next(layers)
        convolved.append(maps)
        maps = pooled_by_hand(maps, slopes[depth], round(pixels_per_degree / 2**depth))
        pooled.append(maps)
    return convolved, pooled


def halved(maps):
    """Averages over 2 x 2 cells, fewer at the border."""
    return pooled_by_hand(maps, 0, 10**6)


def matched(seen, target):
    """Dot product of target with what is about each cell, zeros outside."""
    _, rows, columns = target.shape
    height, width = seen.shape[1:]
    room = np.pad(seen, [(0, 0), (rows, rows), (columns, columns)])
    found = np.zeros((height, width))
    for i in range(height):
        for j in range(width):
            top, left = i + rows - (rows - 1) // 2, j + columns - (columns - 1) // 2
            found[i, j] = (room[:, top : top + rows, left : left + columns] * target).sum()
    return found


def blurred(values, size, sd):
    """A Gaussian window of `size` cells, mirrored at the border."""
    away = np.arange(size) - size // 2
    one = np.array([1, 2, 1]) if (size, sd) == (3, 0) else np.exp(-(away**2) / 2 / sd**2)
    window = np.outer(one, one) / one.sum() ** 2
    room = np.pad(values, size // 2, mode="reflect")
    return np.array(
        [
            [(room[i : i + size, j : j + size] * window).sum() for j in range(values.shape[1])]
            for i in range(values.shape[0])
        ]
    )


def enlarged(values, side):
    """Pixels that lie in one cell, or take part of the next one."""
    n, scale = len(values), side / len(values)
    weights = np.zeros((side, n))
    for pixel in range(side):
        cell = int(pixel / scale)
        share = max(0.0, (pixel + 1) - (cell + 1) * scale)
        if cell == n - 1:
            share = 0
        weights[pixel, cell] = 1 - share
        if share:
            weights[pixel, cell + 1] = share
    return weights @ values @ weights.T


def fixations_by_hand(
    vgg, image, target, *, cells, target_box, background, gaussians, max_fixations, ppd, without=()
):
    """eccNET's rules in the order of its authors, with nothing saved."""
    side = len(image)
    reach, display, opened = side + 64, image.copy(), np.ones_like(image, dtype=bool)
    closed = []
    row = column = side // 2
    path = [(row, column)]
    slopes = (0,) * 5 if "rings" in without else (0, 0, 0.07, 0.16, 0.32)
    layers = layers_by_hand(vgg, target, ppd, slopes)[0 if "half_scale" in without else 1]
    known = [halved(halved(layers[2])), halved(layers[3]), layers[4]]
    for _ in range(max_fixations):
        window = np.full((2 * reach, 2 * reach), background, dtype=np.uint8)
        top, left = row - reach, column - reach  # of the window, in the display
        window[-top : -top + side, -left : -left + side] = display
        convolved, _ = layers_by_hand(vgg, window, ppd, slopes)
        seen = [halved(halved(convolved[2])), halved(convolved[3]), convolved[4]]
        maps = [matched(a, b) for a, b in zip(seen, known, strict=True)]
        peaks = np.array([one.max() for one in maps])
        scaled = [(one - one.min()) / (one.max() - one.min()) for one in maps]
        priority = sum(one * peak / peaks.sum() for one, peak in zip(scaled, peaks, strict=True))
        if "map_scaling" in without:
            priority = sum(maps) / 3
        for _ in range(0 if "sharpening" in without else 3):
            priority = priority + blurred(priority, *gaussians[0]) - blurred(priority, *gaussians[1])
        priority = enlarged(priority, 2 * reach)
        priority = priority - priority.min()
        allowed = np.zeros_like(window, dtype=bool)
        allowed[-top : -top + side, -left : -left + side] = cells.any(axis=0) & opened
        at = np.unravel_index(np.argmax(priority * allowed), priority.shape)
        row, column = (
            int(np.clip(here + first, 0, side)) for here, first in zip(at, (top, left), strict=True)
        )
        path.append((row, column))
        for number, cell in enumerate(cells):
            if row < side and column < side and cell[row, column] and number not in closed:
                closed.append(number)
                opened[cell] = False
                if "painting" not in without:
                    display[cell] = background
                break
        if target_box[max(0, row - 5) : row + 5, max(0, column - 5) : column + 5].any():
            break
    return np.array(path)
