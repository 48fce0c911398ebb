from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pytest

from cogattn.psychophysics.scanpath.config import ScanpathConfig, SyntheticSettings
from cogattn.psychophysics.scanpath.layouts.items import Array, ObjectPath, PathSet
from cogattn.psychophysics.scanpath.layouts.reading import data_of
from cogattn.psychophysics.scanpath.predicting import Prediction
from cogattn.psychophysics.scanpath.splitting import Split

CONFIG = ScanpathConfig(synthetic=SyntheticSettings(n_layouts=30, n_objects=16))


@pytest.fixture(scope="session")
def config() -> ScanpathConfig:
    return CONFIG


@pytest.fixture(scope="session")
def simulated() -> PathSet:
    """30 layouts of 16 objects, each looked at by 6 people whose weights are known."""
    return data_of(CONFIG)


@pytest.fixture(scope="session")
def split(simulated: PathSet) -> Split:
    return by_layout(simulated)


def by_layout(data: PathSet) -> Split:
    """Three fifths of the layouts to train, a fifth each to validate and to test."""
    part = np.array([path.layout % 5 for path in data.paths])
    return Split(*(np.flatnonzero(mask) for mask in (part < 3, part == 3, part == 4)))


@pytest.fixture(scope="session")
def bits_of() -> Callable[..., Array]:
    """Bits of each fixation that was predicted, and whether rows are probabilities."""

    def bits(paths: Sequence[ObjectPath], predictions: Sequence[Prediction]) -> Array:
        told = []
        for path, one in zip(paths, predictions, strict=True):
            np.testing.assert_allclose(np.exp(one.log_p).sum(axis=1), 1, atol=1e-5)
            chosen = path.objects[path.n_given :]
            told.append(-one.log_p[np.arange(len(chosen)), chosen] / np.log(2))
        return np.concatenate(told)

    return bits
