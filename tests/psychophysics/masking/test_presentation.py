"""What observers are shown: contrast, mean and noise are those of the settings, on the scale that these name."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import torch

from cogattn.observers.naming import Namer
from cogattn.psychophysics.masking import respond
from cogattn.psychophysics.masking.config import MaskingConfig
from cogattn.psychophysics.masking.ideal_observer import TemplateResponder
from cogattn.psychophysics.masking.material import training_images, trial_images
from cogattn.psychophysics.masking.presentation import load, stimuli_of
from cogattn.psychophysics.masking.respond import build_respondent
from cogattn.psychophysics.masking.stimuli.composition import to_scale
from cogattn.seeds import Streams
from cogattn.vision.images.categories import CATEGORIES

SD = 0.04
SCALES = ("code", "luminance")


def config_of(scale: str) -> MaskingConfig:
    return MaskingConfig.parse(
        {
            "observer": {"kind": "template", "center_cpi": 8.0},
            "images": {"n_images": 16, "size": 64},
            "noise": {"n_bands": 4, "lowest_cpi": 3.5, "sds": [0, SD, 0.08]},
            "stimulus": {"scale": scale},
        }
    )


def trials_of(n: int, sd: float) -> pd.DataFrame:
    return pd.DataFrame({"image": np.arange(n) % 16, "band": np.arange(n) % 4, "noise_sd": sd})


@pytest.mark.parametrize("scale", SCALES)
def test_mean_contrast_and_noise_are_as_set_on_their_scale_and_on_no_other(scale: str):
    config = config_of(scale)
    images, trials = trial_images(config), trials_of(16, SD)
    stimuli, clean = stimuli_of(config, images, trials)
    assert stimuli.n_clipped.sum() == 0
    for other in SCALES:
        seen, without = to_scale(stimuli.images, other).double(), to_scale(clean, other).double()
        own = to_scale(torch.from_numpy(load(images, trials["image"].to_numpy())), other).double()
        found = (
            without.mean((1, 2)) / 0.449,
            without.std((1, 2)) / (0.2 * own.std((1, 2))),
            (seen - without).square().mean((1, 2)).sqrt() / SD,
        )
        as_set = [torch.allclose(ratio, torch.ones_like(ratio), atol=1e-3) for ratio in found]
        assert as_set == [other == scale] * 3


@pytest.mark.parametrize("scale", SCALES)
def test_a_readout_is_trained_on_stimuli_without_noise_on_the_same_scale(
    scale: str, monkeypatch: pytest.MonkeyPatch
):
    trained = []
    namer = Namer(CATEGORIES, lambda images: images.mean((1, 2, 3)), torch.device("cpu"))
    monkeypatch.setattr(respond, "build_namer", lambda *_, training, **__: trained.append(training) or namer)
    readout = {"kind": "readout", "models": ["test_vit"], "weights": "random", "train_per_category": 2}
    config = MaskingConfig.parse(config_of(scale).model_dump() | {"observer": readout})
    build_respondent(config, "test_vit", CATEGORIES)
    (training,) = trained
    images = training_images(config)
    shown = pd.DataFrame({"image": np.arange(len(images)), "band": 0, "noise_sd": 0.0})
    clean = stimuli_of(config, images, shown)[1]
    torch.testing.assert_close(training.stimuli(), clean[:, None].expand(-1, 3, -1, -1))
    assert training.labels.tolist() == images.labels.tolist()


def test_noise_of_a_trial_is_the_same_field_on_both_scales():
    fields = []
    for scale in SCALES:
        config = config_of(scale)
        stimuli, clean = stimuli_of(config, trial_images(config), trials_of(16, SD))
        fields.append(to_scale(stimuli.images, scale) - to_scale(clean, scale))
    torch.testing.assert_close(*fields, atol=1e-6, rtol=0)


@pytest.mark.parametrize("scale", SCALES)
def test_an_ideal_observer_looks_at_the_scale_on_which_noise_was_added(scale: str):
    config = config_of(scale)
    images, trials = trial_images(config), trials_of(256, 0.08)
    stimuli, clean = stimuli_of(config, images, trials)
    labels = images.labels[trials["image"]]
    answers = build_respondent(config, "template", images.categories).answer(stimuli.images, clean, labels)
    observer = TemplateResponder(config.observer, 64, rng=Streams(0).generator("template"))
    expected = {
        other: observer.name(to_scale(stimuli.images, other), to_scale(clean, other), labels, n_categories=16)
        for other in SCALES
    }
    assert np.array_equal(answers, expected[scale])
    if scale == "luminance":
        assert (expected["code"] != expected["luminance"]).any()
