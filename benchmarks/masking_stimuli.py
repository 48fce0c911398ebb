"""Making masking stimuli, per stimulus and on one thread: the reference recipe against ours.

    python benchmarks/masking_stimuli.py [--repeats 5]

The reference is the recipe of Subramanian et al. (2023) as their repository describes it, written anew: for each
image a Laplacian pyramid by pyrtools, two reconstructions, and a Python loop over the pixels that leave [0, 1].
JPEG writing is in neither. Both sides get the same images, bands and SDs; nothing is timed unless both give the
same noise from the same white noise, the same contrast and the same treatment of pixels outside [0, 1].
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable

import numpy as np
import torch
from pyrtools.pyramids import LaplacianPyramid
from ratios import add_json, ratio, write

from cogattn.psychophysics.masking.config import NoiseSettings
from cogattn.psychophysics.masking.stimuli.composition import add_noise, set_contrast
from cogattn.psychophysics.masking.stimuli.noise import octave_noise, unit_noise
from cogattn.psychophysics.masking.stimuli.pyramid import pyramid_band, pyramid_noise
from cogattn.seeds import Streams
from cogattn.vision.images.procedural import draw

SIZE, N_BANDS, N_IMAGES, BATCH = 224, 7, 70, 14
CONTRAST, MEAN, MARGIN = 0.2, 0.449, 0.1
SDS = (0.0, 0.02, 0.04, 0.08, 0.16)


def reference_noise(white: np.ndarray, band: int) -> np.ndarray:
    """One level of the pyramid with the root mean square of the top level."""
    pyramid = LaplacianPyramid(white)
    level, top = pyramid.recon_pyr(levels=N_BANDS - 1 - band), pyramid.recon_pyr(levels=0)
    return level * np.sqrt(np.mean(top**2)) / np.sqrt(np.mean(level**2))


def reference_fit(image: np.ndarray, noise: np.ndarray, sd: float, rng: np.random.Generator) -> np.ndarray:
    """Move the pixels that leave [0, 1], one by one."""
    image, noise, total = image.copy(), noise.copy(), image + noise
    if total.min() >= 0 and total.max() <= 1:
        return total
    for i in range(SIZE):
        for j in range(SIZE):
            if 0 <= total[i, j] <= 1:
                continue
            target = MARGIN if total[i, j] < 0 else 1 - MARGIN
            pixel = target - noise[i, j]
            if 0 <= pixel <= 1:
                image[i, j] = pixel
                continue
            while not 0 <= image[i, j] + noise[i, j] <= 1:
                noise[i, j] = rng.standard_normal() * sd
    return image + noise


def reference_stimulus(image: np.ndarray, band: int, sd: float, rng: np.random.Generator) -> np.ndarray:
    """The paper's stimulus, one image at a time."""
    image = (image - image.mean()) * CONTRAST + MEAN
    if sd == 0:
        return image.astype(np.float32)
    noise = reference_noise(rng.standard_normal((SIZE, SIZE)) * sd, band)
    return reference_fit(image, noise, sd, rng).astype(np.float32)


def our_stimuli(
    images: torch.Tensor, bands: np.ndarray, sds: np.ndarray, streams: Streams, settings: NoiseSettings
) -> list[torch.Tensor]:
    """Ours, in batches of a size that the processor's cache holds."""
    parts = [slice(start, start + BATCH) for start in range(0, len(images), BATCH)]
    return [our_batch(images[part], bands[part], sds[part], streams, settings) for part in parts]


def our_batch(
    images: torch.Tensor, bands: np.ndarray, sds: np.ndarray, streams: Streams, settings: NoiseSettings
) -> torch.Tensor:
    """Noise only for the trials that have any, each field from its own stream."""
    generators = [streams.generator("noise", i, int(band)) for i, band in enumerate(bands)]
    noise = torch.zeros_like(images)
    noisy = np.flatnonzero(sds)
    if len(noisy):
        drawn = unit_noise(settings, [generators[i] for i in noisy], bands[noisy], size=SIZE)
        noise[torch.from_numpy(noisy)] = drawn
    clipping = "reference" if settings.bands == "pyramid" else "clip"
    clean = set_contrast(images, CONTRAST, MEAN)
    return add_noise(clean, noise, sds.tolist(), clipping=clipping, generators=generators).images


def check_agreement(images: np.ndarray) -> dict[str, float]:
    """Largest differences between both recipes on the same input; raise if they are not the same recipe."""
    rng = np.random.default_rng(0)
    white = rng.standard_normal((N_BANDS, SIZE, SIZE))
    bands = range(N_BANDS)
    theirs = np.stack([reference_noise(white[band], band) for band in bands])
    ours = pyramid_band(torch.from_numpy(white), bands).numpy()
    clean = set_contrast(torch.from_numpy(images[:N_BANDS]).double(), CONTRAST, MEAN)
    generators = [np.random.default_rng(i) for i in bands]
    fitted = add_noise(
        clean, torch.from_numpy(ours), [0.3] * N_BANDS, clipping="reference", generators=generators
    )
    loop = [reference_fit(c, 0.3 * n, 0.3, rng) for c, n in zip(clean.numpy(), theirs, strict=True)]
    moved = np.abs(fitted.images.numpy() - np.stack(loop))
    redrawn = np.abs(0.3 * theirs) > 1 - MARGIN  # these differ by design: they are random
    rms = pyramid_noise([np.random.default_rng(i) for i in range(N_BANDS)], list(bands), size=SIZE)
    octave = octave_noise([np.random.default_rng(i) for i in range(N_BANDS)], list(bands), size=SIZE)
    found = {
        "noise of the same white noise, largest difference": np.abs(ours - theirs).max(),
        "stimulus with pixels moved (SD 0.3), largest difference": moved[~redrawn].max(),
        "pyramid bands: largest departure of RMS from 0.943": (rms.square().mean((1, 2)).sqrt() - 0.943).abs().max(),
        "octave bands: largest departure of RMS from 1": (octave.square().mean((1, 2)).sqrt() - 1).abs().max(),
    }  # fmt: skip
    for (what, value), limit in zip(found.items(), (1e-10, 1e-10, 0.01, 1e-5), strict=True):
        if not value < limit:
            raise SystemExit(f"not timed: {what} must be below {limit:g}; got {value:.3g}")
    return {what: float(value) for what, value in found.items()}


def seconds_per_stimulus(make: Callable[[], object], repeats: int) -> float:
    """Best of several runs."""
    make()
    times = []
    for _ in range(repeats):
        start = time.process_time()
        make()
        times.append(time.process_time() - start)
    return min(times) / N_IMAGES


def main() -> None:
    """Check, time, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=5)
    add_json(parser)
    options = parser.parse_args()
    repeats = options.repeats
    torch.set_num_threads(1)
    streams = Streams(seed=0)
    images = np.stack([draw(i % 16, streams.generator("scene", i), SIZE) for i in range(N_IMAGES)])
    for what, value in check_agreement(images).items():
        print(f"{value:8.1e}  {what}")
    bands, tensor = np.arange(N_IMAGES) % N_BANDS, torch.from_numpy(images)
    print(f"\n{'noise SD':>10} {'reference':>12} {'pyramid':>18} {'octave':>18}    ms per stimulus (ratio)")
    rows = []
    for sd in (*SDS[1:], None):
        sds = np.full(N_IMAGES, sd) if sd else np.resize(np.repeat(SDS, N_BANDS), N_IMAGES)
        rng = np.random.default_rng(0)
        theirs = seconds_per_stimulus(
            lambda sds=sds, rng=rng: [
                reference_stimulus(image, int(band), float(level), rng)
                for image, band, level in zip(images, bands, sds, strict=True)
            ],
            repeats,
        )
        cells = [f"{sd:g}" if sd else "paper's mix", f"{theirs * 1e3:.2f}"]
        for kind in ("pyramid", "octave"):
            settings = NoiseSettings(bands=kind)
            ours = seconds_per_stimulus(
                lambda sds=sds, settings=settings: our_stimuli(tensor, bands, sds, streams, settings), repeats
            )
            cells.append(f"{ours * 1e3:.2f} ({theirs / ours:.1f}x)")
            case = f"{kind} noise, SD {cells[0]}"
            rows.append(ratio(case, "the paper's recipe with pyrtools", 1e3 * ours, 1e3 * theirs, "ms"))
        print(f"{cells[0]:>11} {cells[1]:>11} {cells[2]:>18} {cells[3]:>18}")
    write(options.json, rows)


if __name__ == "__main__":
    main()
