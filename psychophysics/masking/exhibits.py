"""What can be looked at of masking: one image in noise as the band, its SD and the contrast move.

Stimuli come from `presentation.stimuli_of`, as those of a run with the same settings.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from cogattn.exhibits import Control, Exhibit, Picture, Series, Shown
from cogattn.psychophysics.masking.config import LOWEST_CPI, MaskingConfig
from cogattn.psychophysics.masking.stimuli.noise import spectra
from cogattn.vision.images.config import ProceduralImages

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float64]

PER_OCTAVE = 2
"""Rings of the spectrum in an octave: two make one octave band."""
DEFAULT = MaskingConfig()


def image_in_noise(
    *, band: int, noise_sd: float, contrast: float, image: int, scale: str, bands: str
) -> Shown:
    """Return one stimulus, the same without noise, and the spectra of image and noise.

    Parameters
    ----------
    band : int
        0 is the lowest.
    noise_sd, contrast : float
        On `scale`.
    image : int
        Number of a drawn image of the default run.
    scale : {"code", "luminance"}
        Of contrast and noise.
    bands : {"octave", "pyramid"}
        Kind of band.
    """
    from cogattn.psychophysics.masking.material import trial_images
    from cogattn.psychophysics.masking.presentation import stimuli_of
    from cogattn.psychophysics.masking.stimuli.composition import to_scale

    config = MaskingConfig.model_validate(
        {"stimulus": {"scale": scale, "contrast": contrast}, "noise": {"bands": bands}}
    )
    images = trial_images(config)
    trial = pd.DataFrame({"image": [image], "band": [band], "noise_sd": [noise_sd]})
    stimuli, clean = stimuli_of(config, images, trial)
    clean = clean.clamp(0, 1)
    with_noise, without = (
        np.asarray(to_scale(shown[0], config.stimulus.scale), dtype=float)
        for shown in (stimuli.images, clean)
    )
    category = images.categories[int(images.labels[image])]
    bands_of = spectra(config.noise, config.images.size)
    nominal = bands_of.nominal_cpi[band]
    noise = with_noise - without
    return Shown(
        (
            Picture(
                stimuli.images[0].numpy().astype(float),
                f"A drawn {category}, grey, in noise about {nominal:g} cycles per image of SD {noise_sd:g}.",
            ),
            _spectrum(noise, without, nominal),
            Picture(clean[0].numpy().astype(float), f"The same {category} without noise."),
        ),
        {
            "category": category,
            "band, called (cycles per image)": float(nominal),
            "band, mean (cycles per image)": round(float(bands_of.mean_cpi[band]), 2),
            "noise, SD (asked for)": noise_sd,
            "noise, SD (shown)": round(float(noise.std()), 4),
            "image, SD": round(float(without.std()), 4),
            "pixels clipped": int(stimuli.n_clipped[0]),
        },
    )


def _spectrum(noise: Array, clean: Array, nominal_cpi: float) -> Series:
    """SD in half octaves of noise and image as shown."""
    return Series(
        x=_edges(len(clean))[:-1] * 2 ** (0.5 / PER_OCTAVE),
        lines={"noise": _in_rings(noise), "image": _in_rings(clean - clean.mean())},
        x_label="spatial frequency (cycles per image)",
        y_label="SD in half an octave",
        x_scale="log",
        marks=(float(nominal_cpi),),
        caption="Spectrum of the stimulus: SD of noise and image in rings of half an octave; the line marks what the "
        "band is called.",
    )


def _power(field: Array) -> Array:
    """Power of each DFT coefficient; all of them sum to the mean square."""
    return np.abs(np.fft.fft2(field, norm="forward")) ** 2


def _edges(size: int) -> Array:
    """Edges of rings; those of the paper's octave bands are among them."""
    lowest = LOWEST_CPI / np.sqrt(2)
    n = int(np.ceil(PER_OCTAVE * np.log2(size / np.sqrt(2) / lowest)))
    return lowest * 2 ** (np.arange(n + 1) / PER_OCTAVE)


def _in_rings(field: Array) -> Array:
    """Square root of the power of a field in each ring; what lies below the lowest is in none."""
    size = len(field)
    frequency = np.fft.fftfreq(size) * size
    radius = np.hypot(frequency[:, None], frequency)
    total, _ = np.histogram(radius.ravel(), bins=_edges(size), weights=_power(field).ravel())
    return np.sqrt(total)


IMAGE_IN_NOISE = Exhibit(
    title="An image in noise",
    about="What an observer is asked to name: a drawn image at low contrast, in noise of one band. People look about "
    "an octave wide, so noise elsewhere does them little harm.",
    controls=(
        Control(
            "band", "Band of the noise (0 lowest, each an octave higher)", 4, 0, DEFAULT.noise.n_bands - 1, 1
        ),
        Control("noise_sd", "SD of the noise (of the range from black to white)", 0.08, 0.0, 0.5, 0.01),
        Control("contrast", "Part of the image's contrast that is kept", 0.2, 0.05, 1.0, 0.05),
        Control("image", "Image (number)", 7, 0, ProceduralImages().n_images - 1, 1),
        Control(
            "scale",
            "Scale of contrast and noise",
            "code",
            choices=("code", "luminance"),
            help="Code values as in the paper's programs, or luminance relative to white.",
        ),
        Control(
            "bands",
            "Kind of band",
            "octave",
            choices=("octave", "pyramid"),
            help="Exact octaves, or the paper's levels of a Laplacian pyramid.",
        ),
    ),
    make=image_in_noise,
)
