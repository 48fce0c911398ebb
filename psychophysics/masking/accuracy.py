"""Accuracy by noise SD and band, as a table with intervals."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cogattn.psychophysics.masking.stimuli.noise import BandSpectra
from cogattn.statistics.stats import wilson_interval


def tabulate_accuracy(
    name: str,
    n_correct: NDArray,
    n_trials: NDArray,
    noise_sds: NDArray,
    spectra: BandSpectra,
    n_alternatives: int,
    confidence: float,
) -> pd.DataFrame:
    """Return one row per noise SD and band with the share correct, its Wilson interval and the counts."""
    rows, bands = np.indices(n_trials.shape)
    lo, hi = wilson_interval(n_correct, n_trials, confidence=confidence)
    with np.errstate(invalid="ignore"):
        share = n_correct / n_trials
    table = pd.DataFrame(
        {
            "noise_sd": np.asarray(noise_sds)[rows.ravel()],
            "band": bands.ravel(),
            "nominal_cpi": spectra.nominal_cpi[bands.ravel()],
            "mean_cpi": spectra.mean_cpi[bands.ravel()],
            "accuracy": share.ravel(),
            "lo": lo.ravel(),
            "hi": hi.ravel(),
            "n_correct": n_correct.ravel(),
            "n_trials": n_trials.ravel(),
            "guessing": 1 / n_alternatives,
        }
    )
    table.insert(0, "observer", name)
    return table[table["n_trials"] > 0].reset_index(drop=True)
