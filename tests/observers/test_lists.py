"""Networks from a list file or by a pattern: the settings hold the names, in their order, each once."""

from __future__ import annotations

from pathlib import Path

import pytest
import timm

from cogattn.errors import ConfigError
from cogattn.psychophysics.masking.config import MaskingConfig


def observer(**settings: object) -> MaskingConfig:
    return MaskingConfig.parse({"observer": settings})


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_list_is_the_same_as_its_names(folder: Path) -> None:
    (folder / "networks.txt").write_text(
        "\ufeff# my networks\nresnet50   # the usual one\n\n  vgg16.tv_in1k\n#vit_tiny\n", encoding="utf-8"
    )
    listed = observer(kind="timm", models=["resnet18", "@networks.txt"])
    spelled = observer(kind="timm", models=["resnet18", "resnet50", "vgg16.tv_in1k"])
    assert listed == spelled
    assert listed.digest() == spelled.digest()
    assert observer(kind="readout", models="@networks.txt").observer.models == ("resnet50", "vgg16.tv_in1k")


def test_factories_and_checkpoints_come_from_lists_too(folder: Path) -> None:
    (folder / "nets.txt").write_text("lab:build( width = 2 )\nlab:build(tag='#1')\n")
    (folder / "files.txt").write_text("a/*.pt\nbest.pth\n")
    assert observer(kind="factory", target="@nets.txt").observer.target == (
        "lab:build(width=2)",
        "lab:build(tag='#1')",
    )
    checkpoints = observer(
        kind="factory", target="lab:build", checkpoints=["@files.txt"]
    ).observer.checkpoints
    assert checkpoints == ("a/*.pt", "best.pth")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (
            "resnet50\nvgg16\n# c\nresnet50\n",
            r"each name once, not resnet50 twice \(nets\.txt, lines 1 and 4\)",
        ),
        ("# nothing\n\n", r"a list that holds a name; this one has none \(nets\.txt\)"),
        ("resnet50\n@more.txt\n", r"lists of names, not of lists \(nets\.txt, line 2: @more\.txt\)"),
        (b"resnet\xff50\n", r"text in UTF-8; byte 6 is none \(nets\.txt\)"),
        (b"x" * (1 << 20) + b"y", r"at most a megabyte \(nets\.txt\)"),
        (None, r"a readable list; there is no such file \(@nets\.txt"),
    ],
    ids=["a name twice", "no name", "a list of lists", "no text", "too large", "no file"],
)
def test_a_list_that_breaks_a_rule_is_refused_with_its_place(
    folder: Path, text: str | bytes | None, told: str
) -> None:
    if text is not None:
        (folder / "nets.txt").write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(ConfigError, match=rf"^observer\.models must come from .*{told}"):
        observer(kind="timm", models=["@nets.txt"])


def test_a_folder_is_no_list(folder: Path) -> None:
    with pytest.raises(ConfigError, match="a readable list; there is not a file"):
        observer(kind="timm", models=["@."])


def test_a_pattern_fits_architectures_and_with_a_dot_tags() -> None:
    """timm's own list is the truth: what it has weights for, once each, in its order."""
    known = timm.list_pretrained()
    found = observer(kind="timm", models=["resnet5?", "vgg11"]).observer.models
    whole = dict.fromkeys(name.partition(".")[0] for name in known)
    assert found == (*(n for n in whole if n.startswith("resnet5") and len(n) == 8), "vgg11")
    assert "resnet50" in found
    tagged = observer(kind="readout", models=["resnet50.*"]).observer.models
    assert tagged == tuple(name for name in known if name.partition(".")[0] == "resnet50")
    assert len(tagged) > 3


def test_what_two_patterns_fit_counts_once_and_what_none_fits_is_refused() -> None:
    names = observer(kind="timm", models=["resnet50", "resnet5?", "resnet50*d"]).observer.models
    assert names[0] == "resnet50"
    assert observer(kind="timm", models=["resnet5?", "resnet50"]).observer.models[-1] == "resnet50"
    assert len(set(names)) == len(names) > 1
    with pytest.raises(
        ConfigError, match=r"^observer\.models must be patterns that fit .*; resnit\* fits none"
    ):
        observer(kind="timm", models=["resnit*"])
    with pytest.raises(ConfigError, match="must name each observer once, not resnet50 twice"):
        observer(kind="timm", models=["resnet50", "resnet50"])
