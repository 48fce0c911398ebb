"""Tables, remarks and figures, from trials made by hand."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from cogattn.measures import Estimate, Row
from cogattn.observers.observer import Observer
from cogattn.psychophysics.naming import figures, measures
from cogattn.psychophysics.naming.config import NamingConfig
from cogattn.psychophysics.naming.plan import SCORES, TABLES
from cogattn.psychophysics.naming.study import NamingStudy
from cogattn.psychophysics.naming.summary import categories_table, robustness_rows, shape_rows
from cogattn.study import Outcome, Trials
from cogattn.testing.pictures import flaws
from cogattn.vision.images.silhouettes import SILHOUETTES

NET = Observer("net")
ATTACKED = {"kind": "attacked", "norm": "l2", "epsilons": [0.5, 1.0]}


def test_shape_bias_leaves_out_other_answers_and_shape_accuracy_does_not():
    own = pd.DataFrame(
        {
            "category": ["cat"] * 4 + ["dog"] * 4,
            "texture": ["clock"] * 8,
            "response": ["cat", "clock", "boat", "boat", "dog", "dog", "clock", "clock"],
        }
    )
    people = {"shape_bias": Estimate(0.9, 0.8, 1.0, 4)}
    bias, accuracy = shape_rows(NET, own, people, 0.95)
    assert (bias.value.estimate, bias.value.n, bias.human) == (3 / 6, 6, people["shape_bias"])
    assert accuracy.value.estimate == pytest.approx((1 / 4 + 2 / 4) / 2)
    assert accuracy.human is None
    table = categories_table(own.assign(observer="net"), 0.95).set_index("category")
    assert table.loc["cat", ["n_shape", "n_texture", "n_other"]].tolist() == [1, 1, 2]
    assert table.loc["dog", "shape_bias"] == 0.5
    nothing = categories_table(own.assign(observer="net", response="boat"), 0.95)
    assert nothing[["shape_bias", "lo", "hi"]].isna().all().all()


def test_robustness_counts_answers_kept_under_attack():
    images = [f"{i}" for i in range(10)]
    correct = np.array([[1] * 8 + [0] * 2, [1] * 4 + [0] * 6, [0] * 10], dtype=bool)
    own = pd.DataFrame(
        {"image": images * 3, "correct": correct.ravel(), "epsilon": np.repeat([0.0, 0.5, 1.0], 10)}
    )
    own = own.sample(frac=1, random_state=0)
    config = NamingConfig.parse({"shown": ATTACKED})
    rows = {row.measure.key: row.value for row in robustness_rows(config, NET, own)}
    assert rows["accuracy.unattacked"].estimate == 0.8
    assert rows["robust_accuracy.l2.0_5"].estimate == pytest.approx(0.4)
    assert rows["accuracy_kept.l2.0_5"].estimate == pytest.approx(0.5)
    assert rows["accuracy_kept.l2.1"].estimate == 0
    assert rows["accuracy_kept.l2.1"].n == 8


def test_persons_of_a_table_stand_beside_attacks(tmp_path: Path):
    lines = [f"{name},accuracy.unattacked,{value}\n" for name, value in (("ann", 0.9), ("bob", 0.8))]
    (tmp_path / "persons.csv").write_text("person,measure,estimate\n" + "".join(lines), encoding="utf-8")
    config = NamingConfig.parse({"shown": ATTACKED, "humans": str(tmp_path / "persons.csv")})
    NamingStudy().check(config)
    own = pd.DataFrame(
        {
            "observer": "tf_efficientnet_lite0", "image": ["a", "b"] * 3, "category": "mug", "response": "mug",
            "correct": True, "epsilon": np.repeat([0.0, 0.5, 1.0], 2),
        }
    )  # fmt: skip
    found = NamingStudy().summarise(config, Trials.of(TABLES, [Outcome({"attacked": own})]))
    rows = found.summary.set_index("measure")
    assert rows.loc["accuracy.unattacked", "human"] == pytest.approx(0.85)
    assert rows.loc["robust_accuracy.l2.1", "human_n"] == 0
    assert found.remarks[0].startswith(f"people: {tmp_path / 'persons.csv'}, 2 persons")
    assert flaws(found.figures["robustness"]()) == []


def answers(observer: str, rng: np.random.Generator, categories: tuple[str, ...]) -> pd.DataFrame:
    shapes, textures = np.repeat(categories, 6), np.repeat(np.roll(categories, 1), 6)
    response = np.where(
        rng.random(len(shapes)) < 0.6, shapes, np.where(rng.random(len(shapes)) < 0.5, textures, "")
    )
    images = [f"{k}" for k in range(len(shapes))]
    table = {
        "observer": observer,
        "image": images,
        "category": shapes,
        "texture": textures,
        "response": response,
    }
    return pd.DataFrame(table).assign(correct=response == shapes, **dict.fromkeys(SCORES, 0.0))


@pytest.mark.parametrize("n", [1, 6, 76])
def test_figures_of_any_number_of_networks_can_be_read(n: int):
    rng, categories = np.random.default_rng(n), tuple(SILHOUETTES)
    names = {f"net{k}": f"vit_large_patch14_clip_336.openai_ft_in12k net{k}" for k in range(n)}
    table = categories_table(pd.concat([answers(key, rng, categories) for key in names]), 0.95)
    human = Estimate(0.9, 0.85, 0.95, 10)
    rows = {
        key: Row(Observer(key), measures.SHAPE_BIAS, Estimate(0.5 + k / 400, 0.3, 0.8, 90), human)
        for k, key in enumerate(names)
    }
    figure = figures.shape_bias_figure(table, table.iloc[:0], names, rows)
    assert flaws(figure) == []
    assert len(figure.axes[0].get_yticks()) == (16 if n <= 6 else n)
    if n > 6:
        assert "net75" in figure.axes[0].get_yticklabels()[0].get_text()  # the highest first
    radii = (0.0, 0.001, 0.004, 0.016)
    attacked = pd.DataFrame(
        [(key, radius, 0.9 - 20 * radius, 0.2, 0.95, 256) for key in names for radius in radii],
        columns=["observer", "epsilon", "accuracy", "lo", "hi", "n"],
    )
    assert flaws(figures.robustness_figure(attacked, names, "linf")) == []


def test_what_a_reader_must_know_is_said(
    networks: Callable[[str], dict[str, object]],
    play: Callable,
    cues: Path,
    draw_blocks: Callable,
    tmp_path: Path,
):
    small = {"kind": "conflicts", "n_images": 16, "size": 64}
    readout = {"kind": "readout", "models": ["test_vit"], "weights": "random", "train_per_category": 2}
    images = {"kind": "procedural", "size": 64}
    said = play(
        NamingConfig.parse({"observer": readout, "shown": small, "images": images, "decision": "max"})
    )
    assert said.results.remarks == (
        "drawn images: their shape bias is not to be set beside that of the published images",
        "observer.weights is random: the features are untrained",
        "decision (max) is not used: a readout knows the images' own categories only",
    )
    folder = draw_blocks(tmp_path / "whole", [[60] * 16, [70] * 16, [80] * 16])
    folder = {"kind": "folder", "path": str(folder), "size": 64}
    published = {"kind": "conflicts", "path": str(cues)}
    said = play(NamingConfig.parse({"observer": networks("by_shape"), "shown": published, "images": folder}))
    assert said.results.remarks == (
        "images is not used: cue-conflict images are shown, and only a readout is trained on others",
    )
    said = play(NamingConfig.parse({"observer": readout, "shown": published, "images": folder}))
    assert "32 of 48 images train the readout" in said.results.remarks
