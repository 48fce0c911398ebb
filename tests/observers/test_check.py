"""Checked before any work: names, weights, checkpoints, factories; each refusal is one sentence."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from cogattn.errors import CogattnError, ConfigError, ObserverError, ObserversRefused
from cogattn.observers.build import build_network
from cogattn.observers.check import check
from cogattn.observers.config import (
    FactoryObserver,
    ModuleObserver,
    NetworkObserver,
    ReadoutObserver,
    TimmObserver,
)
from cogattn.observers.live import register

BUILD = FactoryObserver(target="lab:build", image_size=16)


def refused(settings: NetworkObserver, error: type[CogattnError], told: str) -> None:
    with pytest.raises(error, match=told) as caught:
        check(settings)
    if isinstance(caught.value, ObserversRefused) and len(caught.value.reasons) > 1:
        return  # a line for each
    assert "\n" not in str(caught.value)
    assert str(caught.value).startswith(("observer.", "the weights of", "weights must", "tf_efficientnet"))


@pytest.fixture
def weights(lab, tmp_path: Path) -> Path:
    """A folder with checkpoints that fit, do not fit, and are damaged."""
    state = build_network(BUILD, "lab:build", seed=0).module.state_dict()
    torch.save(state, "fits.pt")
    torch.save({"extra": torch.ones(2)}, "other.pt")
    (tmp_path / "damaged.pt").write_bytes(Path("fits.pt").read_bytes()[:-200])
    (tmp_path / "empty.pt").touch()
    return tmp_path


@pytest.mark.parametrize(
    "settings",
    [
        TimmObserver(),
        ReadoutObserver(),
        TimmObserver(models=("test_resnet", "vgg16"), weights="random"),
        BUILD,
        FactoryObserver(target=("lab:build", "lab:build(width=2)"), image_size=16),
        FactoryObserver(target="lab:build", checkpoints=("fits.pt",), image_size=16),
    ],
)
@pytest.mark.usefixtures("weights")
def test_observers_that_can_be_built_pass(settings: NetworkObserver):
    check(settings)


@pytest.mark.parametrize("kind", [TimmObserver, ReadoutObserver])
@pytest.mark.parametrize("source", ["auto", "random"])
def test_every_name_is_looked_up(kind: type[TimmObserver | ReadoutObserver], source: str):
    settings = kind(models=("tf_efficientnet_lite0", "resnet5000"), weights=source)
    refused(
        settings,
        ObserverError,
        r"observer\.models must be names that timm knows; got resnet5000; did you mean",
    )


def test_weights_out_of_reach_are_told(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("cogattn.observers.hub.constants.ENDPOINT", "http://127.0.0.1:9")
    refused(TimmObserver(models=("resnet18",)), ObserverError, r"the weights of resnet18 .* out of reach")


@pytest.mark.usefixtures("lab")
@pytest.mark.parametrize(
    ("file", "told"),
    [
        (
            "missing.pth",
            "observer.weights must be auto, random, or a .safetensors or .pth file; got missing.pth",
        ),
        ("fits.pth", "weights must fit ResNet tensor by tensor"),
        ("empty.pth", "tensors only; got 0 bytes"),
    ],
)
def test_a_weights_file_is_looked_into(file: str, told: str):
    torch.save({"extra": torch.ones(2)}, "fits.pth")
    Path("empty.pth").touch()
    refused(TimmObserver(models=("test_resnet",), weights=file), ObserverError, told)


@pytest.mark.usefixtures("weights")
@pytest.mark.parametrize(
    ("patterns", "error", "told"),
    [
        (
            ("fits.pt", "none/*.pt"),
            ConfigError,
            r"observer\.checkpoints must name existing files; got none/\*\.pt",
        ),
        (
            ("fits.pt", "missing.pt"),
            ConfigError,
            r"observer\.checkpoints must name existing files; got missing\.pt",
        ),
        (("fits.pt", "other.pt"), ObserverError, r"extra belongs to no layer.*\(other\.pt\)"),
        (("fits.pt", "damaged.pt"), ObserverError, r"tensors only; got .*\(damaged\.pt\)"),
        (("*.pt",), ObserverError, r"tensors only; got 0 bytes \(empty\.pt\)"),
    ],
)
def test_every_checkpoint_is_looked_into(patterns: tuple[str, ...], error: type[CogattnError], told: str):
    refused(FactoryObserver(target="lab:build", checkpoints=patterns, image_size=16), error, told)


@pytest.mark.usefixtures("lab")
@pytest.mark.parametrize(
    ("target", "told"),
    [
        ("no_lab:build", r"observer\.target must be importable; got ModuleNotFoundError.*\(no_lab:build\)"),
        ("lab:missing", r"observer\.target must be importable; got AttributeError.*\(lab:missing\)"),
        (
            "lab:build(depth=3)",
            r"observer\.target must build a network with its arguments; got TypeError.*depth",
        ),
        ("lab:unrelated", r"observer\.target must return a torch\.nn\.Module; got int"),
    ],
)
def test_every_factory_is_called(target: str, told: str):
    refused(FactoryObserver(target=("lab:build", target), image_size=16), ObserverError, told)


def test_a_live_network_must_be_here():
    settings = register(torch.nn.Sequential(torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten()))
    check(settings)
    refused(
        ModuleObserver(name="away", digest="0" * 64), ObserverError, r"observer\.digest must be of a network"
    )


def test_what_was_known_of_a_factory_is_forgotten(weights: Path):
    settings = FactoryObserver(target="lab:loaded", image_size=16)
    state = torch.load(weights / "fits.pt", weights_only=True)
    torch.save(state, weights / "ck.pt")
    check(settings)
    before = build_network(settings, "lab:loaded", seed=0).module.state_dict()["gain"].clone()
    torch.save({**state, "gain": state["gain"] + 1}, weights / "ck.pt")
    check(settings)
    assert torch.equal(build_network(settings, "lab:loaded", seed=0).module.state_dict()["gain"], before + 1)
