"""Names of the arrays that EEG code passes around."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.floating]
ComplexArray = NDArray[np.complexfloating]
