"""Live networks: known by what they are, kept as they were, sent to this process's own workers and nobody else's."""

from __future__ import annotations

import copy
import hmac
import importlib.util
import multiprocessing
import pickle
import subprocess
import sys
import textwrap
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import pytest
import timm
import torch
from torch import nn

from cogattn.errors import ObserverError
from cogattn.observers import live
from cogattn.observers.build import build_network
from cogattn.observers.config import ModuleObserver
from cogattn.observers.content import content_of, forget


class Means(nn.Module):
    """Three scores, weighted means of the channels."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.tensor([1.0, 2.0, 3.0]))

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return images.mean(dim=(2, 3)) * self.weight


class Payload:
    """Leaves a file behind if anyone unpickles it."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self):
        return (Path.touch, (self.mark,))


class Unpicklable:
    """Can be copied and no more."""

    def __deepcopy__(self, memo: object) -> Unpicklable:
        return self

    def __reduce__(self):
        raise TypeError("no pickle of it")


def importable() -> nn.Module:
    """A network of torch's own classes."""
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(3, 2, 3), nn.BatchNorm2d(2), nn.AdaptiveAvgPool2d(1), nn.Flatten())


def answers(settings: ModuleObserver) -> torch.Tensor:
    images = torch.rand(4, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    return build_network(settings, settings.name, seed=0).logits(images)


def answers_of_a_worker(parcel: bytes, settings: dict[str, object]) -> list[list[float]]:
    live.restore(parcel)
    return answers(ModuleObserver.model_validate(settings)).tolist()


def family() -> ProcessPoolExecutor:
    return ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn"))


def test_a_network_answers_as_it_does_itself():
    module = Means()
    settings = live.register(module, image_size=16, mean=(0.1, 0.2, 0.3), std=(1, 2, 4))
    images = torch.rand(2, 3, 16, 16)
    expected = module(
        (images - torch.tensor([0.1, 0.2, 0.3]).view(3, 1, 1)) / torch.tensor([1, 2, 4]).view(3, 1, 1)
    )
    torch.testing.assert_close(build_network(settings, settings.name, seed=0).logits(images), expected)
    assert settings.name == "Means"


def test_the_user_s_network_is_neither_frozen_nor_changed():
    module = importable().train()
    before = copy.deepcopy(module.state_dict())
    settings = live.register(module, image_size=16)
    answers(settings)
    assert module.training
    assert all(parameter.requires_grad for parameter in module.parameters())
    assert all(torch.equal(before[key], tensor) for key, tensor in module.state_dict().items())


def test_training_that_goes_on_makes_another_observer():
    module = Means()
    before = live.register(module, image_size=16)
    answered = answers(before)
    with torch.no_grad():
        module.weight += 1
    after = live.register(module, image_size=16)
    forget()
    assert before.digest != after.digest
    assert torch.equal(answers(before), answered)
    assert not torch.equal(answers(after), answered)


def test_nobody_gets_the_copy_that_is_kept():
    settings = live.register(Means())
    with torch.no_grad():
        live.find(settings.digest).weight += 1
    assert torch.equal(live.find(settings.digest).weight, Means().weight)


def test_equal_networks_are_one_observer():
    assert live.register(importable()) == live.register(importable())
    assert (
        live.register(Means(), image_size=16).digest
        == live.register(copy.deepcopy(Means()), image_size=32).digest
    )


def test_networks_of_one_class_are_told_apart():
    relu, tanh = (
        nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), layer) for layer in (nn.ReLU(), nn.Tanh())
    )
    assert live.register(relu).digest != live.register(tanh).digest


def notebook(forward: str) -> nn.Module:
    """A network whose class was typed in and has no file."""
    names: dict[str, object] = {"__name__": "__main__", "nn": nn}
    text = f"""
        SCALE = 2.0
        def halved(x):
            return x / SCALE
        class Net(nn.Module):
            def forward(self, images):
                {forward}
    """
    exec(compile(textwrap.dedent(text), "<cell>", "exec"), names)
    return names["Net"]()


@pytest.mark.parametrize(
    "edited",
    [
        "return images.sum(dim=(2, 3))",
        "return halved(images.mean(dim=(2, 3)))",
        "return images.mean(dim=(3, 2)) + 0.0",
    ],
)
def test_code_typed_into_a_notebook_is_part_of_a_network(edited: str):
    first, again, other = (notebook(f) for f in ["return images.mean(dim=(2, 3))"] * 2 + [edited])
    assert live.register(first).digest == live.register(again).digest
    assert live.register(other).digest != live.register(first).digest


def test_what_a_notebook_s_code_refers_to_is_part_of_a_network():
    uses = "return halved(images.mean(dim=(2, 3)))"
    before = live.register(notebook(uses)).digest
    module = notebook(uses)
    type(module).forward.__globals__["SCALE"] = 3.0
    assert live.register(module).digest != before


def test_timm_s_networks_bring_their_own_preprocessing():
    module = timm.create_model("test_resnet")
    settings = live.register(module)
    config = timm.data.resolve_model_data_config(module)
    assert (settings.image_size, settings.mean, settings.std, settings.interpolation) == (
        config["input_size"][-1],
        config["mean"],
        config["std"],
        config["interpolation"],
    )
    assert settings.name == "test_resnet"
    assert live.register(module, name="mine", std=(1.0, 1.0, 1.0)).std == (1.0, 1.0, 1.0)


@pytest.mark.parametrize(
    ("module", "told"),
    [
        (nn.Flatten(0), r"observer must answer 2 images with \(2, n_classes\) scores"),
        (nn.Linear(3, 3), r"observer must answer images \(2, 3, 224, 224\)"),
        (nn.LazyLinear(3), "got none yet in"),
        ("resnet50", r"observer must be a torch\.nn\.Module; got str"),
    ],
)
def test_what_does_not_answer_is_refused_at_the_door(module, told: str):
    with pytest.raises(ObserverError, match=told):
        live.register(module)


def test_content_is_the_digest():
    settings = live.register(Means())
    assert content_of(settings, "Means", seed=0) == {"network": settings.digest}


def test_a_network_of_another_process_is_refused():
    settings = live.register(Means()).model_copy(update={"digest": "0" * 64})
    with pytest.raises(ObserverError, match=r"a network that this process holds; .* pass the network itself"):
        build_network(settings, "Means", seed=0)


def test_a_forgotten_network_is_gone():
    settings = live.register(nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten()), name="short")
    live.forget(settings.digest)
    forget()
    with pytest.raises(ObserverError, match="this process holds"):
        build_network(settings, "short", seed=0)


@pytest.mark.slow
def test_a_worker_of_this_process_answers_alike():
    settings = live.register(importable(), image_size=16)
    assert live.can_travel(settings.digest)
    with family() as workers:
        there = workers.submit(
            answers_of_a_worker, live.parcel(settings.digest), settings.model_dump()
        ).result()
    torch.testing.assert_close(torch.tensor(there), answers(settings), rtol=1e-5, atol=1e-6)


def test_a_network_of_a_module_in_the_current_folder_travels(lab: Callable[..., Path]):
    lab()
    sys.path.append(str(Path.cwd()))
    from lab import build

    settings = live.register(build(), image_size=16)
    assert live.can_travel(settings.digest)


@pytest.mark.parametrize(
    "make", [lambda: notebook("return images.mean(dim=(2, 3))"), lambda: hooked(Means())]
)
def test_what_a_worker_cannot_import_stays_here(make: Callable[[], nn.Module]):
    settings = live.register(make())
    assert not live.can_travel(settings.digest)
    with pytest.raises(ObserverError, match=r"modules that they can import; .* use one worker"):
        live.parcel(settings.digest)
    assert build_network(settings, settings.name, seed=0).n_classes == 3


def hooked(module: nn.Module) -> nn.Module:
    module.register_forward_hook(lambda *_: None)
    return module


def test_a_class_that_came_from_elsewhere_stays_here(tmp_path: Path):
    """Its file is there, but no worker would find it by its name."""
    (tmp_path / "elsewhere.py").write_text("from torch import nn\n\nclass Same(nn.Flatten):\n    pass\n")
    spec = importlib.util.spec_from_file_location("elsewhere", tmp_path / "elsewhere.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules["elsewhere"] = module
    spec.loader.exec_module(module)
    settings = live.register(nn.Sequential(nn.AdaptiveAvgPool2d(1), module.Same()))
    assert not live.can_travel(settings.digest)
    del sys.modules["elsewhere"]


def test_what_cannot_be_pickled_stays_here():
    module = importable()
    module.scale = Unpicklable()
    assert not live.can_travel(live.register(module).digest)


def test_a_network_that_arrives_as_another_is_refused():
    data = pickle.dumps(("0" * 64, importable()))
    signature = hmac.digest(bytes(multiprocessing.current_process().authkey), data, "sha256")
    with pytest.raises(
        ObserverError, match=r"must arrive as it was sent; got another digest than 000000000000"
    ):
        live.restore(signature + data)


def test_no_parcel_travels_of_what_is_not_held():
    assert not live.can_travel("0" * 64)
    with pytest.raises(ObserverError, match="this process holds"):
        live.parcel("0" * 64)


@pytest.mark.parametrize("signature", [b"", b"\0" * 32])
def test_a_stranger_s_parcel_is_refused_before_it_is_read(signature: bytes, tmp_path: Path):
    hostile = pickle.dumps(("0" * 64, Payload(tmp_path / "mark")))
    with pytest.raises(ObserverError, match="must come from the process that started this one"):
        live.restore(signature + hostile)
    assert not (tmp_path / "mark").exists()


@pytest.mark.slow
def test_a_parcel_of_another_process_s_family_is_refused():
    settings = live.register(importable())
    code = "import sys; from cogattn.observers import live; live.restore(sys.stdin.buffer.read())"
    other = subprocess.run(
        [sys.executable, "-c", code], input=live.parcel(settings.digest), capture_output=True, check=False
    )
    assert b"must come from the process that started this one" in other.stderr


def test_a_changed_bit_of_a_parcel_is_noticed():
    parcel = bytearray(live.parcel(live.register(importable()).digest))
    parcel[len(parcel) // 2] ^= 1
    with pytest.raises(ObserverError, match="another signature"):
        live.restore(bytes(parcel))
