"""Run the trials of one cell: load images, add noise, ask the observer.

Every trial is one row of the columns `COLUMNS`; what does not apply is empty text or NaN. The task tells
which rows they are: ``masking``; ``shape_bias`` (cue-conflict images); ``robustness`` (attacked images);
``skipped`` (an image that cannot be read, with the reason as its note).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from cogattn.errors import DataError
from cogattn.psychophysics.masking.design import NO_BAND, crossed_trials, paper_trials
from cogattn.psychophysics.masking.images import ImageList, list_images
from cogattn.seeds import Streams
from cogattn.study import Cell

if TYPE_CHECKING:
    import torch

    from cogattn.psychophysics.masking.config import MaskingConfig
    from cogattn.psychophysics.masking.respond import Respondent

COLUMNS = {
    "task": "str",
    "observer": "str",
    "image": "str",
    "category": "str",
    "response": "str",
    "correct": "bool",
    "n_alternatives": "int64",
    "band": "int64",
    "noise_sd": "float64",
    "n_clipped": "int64",
    "n_pixels": "int64",
    "texture": "str",
    "epsilon": "float64",
    "note": "str",
}
"""Columns of the trials and their types; ``band`` is -1 where there is none."""

_DEFAULTS = {"band": NO_BAND, "noise_sd": np.nan, "n_clipped": 0, "n_pixels": 0, "texture": "", "epsilon": np.nan, "note": ""}
BATCH = 64


def run(config: MaskingConfig, cell: Cell, rng: Streams) -> pd.DataFrame:
    """Run one cell of the study's plan; see `cogattn.psychophysics.masking.study`."""
    match cell["task"]:
        case "people":
            return _people(config, cell)
        case "masking":
            return _masking(config, cell)
        case "adaptive":
            return _adaptive(config, cell, rng)
        case "shape_bias":
            return _shape_bias(config, cell)
        case _:
            return _robustness(config, cell, rng)


def tidy(**columns: object) -> pd.DataFrame:
    """Return trials with all columns, in order and of fixed types."""
    table = pd.DataFrame({name: columns.get(name, _DEFAULTS.get(name)) for name in COLUMNS})
    return table.astype(COLUMNS)


def planned_trials(config: MaskingConfig, images: ImageList) -> pd.DataFrame:
    """Return the trials of the paper's or the crossed design over all images (columns image, band, noise_sd)."""
    noise = config.noise
    if config.design.kind == "crossed":
        return crossed_trials(images.ids, sds=noise.sds, n_bands=noise.n_bands)
    rng = Streams(config.seed).generator("design")
    return paper_trials(images.ids, sds=noise.sds, n_bands=noise.n_bands, rng=rng)


def present(config: MaskingConfig, images: ImageList, trials: pd.DataFrame, respondent: Respondent) -> pd.DataFrame:
    """Show `trials` (columns image, band, noise_sd) and return them with response, correct, n_clipped and note.

    An image that cannot be read is skipped: its row has the reason as its note.
    """
    return pd.concat(
        [
            _present_batch(config, images, trials.iloc[start : start + BATCH], respondent)
            for start in range(0, len(trials), BATCH)
        ],
        ignore_index=True,
    )


def _present_batch(
    config: MaskingConfig, images: ImageList, trials: pd.DataFrame, respondent: Respondent
) -> pd.DataFrame:
    import torch

    from cogattn.psychophysics.masking.stimuli import add_noise, set_contrast

    greys, reasons = _load(images, trials["image"].unique())
    skipped = trials["image"].isin(reasons)
    shown = trials[~skipped]
    rows = trials.assign(response=-1, n_clipped=0, note=trials["image"].map(reasons).fillna(""))
    if shown.empty:
        return rows
    order = {index: row for row, index in enumerate(greys)}
    clean = set_contrast(
        torch.from_numpy(np.stack(list(greys.values()))), config.stimulus.contrast, config.stimulus.mean_luminance
    )[[order[index] for index in shown["image"]]]
    stimuli = add_noise(
        clean,
        _shared_noise(config, images, shown),
        torch.tensor(shown["noise_sd"].to_numpy(), dtype=torch.float32),
        clipping=config.stimulus.clipping,
    )
    rows.loc[~skipped, "response"] = respondent.answer(stimuli.images, clean)
    rows.loc[~skipped, "n_clipped"] = stimuli.n_clipped.numpy()
    return rows


def _load(images: ImageList, indices: np.ndarray) -> tuple[dict[int, np.ndarray], dict[int, str]]:
    """Load each image once: those that can be read, and the reasons for those that cannot."""
    greys: dict[int, np.ndarray] = {}
    reasons: dict[int, str] = {}
    for index in indices:
        try:
            greys[int(index)] = images.load(int(index))
        except DataError as error:
            reasons[int(index)] = str(error)
    return greys, reasons


def _shared_noise(config: MaskingConfig, images: ImageList, shown: pd.DataFrame) -> torch.Tensor:
    """One field per trial; trials of one image and band share theirs, scaled by the caller, and SD 0 needs none."""
    import torch

    from cogattn.psychophysics.masking.noise import unit_noise

    size = config.images.size
    fields = torch.zeros(len(shown), size, size)
    noisy = shown["noise_sd"].to_numpy() > 0
    pairs = shown.loc[noisy, ["image", "band"]]
    unique, inverse = np.unique(pairs.to_numpy(), axis=0, return_inverse=True)
    if len(unique):
        streams = Streams(config.seed).child("noise")  # a field depends on (seed, image, band) alone
        generators = [streams.generator(images.ids[index], int(band)) for index, band in unique]
        drawn = unit_noise(config.noise, generators, unique[:, 1], size=size)
        fields[torch.from_numpy(np.flatnonzero(noisy))] = drawn[torch.from_numpy(inverse.ravel())]
    return fields


def _finish(
    images: ImageList, rows: pd.DataFrame, *, observer: str, n_alternatives: int, size: int
) -> pd.DataFrame:
    """Name categories and answers."""
    names = np.array(images.categories)
    labels = images.labels[rows["image"]]
    response = rows["response"].to_numpy()
    skipped = rows["note"].to_numpy() != ""
    return tidy(
        task=np.where(skipped, "skipped", "masking"),
        observer=observer,
        image=np.array(images.ids)[rows["image"]],
        category=names[labels],
        response=np.where(skipped, "", names[response]),
        correct=response == labels,
        n_alternatives=n_alternatives,
        band=rows["band"].to_numpy(),
        noise_sd=rows["noise_sd"].to_numpy(),
        n_clipped=rows["n_clipped"].to_numpy(),
        n_pixels=np.where(skipped, 0, size * size),
        note=rows["note"].to_numpy(),
    )
