"""Run the trials of one cell: show what is planned, ask the observer, name the answers.

What a row of each table is, `cogattn.psychophysics.masking.plan.TABLES` says.
"""

from __future__ import annotations

from functools import lru_cache
from typing import cast

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cogattn.psychophysics.masking import counts
from cogattn.psychophysics.masking.channel.adaptive import AdaptiveSession
from cogattn.psychophysics.masking.config import (
    AdaptiveDesign,
    HumanObserver,
    MaskingConfig,
)
from cogattn.psychophysics.masking.design import crossed_trials, paper_trials
from cogattn.psychophysics.masking.material import trial_images
from cogattn.psychophysics.masking.plan import TABLES, AdaptiveCell, MaskingCell, PersonCell
from cogattn.psychophysics.masking.presentation import present
from cogattn.psychophysics.masking.respond import Respondent, build_respondent
from cogattn.psychophysics.masking.stimuli.noise import spectra
from cogattn.seeds import Streams
from cogattn.study import Cell
from cogattn.vision.images.listing import ImageList


def run(config: MaskingConfig, cell: Cell, rng: Streams) -> pd.DataFrame:
    """Run one cell of the study's plan; see `cogattn.psychophysics.masking.plan`.

    Raises
    ------
    DataError, ObserverError
        If an image, a table or the observer fails.
    """
    match cell:
        case MaskingCell():
            return _masking(config, cell)
        case AdaptiveCell():
            return _adaptive(config, cell, rng)
        case PersonCell():
            return _person(config, cell)
    raise TypeError(f"a cell of this study must be one that it planned; got {type(cell).__name__}")


def as_table(cell: Cell, **columns: object) -> pd.DataFrame:
    """Return the rows of `cell` with the columns that its table has, in order and of their types."""
    schema = dict(TABLES[cell.task])
    return pd.DataFrame({"observer": cell.observer, **columns})[list(schema)].astype(schema)


def planned_trials(config: MaskingConfig, images: ImageList) -> pd.DataFrame:
    """Return the trials of the paper's or the crossed design over all images (columns image, band, noise_sd).

    They come in the order of the images, and are kept for the cells that follow: do not change them.
    """
    noise = config.noise
    return _planned(images, config.design.kind, noise.sds, noise.n_bands, config.seed)


@lru_cache(maxsize=2)
def _planned(images: ImageList, design: str, sds: tuple[float, ...], n_bands: int, seed: int) -> pd.DataFrame:
    if design == "crossed":
        return crossed_trials(images.ids, sds=sds, n_bands=n_bands)
    return paper_trials(images.ids, sds=sds, n_bands=n_bands, rng=Streams(seed).generator("design"))


def _person(config: MaskingConfig, cell: PersonCell) -> pd.DataFrame:
    """The trials of one person, from a table of counts or of trials."""
    table = cast(HumanObserver, config.observer).table
    trials = counts.as_trials(counts.read_counts(table, setting="observer.table"))
    own = trials[trials["observer"] == cell.person].reset_index(drop=True)
    return as_table(cell, noise_sd=own["noise_sd"], band=own["band"], correct=own["correct"])


def _masking(config: MaskingConfig, cell: MaskingCell) -> pd.DataFrame:
    """A stretch of images in the paper's or the crossed design."""
    images = trial_images(config)
    respondent = build_respondent(config, cell.observer, images.categories)
    plan = planned_trials(config, images)
    first, last = np.searchsorted(plan["image"], (cell.start, cell.stop))
    shown = plan.iloc[first:last]
    return _named(cell, images, present(config, images, shown, respondent.answer, shared=True), respondent)


def _adaptive(config: MaskingConfig, cell: AdaptiveCell, rng: Streams) -> pd.DataFrame:
    """One session in which each block of trials is chosen in the light of those before."""
    images = trial_images(config)
    respondent = build_respondent(config, cell.observer, images.categories)
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
        rows = present(config, images, block, respondent.answer)
        n_shown += len(bands)
        blocks.append(rows)
        correct = rows["response"].to_numpy() == images.labels[rows["image"]]
        session.update(bands, sds, correct)
    return _named(cell, images, pd.concat(blocks, ignore_index=True), respondent)


def _named(cell: Cell, images: ImageList, rows: pd.DataFrame, respondent: Respondent) -> pd.DataFrame:
    """Rows of presented trials with images, categories and answers by name."""
    names, labels = np.array(images.categories), images.labels[rows["image"]]
    response = rows["response"].to_numpy()
    return as_table(
        cell,
        image=np.array(images.ids)[rows["image"]],
        category=names[labels],
        response=names[response],
        correct=response == labels,
        n_alternatives=respondent.n_alternatives,
        band=rows["band"].to_numpy(),
        noise_sd=rows["noise_sd"].to_numpy(),
        n_clipped=rows["n_clipped"].to_numpy(),
    )


def _image_order(n_images: int, n_trials: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Shuffled images, reshuffled when all have been shown."""
    rounds = -(-n_trials // n_images)
    return np.concatenate([rng.permutation(n_images) for _ in range(rounds)])[:n_trials]
