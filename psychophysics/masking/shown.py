"""What was shown in a trial: the image in its noise, made again by the functions that made the run's.

A field of noise depends on seed, image and band alone, so one trial made by itself has the pixels that it had among
others, to the rounding of a transform of one image beside that of many. People of a table saw images of their own, of
which the table says nothing.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from cogattn.exhibits import Picture, Shown
from cogattn.psychophysics.masking.config import MaskingConfig
from cogattn.psychophysics.masking.material import trial_images
from cogattn.psychophysics.masking.presentation import stimuli_of
from cogattn.psychophysics.masking.stimuli.noise import spectra


def stimulus(config: MaskingConfig, task: str, trial: Mapping[str, object]) -> Shown | None:
    """Return the noisy stimulus of a trial, then the same without noise.

    Parameters
    ----------
    config : MaskingConfig
        The run's.
    task : str
        ``masking``; of another table nothing is known.
    trial : mapping
        A row of it: image, band and noise_sd are read.

    Returns
    -------
    Shown or None
        Pixels are those that the observer was given, in float32; None where the run has no such image.
    """
    images = trial_images(config) if task == "masking" else None
    if images is None or trial["image"] not in images.ids:
        return None
    band, noise_sd = int(str(trial["band"])), float(str(trial["noise_sd"]))
    row = pd.DataFrame({"image": [images.ids.index(str(trial["image"]))], "band": band, "noise_sd": noise_sd})
    stimuli, clean = stimuli_of(config, images, row)
    noisy = stimuli.images[0].numpy()
    facts: dict[str, str | int | float | bool] = {
        "size (pixels)": noisy.shape[0],
        "noise SD": noise_sd,
        "pixels clipped": int(stimuli.n_clipped[0]),
        "RMS contrast without noise": round(float(clean.std() / clean.mean()), 4),
    }
    if noise_sd > 0:
        centre = spectra(config.noise, config.images.size).nominal_cpi[band]
        facts["noise band (cycles per image)"] = float(np.round(centre, 4))
    about = f"{trial['image']}, noise of SD {noise_sd:g}" + (f" in band {band}" if noise_sd > 0 else "")
    return Shown(
        [
            Picture(noisy, f"as it was shown: {about}"),
            Picture(clean[0].clamp(0, 1).numpy(), f"without its noise: {trial['image']}"),
        ],
        facts,
    )
