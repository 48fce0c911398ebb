"""A trial's picture has the pixels that the observer was given."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from cogattn.exhibits import Picture
from cogattn.psychophysics.masking import respond
from cogattn.psychophysics.masking.config import MaskingConfig
from cogattn.psychophysics.masking.study import MaskingStudy
from cogattn.study import streams_of

WAYS = {
    "octave": {"noise": {"bands": "octave", "n_bands": 4, "lowest_cpi": 3.5, "sds": [0, 0.04, 0.16]}},
    "reference": {
        "noise": {"bands": "pyramid", "n_bands": 4, "sds": [0, 0.04, 0.16]},
        "stimulus": {"clipping": "reference", "contrast": 0.6},
    },
    "luminance": {
        "noise": {"n_bands": 4, "lowest_cpi": 3.5, "sds": [0, 0.04, 0.16]},
        "stimulus": {"scale": "luminance"},
    },
}


ROUNDING = 2e-6
"""On some processors a transform of one image rounds otherwise than of many: a last bit or two of float32."""


def config_of(way: str) -> MaskingConfig:
    return MaskingConfig.parse(
        {
            "observer": {"kind": "template", "center_cpi": 8.0},
            "images": {"n_images": 48, "size": 64},
            **WAYS[way],
        }
    )


@pytest.mark.parametrize("way", WAYS)
def test_a_trial_s_picture_has_the_pixels_that_the_observer_saw(way: str, monkeypatch: pytest.MonkeyPatch):
    seen: list[torch.Tensor] = []
    answer = respond._named
    monkeypatch.setattr(respond, "_named", lambda *given: (seen.append(given[3].clone()), answer(*given))[1])
    study, config = MaskingStudy(), config_of(way)
    (cell,) = study.cells(config)
    relevant = study.relevant(config, cell)
    trials = study.run_cell(relevant, cell, streams_of(relevant, cell))
    given = torch.cat(seen).numpy()
    assert len(given) == len(trials) == 48
    for row, pixels in zip(trials.to_dict("records"), given, strict=True):
        shown = study.stimulus(config, "masking", row)
        assert shown is not None
        noisy, clean = shown.parts
        assert isinstance(noisy, Picture)
        assert isinstance(clean, Picture)
        np.testing.assert_allclose(noisy.pixels, pixels, rtol=0, atol=ROUNDING)
        assert np.array_equal(noisy.pixels, clean.pixels) == (row["noise_sd"] == 0)
        assert shown.facts["pixels clipped"] == row["n_clipped"]


def test_people_of_a_table_and_images_that_the_run_has_not_have_no_picture():
    study, config = MaskingStudy(), config_of("octave")
    assert study.stimulus(config, "people", {"observer": "x", "noise_sd": 0.04, "band": 2}) is None
    assert study.stimulus(config, "masking", {"image": "none", "noise_sd": 0.04, "band": 2}) is None
