"""Networks take part in the study: their answers are those that construction, numpy or scikit-learn give."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image
from sklearn.metrics import cohen_kappa_score

from cogattn.errors import ConfigError, DataError, ObserverError
from cogattn.observers import build_network
from cogattn.observers.config import TimmObserver
from cogattn.psychophysics.masking.config import MaskingConfig
from cogattn.psychophysics.masking.stimuli.noise import octave_noise
from cogattn.seeds import Streams
from cogattn.vision.images.categories import CATEGORIES, INDICES

SIDE = 64
BANDS = {"n_bands": 3, "lowest_cpi": 3.0, "sds": [0, 0.04, 0.16]}
"""Octaves about 3, 6 and 12 cycles per image; blocks of 16 pixels let the lowest through best."""
LITE0 = "tf_efficientnet_lite0"

Networks = Callable[[str], dict[str, object]]


def settings(observer: dict[str, object], images: Path, **more: object) -> MaskingConfig:
    folder = {"kind": "folder", "path": str(images), "layout": "categories", "size": SIDE}
    return MaskingConfig.parse(
        {
            "observer": observer,
            "images": folder,
            "noise": BANDS,
            "design": {"kind": "crossed"},
            "channel": {"n_bootstrap": 100},
            "humans": str(few_people(images.parent)),
        }
        | more
    )


def few_people(folder: Path) -> Path:
    """Two made-up people with the same three bands, since the published ones saw seven."""
    rows = [
        (person, sd, band, round(40 * share), 40)
        for person in ("ann", "bob")
        for sd, shares in ((0, [0.95] * 3), (0.04, [0.8, 0.5, 0.9]), (0.16, [0.5, 0.1, 0.7]))
        for band, share in enumerate(shares)
    ]
    table = pd.DataFrame(rows, columns=["observer", "noise_sd", "band", "n_correct", "n_trials"])
    table.to_csv(folder / "people.csv", index=False)
    return folder / "people.csv"


def shown_to(trials: pd.DataFrame, images: Path, *, seed: int = 0) -> np.ndarray:
    """The stimuli of trials, made anew: 20 % of the contrast about .449, plus noise of image and band, clipped."""
    streams = Streams(seed).child("noise")
    stimuli = []
    for trial in trials.itertuples():
        code = np.asarray(Image.open(images / trial.image), dtype=float) / 255
        stimulus = 0.2 * (code - code.mean()) + 0.449
        if trial.noise_sd > 0:
            generator = streams.generator(trial.image, int(trial.band))
            field = octave_noise([generator], [trial.band], size=SIDE, n_bands=3, lowest_cpi=3.0)
            stimulus = stimulus + trial.noise_sd * field[0].numpy()
        stimuli.append(np.clip(stimulus, 0, 1))
    return np.stack(stimuli)


def brightest_block(stimuli: np.ndarray) -> list[str]:
    means = stimuli.reshape(len(stimuli), 4, 16, 4, 16).mean(axis=(2, 4)).reshape(len(stimuli), 16)
    return [CATEGORIES[k] for k in means.argmax(axis=1)]


@pytest.mark.slow
@pytest.mark.parametrize("factory", ["blocks", "classes"])
def test_a_factory_s_answers_are_the_brightest_block_of_each_stimulus(
    play, networks: Networks, blocks: Path, factory: str
):
    """Sixteen outputs, or a thousand classes that are gathered into the same sixteen."""
    played = play(settings(networks(factory), blocks))
    trials = played.trials["masking"]
    assert len(trials) == 16 * (1 + 3 * 2)
    assert trials["response"].tolist() == brightest_block(shown_to(trials, blocks))
    assert trials["category"].tolist() == [name.partition("/")[0] for name in trials["image"]]
    assert trials["correct"].tolist() == (trials["response"] == trials["category"]).tolist()
    assert (trials["n_alternatives"] == 16).all()
    share = trials.groupby(["noise_sd", "band"])["correct"].mean()
    assert share[0].item() == 1
    assert share[0.16, 0] < 0.6 < share[0.16, 2]
    assert played.row("accuracy.clean")["estimate"] == 1
    assert played.row("accuracy.clean")["n"] == 16


@pytest.mark.parametrize(("rule", "answer"), [("mean", "airplane"), ("max", "bird"), ("sum", "dog")])
def test_a_thousand_probabilities_become_one_category_by_the_rule(
    play, networks: Networks, blocks: Path, rule: str, answer: str
):
    played = play(settings(networks("torn"), blocks, decision=rule))
    assert set(played.trials["masking"]["response"]) == {answer}
    assert played.row("accuracy.clean")["estimate"] == 1 / 16


@pytest.mark.slow
def test_a_timm_network_answers_with_the_mean_probability_of_a_category_s_classes(play, blocks: Path):
    config = settings(
        {"kind": "timm", "models": [LITE0]}, blocks, noise=BANDS | {"sds": [0, 0.01, 0.02]}, seed=3
    )
    trials = play(config).trials["masking"]
    seen = torch.from_numpy(shown_to(trials, blocks, seed=3)).float()[:, None].expand(-1, 3, -1, -1)
    network = build_network(TimmObserver(), LITE0, seed=0)
    p = network.logits(seen).double().softmax(-1).numpy()
    means = np.stack([p[:, list(INDICES[name])].mean(axis=1) for name in CATEGORIES], axis=1)
    assert trials["response"].tolist() == [CATEGORIES[k] for k in means.argmax(axis=1)]
    assert trials["response"].nunique() > 2


@pytest.mark.slow
def test_lite0_names_grey_photographs(play, shared_data: Path):
    folder = {
        "kind": "folder",
        "path": str(shared_data / "masking" / "graysplit"),
        "max_images": 96,
    }
    config = MaskingConfig.parse(
        {
            "observer": {"kind": "timm", "models": [LITE0]},
            "images": folder,
            "noise": {"bands": "pyramid", "sds": [0, 0.001, 0.002]},
        }
    )
    trials = play(config).trials["masking"]
    assert trials["correct"].mean() > 0.7  # noise of a thousandth hides nothing; guessing is 1 / 16


def gratings(folder: Path, *, n: int) -> Path:
    """Sixteen categories, four orientations of four frequencies; `n` pictures of each, of any phase."""
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:SIDE, :SIDE] / SIDE
    for category in range(16):
        angle, cycles = np.pi * (category % 4) / 4, 3 * 1.6 ** (category // 4)
        (folder / f"grating {category:02d}").mkdir(parents=True)
        for number in range(n):
            phase = 2 * np.pi * (cycles * (x * np.cos(angle) + y * np.sin(angle)) + rng.random())
            code = 127 + 100 * np.sin(phase) + rng.normal(0, 5, x.shape)
            picture = Image.fromarray(code.clip(0, 255).astype(np.uint8))
            picture.save(folder / f"grating {category:02d}" / f"{number}.png")
    return folder


@pytest.mark.slow
def test_a_readout_learns_categories_that_are_not_imagenet_s(play, tmp_path: Path):
    folder = gratings(tmp_path / "gratings", n=6)
    config = settings({"kind": "readout", "models": [LITE0], "train_per_category": 4}, folder)
    played = play(config)
    trials = played.trials["masking"]
    assert trials["image"].nunique() == 32
    assert sorted(trials["category"].unique()) == [f"grating {k:02d}" for k in range(16)]
    assert played.row("accuracy.clean")["estimate"] > 0.8
    assert (trials["n_alternatives"] == 16).all()


@pytest.mark.slow
def test_an_untrained_network_differs_from_the_trained_one_and_by_seed(play, blocks: Path):
    def answers(weights: str, seed: int) -> list[str]:
        observer = {"kind": "timm", "models": ["test_efficientnet"], "weights": weights}
        return play(settings(observer, blocks, seed=seed)).trials["masking"]["response"].tolist()

    assert answers("random", 0) == answers("random", 0)
    assert answers("random", 0) != answers("random", 1)


def test_images_of_other_categories_are_refused_before_an_imagenet_network(play, networks, tmp_path: Path):
    folder = gratings(tmp_path / "gratings", n=1)
    with pytest.raises(ConfigError, match="16 categories"):
        play(settings({"kind": "timm", "models": [LITE0]}, folder))
    with pytest.raises(ConfigError, match="16 categories"):
        play(settings(networks("classes"), folder))
    play(settings(networks("blocks"), folder))


def test_a_network_of_another_number_of_classes_is_refused(play, networks, tmp_path: Path):
    folder = gratings(tmp_path / "gratings", n=1)
    for name in ("grating 00", "grating 01"):
        (folder / name / "0.png").unlink()
        (folder / name).rmdir()
    with pytest.raises(ObserverError, match="14 categories of the images; got 16 classes"):
        play(settings(networks("blocks"), folder))


def test_too_few_images_for_a_readout_are_refused(play, tmp_path: Path):
    folder = gratings(tmp_path / "gratings", n=4)
    with pytest.raises(DataError, match=r"observer\.train_per_category"):
        play(settings({"kind": "readout", "models": [LITE0], "train_per_category": 4}, folder))


@pytest.mark.slow
def test_errors_are_held_against_those_of_people_on_the_same_trials(
    play, networks: Networks, blocks: Path, tmp_path: Path
):
    """Ann fails where the network fails; Bob by himself, so scikit-learn's kappa is what must come out."""
    config = settings(networks("blocks"), blocks)
    network = play(config).trials["masking"]
    rng = np.random.default_rng(4)
    correct = {"ann": network["correct"], "bob": pd.Series(rng.random(len(network)) < 0.85)}
    own = network[["image", "noise_sd", "band"]]
    people = pd.concat([own.assign(observer=name, correct=right) for name, right in correct.items()])
    people["correct"] = people["correct"].astype(int)
    people.to_csv(tmp_path / "trials.csv", index=False)
    played = play(config.model_copy(update={"humans": str(tmp_path / "trials.csv")}))
    whole = played.results.tables["consistency"]
    pairs = whole[["first", "second"]].to_numpy().tolist()
    (own,) = config.observer.target
    assert pairs == [[own, "person ann"], [own, "person bob"], ["person ann", "person bob"]]
    assert whole["kappa"][2] == pytest.approx(cohen_kappa_score(*correct.values()))
    table = whole.head(2)
    for (_, row), right in zip(table.iterrows(), correct.values(), strict=True):
        p, q = network["correct"].mean(), right.mean()
        assert row["kappa"] == pytest.approx(cohen_kappa_score(network["correct"], right))
        assert row["observed"] == pytest.approx((network["correct"] == right).mean())
        assert row["expected"] == pytest.approx(p * q + (1 - p) * (1 - q))
        assert row["lo"] <= row["kappa"] <= row["hi"]
        assert (row["n_trials"], row["n_images"]) == (len(network), 16)
    assert table["kappa"][0] == 1
    assert abs(table["kappa"][1]) < 0.5


def test_two_networks_are_held_against_each_other(play, blocks: Path):
    observer = {"kind": "timm", "models": ["test_efficientnet", "test_vit"], "weights": "random"}
    played = play(settings(observer, blocks))
    masking = played.trials["masking"]
    assert masking["observer"].nunique() == 2
    first, second = (rows["correct"].to_numpy() for _, rows in masking.groupby("observer", sort=False))
    row = played.results.tables["consistency"].iloc[0]
    assert [row["first"], row["second"]] == list(masking["observer"].unique())
    assert row["observed"] == pytest.approx((first == second).mean())
