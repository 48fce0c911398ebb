"""Which trials are run: the paper's design and the fully crossed one, as plain tables.

The adaptive design decides while it runs; see `cogattn.psychophysics.masking.channel.adaptive`.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

NO_BAND = -1
"""Band index of a trial without noise in the crossed and adaptive designs, where it belongs to no band."""


def paper_trials(
    image_ids: Sequence[str], *, sds: Sequence[float], n_bands: int, rng: np.random.Generator
) -> pd.DataFrame:
    """Show each image once, in one random cell of noise SD and band (Subramanian et al. 2023).

    Parameters
    ----------
    image_ids : sequence of str
        Images, each one trial.
    sds : sequence of float
        Noise SDs, 0 included; a trial without noise keeps its meaningless band, as in the paper.
    n_bands : int
        Number of bands.
    rng : numpy.random.Generator
        Draws the cells.

    Returns
    -------
    DataFrame
        One row per trial with the columns ``image`` (position in `image_ids`), ``band`` and ``noise_sd``.
    """
    cells = rng.integers(len(sds) * n_bands, size=len(image_ids))
    return pd.DataFrame(
        {
            "image": np.arange(len(image_ids)),
            "band": cells % n_bands,
            "noise_sd": np.asarray(sds)[cells // n_bands],
        }
    )


def crossed_trials(image_ids: Sequence[str], *, sds: Sequence[float], n_bands: int) -> pd.DataFrame:
    """Show each image in every band at every noise SD above 0, and once without noise (band `NO_BAND`).

    Returns
    -------
    DataFrame
        Columns as in `paper_trials`; len(image_ids) * (1 + n_bands * (len(sds) - 1)) rows, image by image.
    """
    noisy = [(band, sd) for band in range(n_bands) for sd in sds if sd > 0]
    cells = [(NO_BAND, 0.0), *noisy]
    bands, levels = zip(*cells, strict=True)
    n = len(image_ids)
    return pd.DataFrame(
        {
            "image": np.repeat(np.arange(n), len(cells)),
            "band": np.tile(bands, n),
            "noise_sd": np.tile(levels, n),
        }
    )


def count_correct(
    counted: pd.DataFrame, *, n_bands: int, sds: Sequence[float] | np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Add up correct answers and trials by noise SD and band.

    Parameters
    ----------
    counted : DataFrame
        Columns ``band``, ``noise_sd``, ``n`` (trials) and ``correct`` (how many of them were answered right).
    n_bands : int
        Number of bands; a trial of `NO_BAND` is counted in band 0, which at SD 0 means nothing.
    sds : sequence of float, optional
        The rows; by default the SDs that occur.

    Returns
    -------
    n_correct, n_trials : arrays of int, shape (n_sds, n_bands)
    sds : array of float, shape (n_sds,)
        Rising.
    """
    levels = np.sort(np.unique(counted["noise_sd"])) if sds is None else np.asarray(sds, dtype=float)
    row = np.searchsorted(levels, counted["noise_sd"].to_numpy())
    column = counted["band"].clip(lower=0).to_numpy()
    n_trials = np.zeros((len(levels), n_bands), dtype=int)
    n_correct = np.zeros_like(n_trials)
    np.add.at(n_trials, (row, column), counted["n"].to_numpy())
    np.add.at(n_correct, (row, column), counted["correct"].to_numpy().astype(int))
    return n_correct, n_trials, levels
