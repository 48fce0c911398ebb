"""What a decoder's mistakes cost a speech model that works on what the decoder says: read off before it is built.

If the decoder picks the attended talker with probability p, and its mistakes do not depend on how hard a sound is for
the model, the error is p times the error on the target plus (1 - p) times that on the other. A decoder that says how
sure it is can leave the mixture alone where acting would cost more.
"""

from __future__ import annotations

from typing import overload

import numpy as np
from numpy.typing import ArrayLike

from cogattn.eeg.types import FloatArray
from cogattn.errors import DataError
from cogattn.measures import Estimate


@overload
def expected_error(accuracy: Estimate, *, on_target: float, on_other: float) -> Estimate: ...


@overload
def expected_error(accuracy: ArrayLike, *, on_target: float, on_other: float) -> FloatArray: ...


def expected_error(
    accuracy: ArrayLike | Estimate, *, on_target: float, on_other: float
) -> FloatArray | Estimate:
    """Expected error (or score) of a speech model that gets the talker whom the decoder picks.

    Parameters
    ----------
    accuracy : array-like of any shape, or Estimate
        Share of right picks; of an estimate the interval is carried over, which is exact as the error is linear in it.
    on_target, on_other : float
        The model's error on the attended and on another talker.

    Examples
    --------
    >>> expected_error([0.5, 0.944, 1.0], on_target=6.8, on_other=90.1)
    array([48.45  , 11.4648,  6.8   ])
    """
    if isinstance(accuracy, Estimate):
        ends = [accuracy.estimate, accuracy.lo, accuracy.hi]
        value, a, b = (p * on_target + (1 - p) * on_other for p in ends)
        return Estimate(value, float(np.fmin(a, b)), float(np.fmax(a, b)), accuracy.n)
    p = np.asarray(accuracy, dtype=np.float64)
    if not np.all((p >= 0) & (p <= 1)):
        raise DataError(f"accuracy must lie between 0 and 1; got {p.tolist()}")
    return p * on_target + (1 - p) * on_other


def soft_error(attended: ArrayLike, *, on_target: float, on_other: float, on_mixture: float) -> FloatArray:
    """Error in each decision of a model that takes a talker only where the decoder is sure enough, else the mixture.

    Sure enough is where the error to be expected under the decoder's own probability is below that on the mixture.

    Parameters
    ----------
    attended : array-like, shape (n,)
        The decoder's probability that the talker is attended who is.
    on_target, on_other, on_mixture : float
        The model's error on the attended talker, on the other, and on the mixture.

    Examples
    --------
    >>> soft_error([0.95, 0.6, 0.05], on_target=0.1, on_other=1.1, on_mixture=0.4)
    array([0.1, 0.4, 1.1])
    """
    p = np.asarray(attended, dtype=np.float64)
    if not np.all((p >= 0) & (p <= 1)):
        raise DataError(f"probabilities must lie between 0 and 1; got {p.tolist()}")
    sure = np.maximum(p, 1 - p)
    acts = sure * on_target + (1 - sure) * on_other < on_mixture
    picked = np.where(p > 0.5, on_target, np.where(p < 0.5, on_other, 0.5 * (on_target + on_other)))
    return np.where(acts, picked, on_mixture)
