"""Run the trials of one cell: load images, add noise, ask the observer.

Every trial is one row of the columns `COLUMNS`; what does not apply is empty text or NaN. The task tells
which rows they are: ``masking``, ``shape_bias`` (cue-conflict images) or ``robustness`` (attacked images).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING, TypeVar, cast

import numpy as np
import pandas as pd

from cogattn.psychophysics.masking import counts
from cogattn.psychophysics.masking.channel.adaptive import AdaptiveSession
from cogattn.psychophysics.masking.config import (
    AdaptiveDesign,
    HumanObserver,
    MaskingConfig,
    RobustnessSettings,
    ShapeBiasSettings,
)
from cogattn.psychophysics.masking.design import NO_BAND, crossed_trials, paper_trials
from cogattn.psychophysics.masking.material import trial_images
from cogattn.psychophysics.masking.people import N_ALTERNATIVES
from cogattn.psychophysics.masking.respond import Respondent, Scores, as_rgb, build_respondent
from cogattn.psychophysics.masking.stimuli.noise import spectra
from cogattn.psychophysics.probes.robustness import answers_under_attack
from cogattn.psychophysics.probes.shape_bias import list_conflicts, name_conflicts
from cogattn.seeds import Streams
from cogattn.study import Cell
from cogattn.vision.images.listing import ImageList

if TYPE_CHECKING:
    import torch

    from cogattn.psychophysics.masking.stimuli.composition import Stimuli

Job = TypeVar("Job")
Made = TypeVar("Made")

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
}
"""Columns of the trials and their types; ``band`` is -1 where there is none."""

_DEFAULTS = {
    "band": NO_BAND,
    "noise_sd": np.nan,
    "n_clipped": 0,
    "n_pixels": 0,
    "texture": "",
    "epsilon": np.nan,
}
BATCH = 32


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


def _people(config: MaskingConfig, cell: Cell) -> pd.DataFrame:
    """The trials of one person, from a table of counts or of trials."""
    people = counts.read_counts(cast(HumanObserver, config.observer).table)
    trials = counts.as_trials(people)
    rows = trials[trials["observer"] == cell["person"]]
    return tidy(
        task="masking",
        observer=f"person {cell['person']}",
        image="",
        category="",
        response="",
        correct=rows["correct"].to_numpy(),
        n_alternatives=N_ALTERNATIVES,
        band=rows["band"].to_numpy(),
        noise_sd=rows["noise_sd"].to_numpy(),
    )


def _masking(config: MaskingConfig, cell: Cell) -> pd.DataFrame:
    """A stretch of images in the paper's or the crossed design."""
    images = trial_images(config)
    respondent = build_respondent(config, str(cell["observer"]))
    plan = planned_trials(config, images)
    shown = plan[plan["image"].between(int(cell["start"]), int(cell["stop"]) - 1)]
    return _finish(
        config, images, present(config, images, shown, respondent), str(cell["observer"]), respondent
    )


def _adaptive(config: MaskingConfig, cell: Cell, rng: Streams) -> pd.DataFrame:
    """One session in which each block of trials is chosen in the light of those before."""
    images = trial_images(config)
    respondent = build_respondent(config, str(cell["observer"]))
    design = cast(AdaptiveDesign, config.design)
    session = AdaptiveSession(
        spectra(config.noise, config.images.size),
        n_alternatives=respondent.n_alternatives,
        interval_octaves=design.interval_octaves,
        max_trials=design.max_trials,
        block=design.block,
        confidence=config.channel.confidence,
        rng=rng.generator("design"),
    )
    order = _image_order(len(images.ids), design.max_trials + design.block, rng.generator("images"))
    blocks, n_shown = [], 0
    while not session.finished:
        bands, sds = session.next_block()
        block = pd.DataFrame({"image": order[n_shown : n_shown + len(bands)], "band": bands, "noise_sd": sds})
        rows = present(config, images, block, respondent)
        n_shown += len(bands)
        blocks.append(rows)
        correct = rows["response"].to_numpy() == images.labels[rows["image"]]
        session.update(bands, sds, correct)
    return _finish(config, images, pd.concat(blocks, ignore_index=True), str(cell["observer"]), respondent)


def _shape_bias(config: MaskingConfig, cell: Cell) -> pd.DataFrame:
    """A stretch of cue-conflict images, shown in colour and at full contrast."""
    conflicts = list_conflicts(cast(ShapeBiasSettings, config.shape_bias).path)
    respondent = build_respondent(config, str(cell["observer"]))
    indices = range(int(cell["start"]), int(cell["stop"]))
    answers = name_conflicts(conflicts, indices, cast(Scores, respondent.scores))
    shapes = [conflicts.shapes[index] for index in indices]
    return tidy(
        task="shape_bias",
        observer=str(cell["observer"]),
        image=[conflicts.ids[index] for index in indices],
        category=shapes,
        response=answers,
        correct=[answer == shape for answer, shape in zip(answers, shapes, strict=True)],
        n_alternatives=respondent.n_alternatives,
        texture=[conflicts.textures[index] for index in indices],
    )


def _robustness(config: MaskingConfig, cell: Cell, rng: Streams) -> pd.DataFrame:
    """A stretch of images at full contrast, as they are (epsilon 0) and attacked at each radius."""
    import torch

    images = trial_images(config)
    respondent = build_respondent(config, str(cell["observer"]))
    indices = attacked_images(config, images)[int(cell["start"]) : int(cell["stop"])]
    labels = images.labels[indices]
    settings = cast(RobustnessSettings, config.robustness)
    epsilons = (0.0, *settings.epsilons)
    answers = answers_under_attack(
        cast(Scores, respondent.scores),
        as_rgb(torch.from_numpy(_load(images, indices))).contiguous(),
        torch.from_numpy(labels),
        epsilons=settings.epsilons,
        norm=settings.norm,
        n_steps=settings.n_steps,
        rng=rng.generator("attack"),
    )
    names, n = np.array(images.categories), len(epsilons)
    return tidy(
        task="robustness",
        observer=str(cell["observer"]),
        image=np.tile(np.array(images.ids)[indices], n),
        category=np.tile(names[labels], n),
        response=names[answers.ravel()],
        correct=answers.ravel() == np.tile(labels, n),
        n_alternatives=respondent.n_alternatives,
        epsilon=np.repeat(epsilons, len(indices)),
    )


def attacked_images(config: MaskingConfig, images: ImageList) -> np.ndarray:
    """Return the images to attack: as many as asked for, drawn by the seed."""
    order = Streams(config.seed).generator("attacked").permutation(len(images.ids))
    return np.sort(order[: cast(RobustnessSettings, config.robustness).max_images])


def _image_order(n_images: int, n_trials: int, rng: np.random.Generator) -> np.ndarray:
    """Shuffled images, reshuffled when all have been shown."""
    rounds = -(-n_trials // n_images)
    return np.concatenate([rng.permutation(n_images) for _ in range(rounds)])[:n_trials]


def example_stimuli(config: MaskingConfig, sds: list[float]) -> np.ndarray:
    """Stimuli for a sheet to look at: one image a column (band), the same image at every SD.

    Returns
    -------
    array, shape (n_sds, n_bands, size, size), float32
    """
    import torch

    images = trial_images(config)
    n_bands, n_sds = config.noise.n_bands, len(sds)
    chosen = np.linspace(0, len(images.ids) - 1, n_bands).round().astype(int)
    trials = pd.DataFrame(
        {
            "image": np.tile(chosen, n_sds),
            "band": np.tile(np.arange(n_bands), n_sds),
            "noise_sd": np.repeat(np.asarray(sds, dtype=float), n_bands),
        }
    )
    shown: list[torch.Tensor] = []

    def look(stimuli: torch.Tensor, *_: object) -> np.ndarray:
        shown.append(stimuli)
        return np.zeros(len(stimuli), dtype=int)

    present(config, images, trials, Respondent(look, 1))
    return torch.cat(shown).numpy().reshape(n_sds, n_bands, config.images.size, config.images.size)


def present(
    config: MaskingConfig, images: ImageList, trials: pd.DataFrame, respondent: Respondent
) -> pd.DataFrame:
    """Show `trials` (columns image, band, noise_sd) and return them with response and n_clipped."""
    batches = [trials.iloc[start : start + BATCH] for start in range(0, len(trials), BATCH)]
    shown = _one_ahead(partial(_stimuli, config, images), batches)
    return pd.concat(
        [
            batch.assign(
                response=respondent.answer(stimuli.images, clean, images.labels[batch["image"]]),
                n_clipped=stimuli.n_clipped.numpy(),
            )
            for batch, (stimuli, clean) in zip(batches, shown, strict=True)
        ],
        ignore_index=True,
    )


def _one_ahead(make: Callable[[Job], Made], jobs: Iterable[Job]) -> Iterator[Made]:
    """Yield ``make(job)`` in order; while the caller works on one, a thread makes the next."""
    coming: deque[Future[Made]] = deque()
    with ThreadPoolExecutor(max_workers=1) as pool:
        for job in jobs:
            coming.append(pool.submit(make, job))
            if len(coming) == 2:
                yield coming.popleft().result()
        yield from (last.result() for last in coming)


def _stimuli(config: MaskingConfig, images: ImageList, trials: pd.DataFrame) -> tuple[Stimuli, torch.Tensor]:
    """Make the stimuli of `trials`, and the same without noise."""
    import torch

    from cogattn.psychophysics.masking.stimuli.composition import add_noise, set_contrast

    shown, place = np.unique(trials["image"].to_numpy(), return_inverse=True)
    greys = torch.from_numpy(_load(images, shown))
    clean = set_contrast(greys, config.stimulus.contrast, config.stimulus.mean_luminance)[
        torch.from_numpy(place)
    ]
    stimuli = add_noise(
        clean,
        _shared_noise(config, images, trials),
        torch.tensor(trials["noise_sd"].to_numpy(), dtype=torch.float32),
        clipping=config.stimulus.clipping,
        generators=_redraws(config, images, trials),
    )
    return stimuli, clean


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


def _load(images: ImageList, indices: np.ndarray) -> np.ndarray:
    """Grey images, (n, size, size) in [0, 1]."""
    return np.stack([images.load(int(index)) for index in indices])


def _shared_noise(config: MaskingConfig, images: ImageList, shown: pd.DataFrame) -> torch.Tensor:
    """One field per trial; trials of one image and band share theirs, scaled by the caller, and SD 0 needs none."""
    import torch

    from cogattn.psychophysics.masking.stimuli.noise import unit_noise

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
    config: MaskingConfig, images: ImageList, rows: pd.DataFrame, observer: str, respondent: Respondent
) -> pd.DataFrame:
    """Name images, categories and answers."""
    names = np.array(images.categories)
    labels = images.labels[rows["image"]]
    response = rows["response"].to_numpy()
    return tidy(
        task="masking",
        observer=observer,
        image=np.array(images.ids)[rows["image"]],
        category=names[labels],
        response=names[response],
        correct=response == labels,
        n_alternatives=respondent.n_alternatives,
        band=rows["band"].to_numpy(),
        noise_sd=rows["noise_sd"].to_numpy(),
        n_clipped=rows["n_clipped"].to_numpy(),
        n_pixels=config.images.size**2,
    )
