"""What is wrong is said before the first cell, in one sentence that begins with the setting's path."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from cogattn.errors import CogattnError, ConfigError, DataError, ObserverError
from cogattn.observers import hub
from cogattn.psychophysics.masking.config import MaskingConfig
from cogattn.psychophysics.masking.study import MaskingStudy
from cogattn.vision.images.categories import CATEGORIES

COUNTS = "observer,noise_sd,band,n_correct,n_trials\n"
LITE0 = "tf_efficientnet_lite0"


def refusal(settings: dict[str, object]) -> CogattnError:
    """What `check` says of settings that hold by themselves."""
    config = MaskingConfig.parse(settings)
    with pytest.raises(CogattnError) as caught:
        MaskingStudy().check(config)
    assert "\n" not in str(caught.value)
    return caught.value


def folder(path: Path, **more: object) -> dict[str, object]:
    return {"kind": "folder", "path": str(path), "size": 64, "layout": "categories", **more}


def pictures(root: Path, names: list[str], *, n: int = 1) -> Path:
    for name in names:
        (root / name).mkdir(parents=True)
        for i in range(n):
            Image.fromarray(np.full((64, 64), 99, np.uint8)).save(root / name / f"{i}.png")
    return root


NAMES = [f"kind {k}" for k in range(16)]
FEW_BANDS = {"n_bands": 3}


@pytest.mark.parametrize("models", [["resnet5"], [LITE0, "resnet5"]])
def test_an_unknown_model_is_refused_also_in_a_list(models: list[str]):
    error = refusal({"observer": {"kind": "readout", "models": models}})
    assert isinstance(error, ObserverError)
    assert str(error).startswith("observer.models must be names that timm knows; got resnet5")


def test_weights_out_of_reach_are_refused(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(hub, "cached_file", lambda name: None)
    monkeypatch.setattr(hub, "answers", lambda place: False)
    error = refusal({"observer": {"kind": "readout", "models": [LITE0, "resnet18.a1_in1k"]}})
    assert "out of reach" in str(error)


def test_weights_that_are_no_file_or_of_another_network_are_refused(tmp_path: Path):
    from safetensors.torch import save_file

    from cogattn.observers.weights import create

    other = tmp_path / "other.safetensors"
    save_file(create("test_vit", weights="random", seed=0).state_dict(), other)
    model = {"kind": "readout", "models": ["test_efficientnet"]}
    assert str(refusal({"observer": model | {"weights": "nowhere.pth"}})).startswith("observer.weights must")
    assert "must fit" in str(refusal({"observer": model | {"weights": str(other)}}))


@pytest.mark.parametrize("observer", [{"kind": "timm"}, "classes"])
def test_imagenet_s_classes_are_not_asked_of_other_categories(networks, tmp_path: Path, observer):
    observer = networks(observer) if isinstance(observer, str) else observer
    images = folder(pictures(tmp_path / "kinds", NAMES))
    error = refusal({"observer": observer, "images": images, "noise": FEW_BANDS, "humans": people(tmp_path)})
    assert isinstance(error, ConfigError)
    assert str(error).startswith("images must show the 16 categories")


def test_drawn_images_are_not_shown_to_a_timm_network():
    assert "observer.kind = readout" in str(refusal({"observer": {"kind": "timm"}}))


def people(root: Path, *, n_bands: int = 3) -> str:
    rows = [f"ann,{sd},{band},5,9\n" for sd in (0, 0.02, 0.04) for band in range(n_bands)]
    (root / "people.csv").write_text(COUNTS + "".join(rows), encoding="utf-8")
    return str(root / "people.csv")


@pytest.mark.parametrize(
    ("factory", "sentence"),
    [
        ("nothing_of_this_name", "observer.target must be importable"),
        (
            "blocks",
            "observer .* must answer with 1000 ImageNet classes or the 4 categories of the images; got 16",
        ),
    ],
)
def test_a_factory_that_cannot_be_had_or_does_not_fit_is_refused(
    networks: Callable[[str], dict[str, object]], tmp_path: Path, factory: str, sentence: str
):
    images = folder(pictures(tmp_path / "kinds", NAMES[:4]))
    settings = {
        "observer": networks(factory),
        "images": images,
        "noise": FEW_BANDS,
        "humans": people(tmp_path),
    }
    config = MaskingConfig.parse(settings)
    with pytest.raises(ObserverError, match=sentence):
        MaskingStudy().check(config)


def test_a_module_that_is_not_there_is_refused():
    error = refusal({"observer": {"kind": "factory", "target": "no_such_module_anywhere:build"}})
    assert isinstance(error, ObserverError)
    assert "no_such_module_anywhere" in str(error)


def test_a_readout_needs_images_beyond_those_that_train_it(tmp_path: Path):
    images = folder(pictures(tmp_path / "kinds", NAMES[:3], n=4))
    settings = {"images": images, "noise": FEW_BANDS, "humans": people(tmp_path)}
    error = refusal(settings | {"observer": {"train_per_category": 4}})
    assert str(error).startswith("observer.train_per_category must leave images to test with; got 4 of the 4")
    MaskingStudy().check(MaskingConfig.parse(settings | {"observer": {"train_per_category": 3}}))


@pytest.mark.parametrize("setting", ["humans", "observer.table"])
@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (None, "must be one of subramanian2023 or a readable CSV file"),
        (b"observer,noise_sd,band\nann,0,0\n", "must have the column image"),
        (COUNTS.encode() + b"ann,0,0,5,4\n", "must have no more than n_trials"),
        (
            COUNTS.encode() + b"ann,0,0,1,2\nZo\xeb,0,0,1,2\n",
            "must be a CSV file in UTF-8; got the byte 0xeb",
        ),
        (
            COUNTS.encode() + b"ann,0,6,1,2\nann,0.1,6,1,2\nbob,0,6,1,2\n",
            "must have trials with noise of every person; got none of bob",
        ),
        (COUNTS.encode() + b"ann,0.1,9,1,2\n", "must have as many bands as noise.n_bands, 7; got 10 bands"),
    ],
)
def test_a_table_of_people_is_refused_by_the_setting_that_names_it(
    tmp_path: Path, setting: str, content: bytes | None, sentence: str
):
    path = tmp_path / "people.csv"
    if content is not None:
        path.write_bytes(content)
    given = (
        {"humans": str(path)} if setting == "humans" else {"observer": {"kind": "human", "table": str(path)}}
    )
    error = refusal(given)
    assert isinstance(error, DataError)
    assert str(error).startswith(f"{setting} {sentence}")
    assert str(path) in str(error)
    if content is not None and b"\xeb" in content:
        assert "line 3" in str(error)


def test_people_to_compare_with_are_read_even_where_people_are_tested(tmp_path: Path):
    error = refusal({"observer": {"kind": "human"}, "humans": str(tmp_path / "nowhere.csv")})
    assert str(error).startswith("humans must be one of subramanian2023 or a readable CSV file")


def test_a_missing_or_damaged_folder_is_refused(tmp_path: Path):
    timm = {"observer": {"kind": "timm"}, "noise": FEW_BANDS, "humans": people(tmp_path)}
    assert str(refusal(timm | {"images": folder(tmp_path / "nowhere")})).startswith(
        "images.path must be a folder"
    )
    names = pictures(tmp_path / "kinds", list(CATEGORIES), n=2)
    (names / "dog" / "1.png").write_bytes(b"no image")
    strict = {"stimulus": {"strict": True}}
    assert "dog/1.png" in str(refusal(timm | strict | {"images": folder(names)}))
    MaskingStudy().check(MaskingConfig.parse(timm | strict | {"images": folder(names), "stimulus": {}}))


def test_bands_and_channels_that_an_image_cannot_hold_are_refused(tmp_path: Path):
    template = {"observer": {"kind": "template", "center_cpi": 200.0, "bandwidth_octaves": 0.1}}
    assert str(refusal(template | {"images": {"size": 224}})).startswith("observer.center_cpi")
    pyramid = {"bands": "pyramid", "n_bands": 9}
    error = refusal({"observer": {"kind": "template"}, "images": {"size": 32}, "noise": pyramid})
    assert str(error).startswith("noise.n_bands")


def test_what_is_right_is_not_refused():
    study = MaskingStudy()
    study.check(study.demo())
    study.check(MaskingConfig.parse({"observer": {"kind": "human"}}))
    study.check(MaskingConfig.parse({"observer": {"kind": "template"}}))


def test_the_default_run_is_checked_without_torch_or_timm():
    code = (
        "import sys; from cogattn.psychophysics.masking.study import MaskingStudy; s = MaskingStudy();"
        "c = s.demo(); s.check(c); [s.relevant(c, cell) for cell in s.cells(c)]; s.inputs(c);"
        "sys.exit(bool({'torch', 'timm'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
