"""What is wrong is said before the first cell, in one sentence that begins with the setting's path."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from cogattn.errors import CogattnError, ConfigError, DataError
from cogattn.psychophysics.naming.config import NamingConfig
from cogattn.psychophysics.naming.study import NamingStudy
from cogattn.vision.images.categories import CATEGORIES


def refusal(**settings: object) -> CogattnError:
    """What `check` says of settings that hold by themselves."""
    config = NamingConfig.parse(settings)
    with pytest.raises(CogattnError) as caught:
        NamingStudy().check(config)
    assert "\n" not in str(caught.value)
    return caught.value


def pictures(root: Path, names: list[str], *, n: int = 1) -> dict[str, object]:
    for name in names:
        (root / name).mkdir(parents=True)
        for i in range(n):
            Image.fromarray(np.full((64, 64), 99, np.uint8)).save(root / name / f"{i}.png")
    return {"kind": "folder", "path": str(root), "layout": "categories", "size": 64}


def test_cue_conflicts_must_be_there_and_whole(tmp_path: Path):
    shown = {"kind": "conflicts", "path": str(tmp_path / "cues")}
    timm = {"kind": "timm"}
    assert str(refusal(observer=timm, shown=shown)).startswith("shown.path must hold images")
    (tmp_path / "cues" / "bear").mkdir(parents=True)
    Image.fromarray(np.zeros((8, 8, 3), np.uint8)).save(tmp_path / "cues" / "bear" / "bear1-cat1.png")
    NamingStudy().check(NamingConfig.parse({"observer": timm, "shown": shown}))
    (tmp_path / "cues" / "bear" / "bear2-cat1.png").write_bytes(b"no image")
    assert "bear2-cat1.png (is not an image)" in str(refusal(observer=timm, shown=shown))


def test_a_readout_must_be_trained_on_the_categories_that_are_named(tmp_path: Path):
    (tmp_path / "cues" / "bear").mkdir(parents=True)
    Image.fromarray(np.zeros((8, 8, 3), np.uint8)).save(tmp_path / "cues" / "bear" / "bear1-cat1.png")
    published = {"kind": "conflicts", "path": str(tmp_path / "cues")}
    error = refusal(shown=published)
    assert isinstance(error, ConfigError)
    assert str(error).startswith(
        "images must show the 16 categories of the images that are named, airplane, bear,"
    )
    assert "got anchor, arrow" in str(error)
    own = pictures(tmp_path / "kinds", [f"kind {k}" for k in range(16)], n=3)
    readout = {"kind": "readout", "train_per_category": 2}
    assert "to train a readout; got kind 0" in str(refusal(observer=readout, images=own))
    right = pictures(tmp_path / "right", list(CATEGORIES), n=3)
    NamingStudy().check(NamingConfig.parse({"observer": readout, "images": right, "shown": published}))


def test_imagenet_s_classes_are_not_asked_of_drawn_objects(networks, tmp_path: Path):
    for observer in ({"kind": "timm"}, networks("classes")):
        error = refusal(observer=observer)
        assert str(error).startswith("shown must show the 16 categories of Geirhos et al. (2018)")
        assert "give shown.path, or use observer.kind = readout" in str(error)
        assert str(refusal(observer=observer, shown={"kind": "attacked"})).startswith(
            "images must show the 16"
        )


def test_people_who_named_cannot_stand_beside_attacks(tmp_path: Path):
    (tmp_path / "people.csv").write_text(
        "person,image,category,response\nann,x,bear,bear\n", encoding="utf-8"
    )
    error = refusal(shown={"kind": "attacked"}, humans=str(tmp_path / "people.csv"))
    assert str(error).startswith("humans must be a table of persons, or empty, with shown.kind = attacked")
    with pytest.raises(ConfigError, match=r"shown\.kind must be conflicts or set"):
        NamingConfig.parse({"observer": {"kind": "human"}, "shown": {"kind": "attacked"}})


@pytest.mark.parametrize("epsilons", [[0.1, 0.1], [-0.1], [0.0, 0.1]], ids=str)
def test_radii_must_be_above_zero_and_rise(epsilons: list[float]):
    with pytest.raises(ConfigError, match=r"shown\.epsilons"):
        NamingConfig.parse({"shown": {"kind": "attacked", "epsilons": epsilons}})


def test_people_who_saw_no_conflict_cannot_be_asked_for_their_shape_bias(tmp_path: Path):
    (tmp_path / "people.csv").write_text(
        "person,image,category,response\nann,x,bear,bear\n", encoding="utf-8"
    )
    error = refusal(observer={"kind": "human", "table": str(tmp_path / "people.csv")})
    assert isinstance(error, DataError)
    assert str(error).startswith("observer.table must name people who saw cue-conflict images")


def test_the_default_run_is_checked_without_torch_or_timm():
    code = (
        "import sys; from cogattn.psychophysics.naming.study import NamingStudy; s = NamingStudy();"
        "c = s.demo(); s.check(c); [s.relevant(c, cell) for cell in s.cells(c)]; s.inputs(c);"
        "sys.exit(bool({'torch', 'timm'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
