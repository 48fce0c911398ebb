"""Stimuli are made once for all observers, and hardware that says how fast changes no trial; any network takes part."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image
from torch import nn

from cogattn.observers import live
from cogattn.psychophysics.masking import presentation
from cogattn.psychophysics.masking.config import MaskingConfig
from cogattn.psychophysics.masking.material import forget, trial_images
from cogattn.psychophysics.masking.trials import planned_trials
from cogattn.running.hardware import Hardware, using
from cogattn.running.shelf import SHELF, Shelf
from cogattn.running.shelf import using as using_shelf
from cogattn.vision.images.listing import ImageList

SIDE = 64
NOISE = {"n_bands": 3, "lowest_cpi": 4.0, "sds": [0, 0.05, 0.1]}
SETTINGS = {"noise": NOISE, "channel": {"n_bootstrap": 100}, "design": {"kind": "crossed"}}
N_IMAGES = 48
N_TRIALS = N_IMAGES * 7
Networks = Callable[[str], dict[str, object]]


@pytest.fixture
def pictures(tmp_path: Path, draw_blocks) -> dict[str, object]:
    """Three pictures of each of the 16 categories."""
    folder = draw_blocks(tmp_path / "pictures", [[60] * 16, [50] * 16, [40] * 16])
    return {"kind": "folder", "path": str(folder), "layout": "categories", "size": SIDE}


@pytest.fixture
def two(networks: Networks, pictures: dict[str, object]) -> dict[str, object]:
    """Settings with two networks that see the same images."""
    first, second = networks("blocks"), networks("classes")
    return {
        "observer": first | {"target": [first["target"], second["target"]]},
        "images": pictures,
        **SETTINGS,
    }


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> dict[str, int]:
    """How many noise fields were drawn and images loaded so far."""
    counted = {"noise": 0, "images": 0}
    noise, load = presentation.unit_noise, ImageList.load

    def drawn(settings: object, generators: list, *rest: object, **options: object) -> torch.Tensor:
        counted["noise"] += len(generators)
        return noise(settings, generators, *rest, **options)

    def loaded(images: ImageList, index: int) -> object:
        counted["images"] += 1
        return load(images, index)

    monkeypatch.setattr(presentation, "unit_noise", drawn)
    monkeypatch.setattr(ImageList, "load", loaded)
    return counted


@pytest.mark.slow
def test_a_second_network_costs_no_stimulus(
    two: dict[str, object], tmp_path: Path, play, calls: dict[str, int]
):
    config = MaskingConfig.parse(two)
    alone = play(config).trials["masking"]
    assert len(alone) == 2 * N_TRIALS
    separately = dict(calls)
    with using_shelf(Shelf(tmp_path / SHELF, 10**9)):
        pd.testing.assert_frame_equal(play(config).trials["masking"], alone)
    assert {name: n - separately[name] for name, n in calls.items()} == {
        name: n / 2 for name, n in separately.items()
    }
    n_bytes = sum(path.stat().st_size for path in (tmp_path / SHELF).iterdir())
    assert n_bytes == N_TRIALS * (4 + SIDE * SIDE * 4 + 8)


@pytest.fixture
def shown(two: dict[str, object], tmp_path: Path) -> Callable[..., pd.DataFrame]:
    """Show the trials of a cell, keeping stimuli below the test's folder; answers are the darkest rows."""

    def show(*, shelf: Shelf | None = None, shared: bool = True, **changes: object) -> pd.DataFrame:
        forget()
        config = MaskingConfig.parse(two | changes)
        images = trial_images(config)
        kept = shelf or Shelf(tmp_path / SHELF, 10**9)
        with using_shelf(kept):
            return presentation.present(
                config,
                images,
                planned_trials(config, images),
                lambda stimuli, *_: stimuli.mean(2).argmin(1).numpy(),
                shared=shared,
            )

    return show


def test_stimuli_off_the_shelf_are_those_that_were_made(shown, calls: dict[str, int], tmp_path: Path):
    made = shown()
    calls.update(noise=0, images=0)
    pd.testing.assert_frame_equal(shown(), made)
    assert calls == {"noise": 0, "images": 0}
    (path,) = (tmp_path / SHELF).iterdir()
    data = bytearray(path.read_bytes())
    data[100] ^= 1
    path.write_bytes(data)
    pd.testing.assert_frame_equal(shown(), made)
    assert calls["noise"] > 0


@pytest.mark.parametrize(
    "changes",
    [
        {"seed": 1},
        {"stimulus": {"contrast": 0.3}},
        {"noise": NOISE | {"sds": [0, 0.05, 0.11]}},
        {"images": {"n_images": N_IMAGES, "size": SIDE}},
    ],
    ids=["seed", "contrast", "noise", "images"],
)
def test_other_stimuli_are_not_found(shown, calls: dict[str, int], changes: dict[str, object]):
    shown()
    drawn = calls["noise"]
    shown(**changes)
    assert calls["noise"] == 2 * drawn


def test_an_image_of_other_bytes_is_not_found(shown, calls: dict[str, int], pictures: dict[str, object]):
    shown()
    drawn = calls["noise"]
    path = sorted(Path(str(pictures["path"])).rglob("*.png"))[0]
    Image.fromarray(np.full((SIDE, SIDE), 90, dtype=np.uint8)).save(path)
    shown()
    assert calls["noise"] == 2 * drawn


def test_what_nobody_else_is_shown_is_not_kept(shown, tmp_path: Path):
    shown(shared=False)
    shown(observer={"kind": "template"})
    assert not (tmp_path / SHELF).exists()


@pytest.mark.parametrize(("batch", "loaders"), [(1, 3), (50, 1), (50, 3)])
def test_loaders_and_images_at_once_change_no_stimulus(shown, batch: int, loaders: int):
    plain = shown(shared=False)
    with using(Hardware(("cpu",), batch=batch, loaders=loaders)):
        pd.testing.assert_frame_equal(shown(shared=False), plain)
        pd.testing.assert_frame_equal(shown(), plain)


OWN = """
from torch import nn


class Pooled(nn.Sequential):
    def __init__(self):
        super().__init__(nn.Linear(192, 16))

    def forward(self, images):
        return self[0](nn.functional.adaptive_avg_pool2d(images, 8).flatten(1) - 0.449)
"""


@pytest.fixture
def kinds(networks: Networks, tmp_path: Path) -> dict[str, dict[str, object]]:
    """Settings of one or two networks of each kind, all without training."""
    torch.manual_seed(0)
    alive = nn.Sequential(nn.AdaptiveAvgPool2d(8), nn.Flatten(), nn.LayerNorm(192), nn.Linear(192, 16))
    for name in ("a", "b"):
        torch.manual_seed(ord(name))
        torch.save({"0.weight": torch.randn(16, 192), "0.bias": torch.randn(16)}, tmp_path / f"{name}.pt")
    (tmp_path / "own_networks.py").write_text(OWN)
    random = {"models": ["test_resnet"], "weights": "random"}
    return {
        "timm": {"kind": "timm", **random},
        "readout": {"kind": "readout", **random, "train_per_category": 2},
        "factory": networks("blocks"),
        "checkpoints": {
            "kind": "factory",
            "target": "own_networks:Pooled",
            "checkpoints": ["*.pt"],
            "image_size": SIDE,
        },
        "module": live.register(alive, image_size=SIDE).model_dump(mode="json"),
    }


@pytest.mark.parametrize("kind", ["timm", "readout", "factory", "checkpoints", "module"])
def test_every_kind_of_network_takes_part_in_the_study(
    kinds: dict[str, dict[str, object]], pictures: dict[str, object], play, kind: str
):
    n_observers = 2 if kind == "checkpoints" else 1
    n_images = 16 if kind == "readout" else N_IMAGES  # it is trained on the others
    played = play(MaskingConfig.parse({"observer": kinds[kind], "images": pictures, **SETTINGS}))
    trials = played.trials["masking"]
    assert trials.groupby("observer").size().tolist() == [n_images * 7] * n_observers
    assert trials.groupby("observer")["response"].agg(tuple).is_unique
    assert set(trials["n_alternatives"]) == {16}
    clean = played.results.summary.query("measure == 'accuracy.clean'")
    assert set(clean["role"]) == {"network"}
    accuracy = trials[trials["noise_sd"] == 0].groupby("observer")["correct"].mean()
    assert clean["estimate"].tolist() == pytest.approx(accuracy.tolist())
