"""Sets as the study plays them: networks beside people, people alone, made images, and what is refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from cogattn.errors import CogattnError
from cogattn.psychophysics.naming.config import NamingConfig
from cogattn.psychophysics.naming.plan import SCORES
from cogattn.psychophysics.naming.remarks import of_network
from cogattn.psychophysics.naming.study import NamingStudy
from cogattn.vision.images.categories import CATEGORIES

SIDE, BLOCK, GREY = 64, 16, 100
Networks = Callable[[str], dict[str, object]]
Placed = tuple[Path, Path]


@pytest.fixture
def own(tmp_path: Path) -> Placed:
    """A folder of 32 images, of each category one as it is and one whose block lies at the next category's place.

    Three people name all of the first right, and of the second each a few.
    """
    folder, table = tmp_path / "images", tmp_path / "people.csv"
    lines = ["person,image,category,response,condition"]
    for k, name in enumerate(CATEGORIES):
        for condition, place in (("plain", k), ("shifted", (k + 1) % 16)):
            picture = np.full((SIDE, SIDE, 3), GREY, np.uint8)
            row, column = divmod(place, 4)
            picture[row * BLOCK : (row + 1) * BLOCK, column * BLOCK : (column + 1) * BLOCK] = 200
            (folder / condition).mkdir(parents=True, exist_ok=True)
            Image.fromarray(picture).save(folder / condition / f"{name}-{condition}.png")
            for person in range(3):
                right = condition == "plain" or (k + person) % (person + 2) == 0
                answer = name if right else ("" if k == 5 else CATEGORIES[k - 1])
                lines.append(f"p{person},{name}-{condition},{name},{answer},{condition}")
    table.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return folder, table


def a_set(observer: dict[str, object], own: Placed, **more: object) -> NamingConfig:
    shown = {"kind": "set", "name": "mine", "path": str(own[0])}
    return NamingConfig.parse({"observer": observer, "shown": shown, "humans": str(own[1]), **more})


def alone(table: Path) -> NamingConfig:
    return NamingConfig.parse(
        {"observer": {"kind": "human", "table": str(table)}, "shown": {"kind": "set", "name": "mine"}}
    )


@pytest.mark.parametrize("factory", ["blocks", "classes"])
def test_a_network_is_set_beside_people_condition_by_condition(
    play, networks: Networks, own: Placed, factory: str
):
    played = play(a_set(networks(factory), own))
    trials = played.trials["set"]
    assert len(trials) == 32
    assert (trials["correct"] == (trials["condition"] == "plain")).all()
    assert (trials["response"] == [CATEGORIES[k] for k in trials[list(SCORES)].to_numpy().argmax(1)]).all()
    assert set(trials["image"]) == {f"{name}-{one}" for name in CATEGORIES for one in ("plain", "shifted")}
    row = played.row("accuracy.mine")
    assert (row["estimate"], row["n"], row["human_n"]) == (0.5, 32, 3)
    table = played.results.tables["conditions"]
    accuracy = table[table["measure"] == "accuracy"].set_index("condition")
    assert accuracy["estimate"].to_dict() == {"plain": 1.0, "shifted": 0.0}
    assert accuracy.loc["plain", "human"] == 1.0
    people = [np.mean([(k + person) % (person + 2) == 0 for k in range(16)]) for person in range(3)]
    assert accuracy.loc["shifted", "human"] == pytest.approx(np.mean(people))
    difference = played.row("accuracy_difference.people.mine")
    assert difference["estimate"] == pytest.approx(np.mean(np.square(people)) / 2)
    assert set(played.results.figures) == {"accuracy", "consistency", "stimuli"}
    assert played.results.people["measure"].nunique() == 5
    assert any("3 persons, 96 answers (" in said for said in played.results.remarks)


def test_images_that_lack_or_that_nobody_saw_are_counted(play, networks: Networks, own: Placed):
    folder, _ = own
    (folder / "plain" / "dog-plain.png").unlink()
    Image.new("RGB", (SIDE, SIDE)).save(folder / "more.png")
    played = play(a_set(networks("blocks"), own))
    assert len(played.trials["set"]) == 31
    said = next(one for one in played.results.remarks if one.startswith("mine: "))
    assert "1 of the 32 images that people saw are not in shown.path" in said
    assert "1 of its images are not among those that people saw" in said
    assert set(played.results.tables["ceilings"]["n"]) == {3}


def test_settings_that_do_nothing_and_networks_that_are_untrained_are_said(networks: Networks, own: Placed):
    drawn = {"kind": "procedural", "n_images": 64}
    config = a_set(networks("blocks"), own, images=drawn)
    assert list(of_network(config)) == [
        "images is not used: a set is shown, and only a readout is trained on others"
    ]
    random = a_set({"kind": "timm", "weights": "random"}, own)
    assert list(of_network(random)) == ["observer.weights is random: the networks are untrained"]
    assert list(of_network(alone(own[1]))) == []


@pytest.mark.usefixtures("nobody")
def test_a_table_of_persons_stands_beside_made_images(play, networks: Networks, draw_blocks, tmp_path: Path):
    table = tmp_path / "persons.csv"
    table.write_text(
        "person,measure,estimate\na,accuracy.colour,.8\nb,accuracy.colour,.9\n", encoding="utf-8"
    )
    config = made(networks("blocks"), draw_blocks(tmp_path / "whole", [[60] * 16] * 2), "colour")
    played = play(config.model_copy(update={"humans": str(table)}))
    row = played.row("accuracy.colour")
    assert (row["human"], row["human_n"]) == (pytest.approx(0.85), 2)
    assert any(said.startswith(f"people: {table}, 2 persons") for said in played.results.remarks)


def test_people_alone_need_no_image_and_stand_beside_each_other(play, own: Placed):
    played = play(alone(own[1]))
    assert set(played.results.summary["observer"]) == {f"person p{k}" for k in range(3)}
    assert played.row("accuracy.mine", "person p0")["human_n"] == 2
    ceilings = played.results.tables["ceilings"]
    over = ceilings[ceilings["condition"] == "over the set"].set_index("measure")
    summary = played.results.summary
    mean = summary.loc[summary["measure"] == "accuracy.mine", "estimate"].mean()
    assert over.loc["accuracy", "estimate"] == pytest.approx(mean)
    pairs = played.results.tables["naming"]
    assert len(pairs) == 3
    assert over.loc["error_consistency", "estimate"] == pytest.approx(pairs["kappa"].mean())
    assert "order" not in played.results.tables
    assert set(played.results.figures) == {"accuracy", "consistency"}
    assert played.results.remarks[-1].startswith("people over mine: accuracy 0.6")


def test_one_person_has_an_accuracy_without_an_interval(play, own: Placed):
    lines = own[1].read_text(encoding="utf-8").splitlines()
    own[1].write_text("\n".join(line for line in lines if line[:3] in ("per", "p0,")), encoding="utf-8")
    assert play(alone(own[1])).results.remarks[-1] == "people over mine: accuracy 0.750"


def test_people_of_a_published_set_need_its_table_only(play, shared_data: Path):
    table = shared_data / "masking" / "model_vs_human" / "edge"
    settings = {"observer": {"kind": "human", "table": str(table)}, "shown": {"kind": "set", "name": "edge"}}
    played = play(NamingConfig.parse(settings))
    ceilings = played.results.tables["ceilings"]
    over = ceilings[ceilings["condition"] == "over the set"].set_index("measure")["estimate"]
    assert over["error_consistency"] == pytest.approx(0.31844, abs=1e-5)  # as published
    assert over["accuracy"] == pytest.approx(0.87125)
    assert len(played.results.tables["naming"]) == 45


def test_a_cell_is_known_by_categories_and_conditions_and_not_by_what_people_answered(
    networks: Networks, own: Placed
):
    _, table = own
    study, config = NamingStudy(), a_set(networks("blocks"), own)

    def content() -> object:
        study.check(config)
        (cell,) = study.cells(config)
        assert study.relevant(config, cell) == config
        return study.contents(config, cell)["shown.path"]

    before, text = content(), table.read_text(encoding="utf-8")
    table.write_text(text.replace("dog-shifted,dog,clock", "dog-shifted,dog,dog"), encoding="utf-8")
    assert content() == before
    table.write_text(text.replace(",shifted", ",far"), encoding="utf-8")
    assert content() != before
    assert study.inputs(config)["humans"] != ""


def made(observer: dict[str, object], images: Path, name: str, **more: object) -> NamingConfig:
    folder = {"kind": "folder", "path": str(images), "layout": "categories", "size": SIDE}
    return NamingConfig.parse(
        {"observer": observer, "images": folder, "shown": {"kind": "made", "name": name, **more}}
    )


@pytest.fixture
def nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No people are in the cache."""
    monkeypatch.setenv("COGATTN_DATA", str(tmp_path / "cache"))


@pytest.mark.usefixtures("nobody")
def test_made_images_are_named_by_condition_without_people(
    play, networks: Networks, draw_blocks, tmp_path: Path
):
    folder = draw_blocks(tmp_path / "whole", [[60] * 16])
    played = play(made(networks("blocks"), folder, "rotation", each="all"))
    trials = played.trials["set"]
    assert len(trials) == 64
    turned = np.arange(16).reshape(4, 4)
    for condition, quarters in (("0", 0), ("90", 1), ("180", 2), ("270", 3)):
        own = trials[trials["condition"] == condition].set_index("category")
        seen = {int(k): place for place, k in enumerate(np.rot90(turned, quarters).ravel())}
        for k, name in enumerate(CATEGORIES):  # the block of a category is seen where the rotation takes it
            assert own.loc[name, "response"] == CATEGORIES[seen[k]]
    row = played.row("accuracy.rotation")
    assert (row["estimate"], row["n"], row["human_n"]) == (0, 48, 0)  # the upright ones do not count
    assert played.results.remarks[0].startswith("other images: photographs made as people's were; nobody is")
    assert set(played.results.figures) == {"accuracy", "stimuli"}
    assert "naming" not in played.results.tables


def test_people_stand_beside_made_images_with_their_accuracy_alone(
    play, networks: Networks, draw_blocks, tmp_path: Path, shared_data: Path
):
    folder = draw_blocks(tmp_path / "whole", [[60] * 16] * 2)
    people = str(shared_data / "masking" / "model_vs_human" / "colour")
    config = made(networks("blocks"), folder, "colour").model_copy(update={"humans": people})
    played = play(config)
    assert list(played.results.summary["measure"]) == ["accuracy.colour"]
    row = played.row("accuracy.colour")
    assert (row["estimate"], row["n"], row["human_n"]) == (1.0, 16, 4)
    assert row["human"] == pytest.approx(0.887, abs=5e-4)
    assert "accuracies alone stand side by side" in played.results.remarks[0]


def test_the_images_of_a_made_set_matter_and_people_do_not(networks: Networks, draw_blocks, tmp_path: Path):
    config = made(networks("blocks"), draw_blocks(tmp_path / "whole", [[60] * 16]), "contrast")
    study = NamingStudy()
    cell = study.cells(config)[0]
    assert study.relevant(config.model_copy(update={"humans": "people.csv"}), cell) == config
    assert "images" in study.contents(config, cell)


def refusal(config: NamingConfig) -> str:
    with pytest.raises(CogattnError) as caught:
        NamingStudy().check(config)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_what_is_wrong_with_a_set_is_said_first(networks: Networks, own: Placed):
    folder, table = own
    config = a_set(networks("blocks"), own)
    NamingStudy().check(config)
    bare = config.model_copy(update={"shown": config.shown.model_copy(update={"path": None})})
    assert refusal(bare).startswith("shown.path must be given: a folder of the images of mine; got none")
    nowhere = config.shown.model_copy(update={"path": folder / "nowhere"})
    assert "nowhere, which is none" in refusal(config.model_copy(update={"shown": nowhere}))
    assert refusal(config.model_copy(update={"humans": ""})).startswith(
        "humans must name the trials of people"
    )
    (folder / "plain" / "cat-plain.png").write_bytes(b"no image")
    assert "got 1 damaged, the first plain/cat-plain.png (is not an image)" in refusal(config)
    as_contrast = NamingConfig.parse(
        {"observer": {"kind": "human", "table": str(table)}, "shown": {"kind": "set", "name": "contrast"}}
    )
    assert refusal(as_contrast).endswith("got plain")


def test_settings_of_made_sets_are_checked():
    with pytest.raises(CogattnError, match=r"conditions must be of c100, c50, .*; got c100, c20"):
        NamingConfig.parse({"shown": {"kind": "made", "conditions": ["c100", "c20"]}})
    with pytest.raises(CogattnError, match="must be conflicts or set for people"):
        NamingConfig.parse({"observer": {"kind": "human"}, "shown": {"kind": "made"}})
