"""``like = people``: the stimuli that people saw, spelled out; nothing else, and nothing where they are not known."""

from __future__ import annotations

import tomllib

import pytest

from cogattn.errors import ConfigError
from cogattn.psychophysics.masking.config import MaskingConfig, NoiseSettings, StimulusSettings
from cogattn.psychophysics.masking.study import MaskingStudy

SPELLED_OUT = {
    "noise": {"bands": "pyramid", "n_bands": 7, "sds": [0, 0.02, 0.04, 0.08, 0.16]},
    "stimulus": {"scale": "code", "contrast": 0.2, "mean": 0.449, "clipping": "reference"},
}
TEMPLATE = {"observer": {"kind": "template"}, "images": {"n_images": 32}}


def settings_of(config: MaskingConfig) -> dict[str, str]:
    study = MaskingStudy()
    return {cell.key: study.relevant(config, cell).canonical() for cell in study.cells(config)}


@pytest.mark.parametrize("observer", [{"kind": "template"}, {"kind": "readout"}], ids=["template", "readout"])
def test_people_s_stimuli_are_the_settings_spelled_out(observer: dict[str, str]):
    base = TEMPLATE | {"observer": observer}
    like, spelled = (MaskingConfig.parse(base | more) for more in ({"like": "people"}, SPELLED_OUT))
    assert (like.noise, like.stimulus) == (spelled.noise, spelled.stimulus)
    assert settings_of(like) == settings_of(spelled) != settings_of(MaskingConfig.parse(base))


def test_what_people_s_stimuli_leave_open_is_as_it_was_given():
    config = MaskingConfig.parse(
        TEMPLATE | {"like": "people", "stimulus": {"strict": True}, "noise": {"lowest_cpi": 2.0}}
    )
    assert config.stimulus.strict
    assert config.noise.lowest_cpi == 2
    assert MaskingConfig(like="people", noise=NoiseSettings(lowest_cpi=2.0)).noise == config.noise


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"noise": {"bands": "octave"}}, "noise.bands must be left out, or what people saw, .* got octave"),
        ({"noise": {"n_bands": 5}}, "noise.n_bands must be left out"),
        ({"noise": {"sds": [0, 0.01, 0.02]}}, "noise.sds must be left out"),
        ({"stimulus": {"contrast": 0.3}}, "stimulus.contrast must be left out"),
        ({"stimulus": {"mean": 0.5}}, "stimulus.mean must be left out"),
        ({"stimulus": {"scale": "luminance"}}, "stimulus.scale must be left out"),
        ({"stimulus": StimulusSettings(clipping="clip")}, "stimulus.clipping must be left out"),
        ({"noise": 3}, "noise must be"),
        (
            {"humans": "own.csv"},
            "like must be settings where it is not known what humans saw; got people and own.csv",
        ),
    ],
    ids=["bands", "n_bands", "sds", "contrast", "mean", "scale", "an instance", "no group", "unknown people"],
)
def test_what_contradicts_people_s_stimuli_is_refused(given: dict[str, object], sentence: str):
    with pytest.raises(ConfigError, match=f"^{sentence}"):
        MaskingConfig.parse(TEMPLATE | {"like": "people"} | given)


def test_given_as_people_saw_it_nothing_is_refused_and_settings_survive_their_files():
    config = MaskingConfig.parse(TEMPLATE | {"like": "people"} | SPELLED_OUT)
    assert config == MaskingConfig.parse(TEMPLATE | {"like": "people"})
    assert MaskingConfig.model_validate_json(config.canonical()) == config
    assert MaskingConfig.parse(tomllib.loads(config.to_toml())) == config
