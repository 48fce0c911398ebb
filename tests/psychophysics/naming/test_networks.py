"""Networks take part in the study: their answers are those that construction gives."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from cogattn.observers import TimmObserver, build_network, register
from cogattn.psychophysics.naming.config import NamingConfig
from cogattn.psychophysics.naming.plan import SCORES
from cogattn.vision.images.categories import CATEGORIES, INDICES

SIDE = 64
CUES = [(0, 1), (0, 2), (1, 0), (1, 3), (2, 0), (2, 1), (3, 4), (3, 5)]
LITE0 = "tf_efficientnet_lite0"
Networks = Callable[[str], dict[str, object]]


def conflicts(observer: dict[str, object], folder: Path, **more: object) -> NamingConfig:
    return NamingConfig.parse({"observer": observer, "shown": {"path": str(folder)}, **more})


def attacked(observer: dict[str, object], images: Path, **attack: object) -> NamingConfig:
    folder = {"kind": "folder", "path": str(images), "layout": "categories", "size": SIDE}
    return NamingConfig.parse(
        {"observer": observer, "images": folder, "shown": {"kind": "attacked", **attack}}
    )


@pytest.mark.parametrize(("factory", "n_shape"), [("by_shape", 8), ("by_texture", 0), ("either_cue", 5)])
def test_a_network_that_goes_by_shape_has_the_shape_bias_it_was_built_with(
    play, networks: Networks, cues: Path, factory: str, n_shape: int
):
    played = play(conflicts(networks(factory), cues))
    trials = played.trials["conflicts"]
    names = [name.partition("/")[2].removesuffix(".png") for name in trials["image"]]
    named = [tuple(part.rstrip("0123456789") for part in name.split("-")) for name in names]
    assert sorted(named) == sorted((CATEGORIES[shape], CATEGORIES[texture]) for shape, texture in CUES)
    assert [(t.category, t.texture) for t in trials.itertuples()] == named
    assert trials["correct"].sum() == n_shape
    assert (trials["response"] == trials["texture"]).sum() == 8 - n_shape
    assert (trials["response"] == [CATEGORIES[k] for k in trials[list(SCORES)].to_numpy().argmax(1)]).all()
    bias = played.row("shape_bias")
    assert (bias["estimate"], bias["n"]) == (n_shape / 8, 8)
    assert (bias["human"], bias["human_n"]) == (0.959, 10)
    by_category = trials.groupby("category")["correct"].mean()
    assert played.row("shape_accuracy")["estimate"] == pytest.approx(by_category.mean())
    table = played.results.tables["categories"]
    assert table[["n_shape", "n_texture", "n_other"]].sum().tolist() == [n_shape, 8 - n_shape, 0]


LIT = [[20 + 4 * k + 2 * row for k in range(16)] for row in range(2)]
"""By how many code values the right block is brighter: 20 to 82."""


def test_an_attack_turns_the_answers_whose_margin_is_less_than_twice_its_radius(
    play, networks: Networks, draw_blocks, tmp_path: Path
):
    """Of a linear network the worst noise within eps takes eps from the right block and gives eps to all others."""
    folder = draw_blocks(tmp_path / "margins", LIT)
    radii = (0.05, 0.1, 0.13)
    played = play(attacked(networks("blocks"), folder, epsilons=radii, n_steps=8, max_images=40))
    trials = played.trials["attacked"]
    assert sorted(trials["epsilon"].unique()) == [0, *radii]
    margin = {f"{CATEGORIES[k]}/{row}.png": LIT[row][k] / 255 for row in range(2) for k in range(16)}
    for trial in trials.itertuples():
        assert trial.correct == (margin[trial.image] > 2 * trial.epsilon), trial
    shares = [np.mean([m > 2 * radius for m in margin.values()]) for radius in radii]
    assert 1 > shares[0] > shares[1] > shares[2] > 0
    for radius, share in zip(radii, shares, strict=True):
        word = f"linf.{radius:g}".replace("0.", "0_")
        for key in (f"robust_accuracy.{word}", f"accuracy_kept.{word}"):
            assert played.row(key)["estimate"] == pytest.approx(share), key
            assert played.row(key)["n"] == 32
    assert played.row("accuracy.unattacked")["estimate"] == 1
    assert played.results.remarks[0].startswith("nobody was attacked")


def test_the_images_to_attack_are_as_many_as_asked_for(play, networks: Networks, draw_blocks, tmp_path: Path):
    folder = draw_blocks(tmp_path / "margins", LIT)
    config = attacked(networks("blocks"), folder, norm="l2", epsilons=[0.5], n_steps=2, max_images=6)
    trials = play(config).trials["attacked"]
    assert trials["image"].nunique() == 6
    assert len(trials) == 2 * 6


@pytest.mark.parametrize(("rule", "answer"), [("mean", "airplane"), ("max", "bird"), ("sum", "dog")])
def test_a_thousand_probabilities_become_one_category_by_the_rule(
    play, networks: Networks, cues: Path, rule: str, answer: str
):
    trials = play(conflicts(networks("torn"), cues, decision=rule)).trials["conflicts"]
    assert set(trials["response"]) == {answer}


def test_a_timm_network_scores_the_log_mean_probability_of_a_category_s_classes(play, cues: Path):
    trials = play(conflicts({"kind": "timm", "models": [LITE0]}, cues)).trials["conflicts"]
    from PIL import Image

    pixels = np.stack([np.asarray(Image.open(cues / name)) for name in trials["image"]]) / np.float32(255)
    network = build_network(TimmObserver(), LITE0, seed=0)
    p = network.logits(torch.from_numpy(pixels).permute(0, 3, 1, 2)).double().softmax(-1).numpy()
    means = np.stack([p[:, list(INDICES[name])].mean(axis=1) for name in CATEGORIES], axis=1)
    assert trials[list(SCORES)].to_numpy() == pytest.approx(np.log(means), abs=1e-3)


@pytest.mark.slow
def test_readouts_factories_checkpoints_and_live_modules_name_the_same_drawn_images(
    play, networks: Networks, tmp_path: Path
):
    """Every kind of network takes part; equal networks give equal answers, whatever their kind."""
    from safetensors.torch import save_file

    small = {"kind": "conflicts", "n_images": 16, "size": SIDE}
    module = torch.nn.Sequential(torch.nn.AdaptiveAvgPool2d(4), torch.nn.Flatten(), torch.nn.Linear(48, 16))
    (tmp_path / "nets_of_test.py").write_text(
        "import torch\n\ndef build():\n    return torch.nn.Sequential(torch.nn.AdaptiveAvgPool2d(4), "
        "torch.nn.Flatten(), torch.nn.Linear(48, 16))\n",
        encoding="utf-8",
    )
    networks("blocks")  # puts the folder on the path
    save_file(module.state_dict(), tmp_path / "one.safetensors")
    factory = {"kind": "factory", "target": "nets_of_test:build", "image_size": SIDE}
    kinds = {
        "readout": {"kind": "readout", "models": ["test_vit"], "weights": "random", "train_per_category": 2},
        "factory": factory,
        "checkpoint": factory | {"checkpoints": [str(tmp_path / "one.safetensors")]},
        "module": register(module, name="live", image_size=SIDE).model_dump(mode="json"),
    }
    images = {"kind": "procedural", "size": SIDE}
    answers = {
        name: play(NamingConfig.parse({"observer": one, "shown": small, "images": images})).trials[
            "conflicts"
        ]
        for name, one in kinds.items()
    }
    for name, trials in answers.items():
        assert len(trials) == 16, name
        assert sorted(trials["category"]) == sorted(trials["texture"]), name
    assert answers["checkpoint"]["response"].tolist() == answers["module"]["response"].tolist()
    scores = [answers[name][list(SCORES)].to_numpy() for name in ("checkpoint", "module", "factory")]
    assert scores[0] == pytest.approx(scores[1], abs=1e-5)
    assert scores[0] != pytest.approx(scores[2], abs=1e-2)
