"""A saved network predicts what it did; files of other kinds are refused in a sentence."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from safetensors.torch import save as as_bytes

from cogattn.errors import DataError, ObserverError
from cogattn.psychophysics.scanpath.config import NetworkSettings
from cogattn.psychophysics.scanpath.models import saving
from cogattn.psychophysics.scanpath.models.collating import Told
from cogattn.psychophysics.scanpath.models.predictor import NetworkPredictor
from cogattn.psychophysics.scanpath.models.saving import About

SMALL = NetworkSettings(width=16, heads=2, encoder_layers=1, decoder_layers=1, feedforward=16)
ABOUT = About(
    network=SMALL, n_features=3, observer="net", target_known=False, trained_on={"b": "2", "a": "1"}
)


@pytest.fixture
def predictor() -> NetworkPredictor:
    torch.manual_seed(0)
    return NetworkPredictor(saving.build(ABOUT), Told(target_known=False))


def test_a_saved_network_predicts_what_it_did(predictor: NetworkPredictor, data_of, path_of) -> None:
    data = data_of([4, 3], path_of(0, [1, 2]), path_of(1, [2, 0, 1]))
    told = Told({f"scene {i}": torch.randn(n, 3) for i, n in enumerate((4, 3))}, target_known=False)
    loaded = saving.load(saving.save(predictor, ABOUT))
    assert not loaded.told.target_known
    for a, b in zip(
        predictor.telling(told).predict(data, data.paths),
        loaded.telling(told).predict(data, data.paths),
        strict=True,
    ):
        np.testing.assert_array_equal(a.log_p, b.log_p)
        np.testing.assert_array_equal(a.log_end, b.log_end)


def test_a_file_says_what_it_is_of(predictor: NetworkPredictor) -> None:
    data = saving.save(predictor, ABOUT, {"mean": torch.arange(3.0)})
    saved = saving.read(data)
    assert saved.about == ABOUT
    assert saved.arrays["mean"].tolist() == [0, 1, 2]
    assert saved.weights.keys() == predictor.network.state_dict().keys()
    assert data == saving.save(saving.load(data), ABOUT, saved.arrays)


def test_files_of_another_kind_are_refused_in_a_sentence(predictor: NetworkPredictor) -> None:
    tensors = {"w": torch.zeros(2)}
    newer = json.dumps({**ABOUT.model_dump(mode="json"), "version": 2})
    for data in (
        b"",
        b"\x80\x04K\x01.",  # pickled
        as_bytes(tensors),
        as_bytes(tensors, metadata={"about": "{}]"}),
        as_bytes(tensors, metadata={"about": newer}),
        saving.save(predictor, ABOUT)[:-5],
    ):
        with pytest.raises(
            DataError, match=r"must be one that `cogattn scanpath` wrote.*\(other\.safetensors\)"
        ):
            saving.load(data, source="other.safetensors")


def test_weights_that_do_not_fit_are_refused(predictor: NetworkPredictor) -> None:
    other = ABOUT.model_copy(update={"n_features": 4})
    with pytest.raises(ObserverError, match="must fit ScanpathNetwork"):
        saving.load(saving.save(predictor, other))


def test_loading_leaves_torchs_generator_alone(predictor: NetworkPredictor) -> None:
    data, before = saving.save(predictor, ABOUT), torch.get_rng_state()
    saving.load(data)
    assert torch.equal(torch.get_rng_state(), before)


def test_the_published_model_needs_a_grid() -> None:
    with pytest.raises(DataError, match="must have a grid"):
        saving.build(About(model="published"))
