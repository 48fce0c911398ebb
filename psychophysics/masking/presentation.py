"""From planned trials to what an observer sees: images in noise, and the same without.

The field of a trial depends on (seed, image, band) alone and is scaled by the noise SD.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from functools import partial

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from pydantic import JsonValue
from torch import Tensor

from cogattn.psychophysics.masking.config import MaskingConfig
from cogattn.psychophysics.masking.material import trial_images
from cogattn.psychophysics.masking.stimuli.composition import (
    Stimuli,
    add_noise,
    set_contrast,
    to_codes,
    to_scale,
)
from cogattn.psychophysics.masking.stimuli.noise import unit_noise
from cogattn.running.ahead import ahead
from cogattn.running.hardware import current
from cogattn.running.shelf import Rows
from cogattn.running.shelf import current as current_shelf
from cogattn.seeds import Streams
from cogattn.vision.images.listing import ImageList

Answer = Callable[[Tensor, Tensor, NDArray[np.int64]], NDArray[np.int64]]

BATCH = 32


def present(
    config: MaskingConfig, images: ImageList, trials: pd.DataFrame, answer: Answer, *, shared: bool = False
) -> pd.DataFrame:
    """Show `trials` and return them with the columns ``response`` (a category's label) and ``n_clipped``.

    Parameters
    ----------
    config : MaskingConfig
        Stimulus, noise and seed.
    images : ImageList
        All images.
    trials : DataFrame
        Columns image (position in `images`), band, noise_sd.
    answer : callable
        As `cogattn.psychophysics.masking.respond.Respondent.answer`.
    shared : bool
        Other observers are shown the same.

    Notes
    -----
    Threads make stimuli ahead (`cogattn.running.hardware.Hardware.threads_ahead`). Those that are shared are kept on
    the shelf (`cogattn.running.shelf`), if there is one; only the first observer has them made.
    """
    hardware = current()
    size = max(BATCH, hardware.images_at_once)
    spans = [(start, min(start + size, len(trials))) for start in range(0, len(trials), size)]
    parts = []
    with _kept(config, images, trials) if shared else nullcontext() as kept:
        make = partial(_shown, config, images, trials, kept, pinned=hardware.device_type == "cuda")
        for (start, stop), (stimuli, clean) in zip(
            spans, ahead(make, spans, n_threads=hardware.threads_ahead), strict=True
        ):
            part = trials.iloc[start:stop]
            response = answer(stimuli.images, clean, images.labels[part["image"]])
            parts.append(part.assign(response=response, n_clipped=stimuli.n_clipped.numpy()))
    return pd.concat(parts, ignore_index=True)


def stimuli_of(config: MaskingConfig, images: ImageList, trials: pd.DataFrame) -> tuple[Stimuli, Tensor]:
    """Return the stimuli of `trials`, and the same without noise, (n, size, size), as code values in [0, 1]."""
    scale = config.stimulus.scale
    shown, place = np.unique(trials["image"].to_numpy(), return_inverse=True)
    each = torch.from_numpy(place)
    clean = set_contrast(
        to_scale(torch.from_numpy(load(images, shown)), scale), config.stimulus.contrast, config.stimulus.mean
    )
    stimuli = add_noise(
        clean[each],
        _shared_noise(config, images, trials),
        torch.tensor(trials["noise_sd"].to_numpy(), dtype=torch.float32),
        clipping=config.stimulus.clipping,
        generators=_redraws(config, images, trials),
    )
    return replace(stimuli, images=to_codes(stimuli.images, scale)), to_codes(clean, scale)[each]


def load(images: ImageList, indices: Sequence[int] | NDArray[np.int64]) -> NDArray[np.float32]:
    """Return grey images at full contrast, (n, size, size), as code values in [0, 1]."""
    return np.stack([images.load(int(index)) for index in indices])


def example_stimuli(config: MaskingConfig, sds: Sequence[float]) -> NDArray[np.float32]:
    """Return stimuli for a sheet to look at: one image of the run in every band at every SD.

    Returns
    -------
    array, shape (n_sds, n_bands, size, size)
    """
    images, n_bands = trial_images(config), config.noise.n_bands
    trials = pd.DataFrame(
        {
            "image": len(images) // 2,
            "band": np.tile(np.arange(n_bands), len(sds)),
            "noise_sd": np.repeat(np.asarray(sds, dtype=float), n_bands),
        }
    )
    shown = stimuli_of(config, images, trials)[0].images.numpy()
    return shown.reshape(len(sds), n_bands, *shown.shape[1:])


def _shown(
    config: MaskingConfig,
    images: ImageList,
    trials: pd.DataFrame,
    kept: Rows | None,
    span: tuple[int, int],
    *,
    pinned: bool,
) -> tuple[Stimuli, Tensor]:
    """The stimuli of trials `span`, off the shelf or made and put there; those off the shelf have no clean ones."""
    start, stop = span
    rows = kept.read(start, stop) if kept is not None else None
    clean = torch.empty(0)
    if rows is not None:
        stimuli = Stimuli(torch.from_numpy(rows["image"].copy()), torch.from_numpy(rows["n_clipped"].copy()))
    else:
        stimuli, clean = stimuli_of(config, images, trials.iloc[start:stop])
        if kept is not None:
            kept.write(start, _rows(stimuli, config.images.size))
    return (Stimuli(stimuli.images.pin_memory(), stimuli.n_clipped) if pinned else stimuli), clean


def _rows(stimuli: Stimuli, size: int) -> NDArray:
    rows = np.empty(len(stimuli.images), _row_type(size))
    rows["image"], rows["n_clipped"] = stimuli.images.numpy(), stimuli.n_clipped.numpy()
    return rows


def _row_type(size: int) -> np.dtype:
    return np.dtype([("image", "<f4", (size, size)), ("n_clipped", "<i8")])


def _kept(
    config: MaskingConfig, images: ImageList, trials: pd.DataFrame
) -> AbstractContextManager[Rows | None]:
    """The shelf's rows for these trials, known by all that makes them; none for an observer that sees clean ones."""
    shelf = current_shelf()
    if shelf is None or config.observer.kind == "template":
        return nullcontext()
    settings = config.model_dump(mode="json", include={"seed", "stimulus", "noise", "images"})
    settings["images"].pop("path", None)
    ids = [images.ids[index] for index in trials["image"]]
    what: dict[str, JsonValue] = {
        "settings": settings,
        "trials": [ids, trials["band"].tolist(), trials["noise_sd"].tolist()],
        "images": {images.ids[index]: images.digest(index) for index in trials["image"].unique().tolist()},
    }
    return shelf.rows(what, len(trials), _row_type(config.images.size))


def _redraws(
    config: MaskingConfig, images: ImageList, shown: pd.DataFrame
) -> list[np.random.Generator] | None:
    """Streams for noise pixels that the paper's clipping draws anew; a trial's depend on seed, image, band and SD."""
    if config.stimulus.clipping == "clip":
        return None
    streams = Streams(config.seed).child("redraw")
    return [
        streams.generator(images.ids[image], band, f"{noise_sd:.6g}")
        for image, band, noise_sd in zip(shown["image"], shown["band"], shown["noise_sd"], strict=True)
    ]


def _shared_noise(config: MaskingConfig, images: ImageList, shown: pd.DataFrame) -> Tensor:
    """One field per trial; trials of one image and band share theirs, scaled by the caller, and SD 0 needs none."""
    size = config.images.size
    fields = torch.zeros(len(shown), size, size)
    noisy = shown["noise_sd"].to_numpy() > 0
    pairs = shown.loc[noisy, ["image", "band"]]
    unique, inverse = np.unique(pairs.to_numpy(), axis=0, return_inverse=True)  # rows of (image, band)
    if len(unique):
        streams = Streams(config.seed).child("noise")
        generators = [streams.generator(images.ids[index], int(band)) for index, band in unique]
        drawn = unit_noise(config.noise, generators, unique[:, 1], size=size)
        fields[torch.from_numpy(np.flatnonzero(noisy))] = drawn[torch.from_numpy(inverse.ravel())]
    return fields
