"""From settings to networks: timm's own preprocessing, one per process, factories, lists, lazy imports."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import timm
import torch
from torch import nn

from cogattn.errors import ObserverError
from cogattn.observers import build_network, list_models
from cogattn.observers.build import INTERPOLATIONS, check_model_name, timm_network
from cogattn.observers.config import FactoryObserver, ReadoutObserver, TimmObserver
from cogattn.observers.wheels import WHEELS

UNTRAINED = TimmObserver(models=("test_resnet", "test_vit"), weights="random")

FACTORY = """
import torch
from torch import nn

class Scores(nn.Module):
    def forward(self, images):
        return images.mean(dim=(2, 3))

class Tuple(nn.Module):
    def forward(self, images):
        return images, images

def good(): return Scores()
def no_module(): return 3
def flat(): return nn.Flatten(0)
def infinite(): return nn.Sequential(Scores(), nn.Hardshrink(), nn.Threshold(2.0, float("inf")))
def several(): return Tuple()
def failing(): raise KeyError("checkpoint")
def needing(path): return Scores()
not_callable = 3
"""


@pytest.fixture
def my_models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A module in the current folder."""
    file = tmp_path / "my_models.py"
    file.write_text(FACTORY)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.delitem(sys.modules, "my_models", raising=False)
    return file


@pytest.mark.parametrize("name", ["test_resnet", "test_vit", "tf_efficientnet_lite2"])
def test_preprocessing_is_that_of_timm_s_data_config(name: str):
    network = timm_network(timm.create_model(name), name=name, device="cpu")
    config = timm.data.resolve_model_data_config(network.module)
    assert network.mean == config["mean"]
    assert network.std == config["std"]
    assert (3, network.input_size, network.input_size) == config["input_size"]
    assert network.interpolation == INTERPOLATIONS[config["interpolation"]]


def test_answers_are_timm_s_for_timm_s_own_transform():
    from torchvision.transforms.functional import to_pil_image

    network = build_network(UNTRAINED, "test_resnet", seed=0)
    image = torch.randint(0, 256, (3, 200, 200), generator=torch.Generator().manual_seed(0)).div(255)
    config = timm.data.resolve_model_data_config(network.module) | {"crop_pct": 1.0}
    transformed = timm.data.create_transform(**config)(to_pil_image(image)).unsqueeze(0)
    theirs = network.module(transformed)
    ours = network.logits(image.unsqueeze(0))
    assert network.input_size != 200
    torch.testing.assert_close(ours, theirs, atol=2e-2 * float(theirs.std()), rtol=0)  # PIL rounds to 8 bits


def test_a_process_keeps_one_network():
    first = build_network(UNTRAINED, "test_resnet", seed=0)
    assert build_network(UNTRAINED, "test_resnet", seed=0) is first
    build_network(UNTRAINED, "test_vit", seed=0)
    assert build_network(UNTRAINED, "test_resnet", seed=0) is not first


def test_the_seed_matters_to_untrained_networks_only():
    trained = build_network(TimmObserver(), "tf_efficientnet_lite0", seed=0)
    assert build_network(ReadoutObserver(), "tf_efficientnet_lite0", seed=1) is trained
    weights = [
        build_network(UNTRAINED, "test_vit", seed=seed).module.state_dict()["head.weight"] for seed in (0, 1)
    ]
    assert not torch.equal(*weights)


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("resnet55", r"got resnet55; did you mean .*resnet50"),
        ("tf_efficientnet_lite0.in21k", r"one of the tags in1k; got in21k"),
        ("../../etc/passwd", r"names that timm knows"),
        ("hf-hub:someone/something", r"names that timm knows"),
        ("", r"names that timm knows"),
    ],
)
def test_unknown_names_are_refused_with_what_is_near(name: str, told: str):
    with pytest.raises(ObserverError, match=told):
        check_model_name(name)


def test_video_and_oblong_networks_are_refused():
    module = timm.create_model("test_resnet", in_chans=1)
    module.pretrained_cfg = module.pretrained_cfg | {"input_size": (1, 160, 160)}
    with pytest.raises(ObserverError, match="square images of three channels"):
        timm_network(module, name="one channel")


@pytest.mark.usefixtures("my_models")
def test_a_factory_s_network_gets_images_as_they_are():
    network = build_network(FactoryObserver(target="my_models:good", image_size=32), "my_models:good", seed=0)
    images = torch.rand(4, 3, 32, 32)
    assert network.n_classes == 3
    torch.testing.assert_close(network.logits(images), images.mean(dim=(2, 3)))
    assert network.logits(torch.rand(1, 3, 64, 64)).shape == (1, 3)


@pytest.mark.usefixtures("my_models")
@pytest.mark.parametrize(
    ("target", "told"),
    [
        ("my_models:missing", r"importable; got AttributeError"),
        ("no_such_module:build", r"importable; got ModuleNotFoundError"),
        ("my_models:not_callable", r"callable; got int"),
        ("my_models:failing", r"without arguments; got KeyError"),
        ("my_models:needing", r"without arguments; got TypeError"),
        ("my_models:no_module", r"return a torch.nn.Module; got int"),
        ("my_models:flat", r"\(2, n_classes\) scores; got \(6144,\)"),
        ("my_models:several", r"answer images \(2, 3, 32, 32\); got AttributeError"),
        ("my_models:infinite", r"finite scores"),
    ],
)
def test_a_factory_that_does_not_answer_is_refused(target: str, told: str):
    with pytest.raises(ObserverError, match=told) as caught:
        build_network(FactoryObserver(target=target, image_size=32), target, seed=0)
    assert target in str(caught.value)


def test_installed_wheels_lead_the_list_of_models():
    rows = list_models()
    lite0 = next(row for row in rows if row.name == "tf_efficientnet_lite0")
    assert all(row.offline for row in rows)
    assert (lite0.source, lite0.input_size, lite0.n_parameters) == ("wheel", 224, 4_652_008)


@pytest.mark.parametrize("name", WHEELS)
def test_wheels_say_of_their_networks_what_timm_says(name: str):
    module = timm.create_model(name)
    assert WHEELS[name].n_parameters == sum(parameter.numel() for parameter in module.parameters())
    assert WHEELS[name].input_size == timm.data.resolve_model_data_config(module)["input_size"][-1]


def test_the_list_of_what_is_here_needs_no_timm(tmp_path: Path):
    code = "import sys; from cogattn.observers.models import list_models; print(list_models(), 'timm' in sys.modules)"
    environment = {**os.environ, "HF_HOME": str(tmp_path), "HOME": str(tmp_path)}
    environment.pop("HF_HUB_CACHE", None)
    done = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True, env=environment
    )
    assert "tf_efficientnet_lite0" in done.stdout
    assert done.stdout.strip().endswith("False")


def test_the_list_of_models_takes_patterns():
    rows = list_models("vgg*")
    assert {row.name.partition(".")[0] for row in rows} >= {"vgg11", "vgg16_bn"}
    assert all(row.name.startswith("vgg") for row in rows)
    assert [row.name for row in list_models("tf_efficientnet_lite0")] == ["tf_efficientnet_lite0"]
    assert list_models("no such network") == []


def test_settings_and_package_import_no_torch():
    modules = ("check", "config", "content", "models", "observer", "roster", "sources", "targets", "wheels")
    code = (
        "import importlib, sys, cogattn.observers\n"
        f"for name in {modules}: importlib.import_module('cogattn.observers.' + name)\n"
        "sys.exit('torch' in sys.modules or 'timm' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_readout_s_backbone_needs_no_classifier():
    module = timm.create_model("test_vit", num_classes=0)
    network = timm_network(module, name="backbone", device="cpu")
    assert network.n_classes == 0
    assert network.features(torch.rand(1, 3, 160, 160)).shape == (1, 64)


def test_public_names_load_when_used():
    import cogattn.observers

    assert all(getattr(cogattn.observers, name) is not None for name in cogattn.observers.__all__)
    with pytest.raises(AttributeError, match="no_such_name"):
        _ = cogattn.observers.no_such_name


def test_a_network_is_a_module_in_evaluation_mode():
    network = build_network(UNTRAINED, "test_vit", seed=0)
    assert isinstance(network.module, nn.Module)
    assert not network.module.training
