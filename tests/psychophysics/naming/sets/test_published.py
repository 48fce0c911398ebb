"""The 17 sets: their conditions, those that count, and the images of a folder that people saw."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
from PIL import Image

from cogattn.errors import DataError
from cogattn.psychophysics.naming.people import SETS, read_answers
from cogattn.psychophysics.naming.sets.facts import FACTS
from cogattn.psychophysics.naming.sets.published import conditions_of, list_set

SHOWN = (("0001_cop_dnn_c50_bird_10_n1_1.png", "c50"), ("0002_cop_dnn_c01_cat_10_n2_2.png", "c01"))


def picture(path: Path, value: int = 128, size: tuple[int, int] = (8, 8)) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, (value, 0, 255)).save(path)
    return path


def answers(*rows: tuple[str, str, str, str]) -> pd.DataFrame:
    """Rows of image, category, response, condition, all of one person."""
    table = pd.DataFrame(rows, columns=["image", "category", "response", "condition"])
    return table.assign(person="ann", session="1", rt_s=0.5)


CONTRAST = answers(("n1_1", "bird", "bird", "c50"), ("n2_2", "cat", "dog", "c01"))


def test_every_published_set_has_facts():
    assert tuple(sorted(FACTS)) == tuple(sorted(SETS))
    assert all(len(facts.labels) == len(facts.conditions) for facts in FACTS.values())


def test_conditions_come_in_the_order_of_the_manipulation_and_only_if_shown():
    found = conditions_of("contrast", CONTRAST)
    assert found.names == ("c50", "c01")
    assert found.labels == ("50", "1")


def test_controls_and_conditions_that_hardly_anybody_sees_do_not_count_whoever_answered():
    rows = [("a", "bird", "bird", "c100"), ("b", "bird", "cat", "c50"), ("c", "bird", "bird", "c01")]
    assert conditions_of("contrast", answers(*rows)).counted == (False, True, False)


def test_a_condition_may_be_written_otherwise():
    found = conditions_of("uniform-noise", answers(("a", "bird", "bird", "0.1"), ("b", "bird", "bird", "0")))
    assert found.names == ("0", "0.1")
    assert found.labels == ("0", ".1")
    assert conditions_of("false-colour", answers(("a", "cat", "cat", "True"))).labels == ("true",)


def test_a_condition_that_a_set_does_not_have_is_refused():
    with pytest.raises(
        DataError, match=r"people of contrast must have seen the conditions c100, .*; got c20"
    ):
        conditions_of("contrast", answers(("a", "bird", "bird", "c20")))


@pytest.mark.parametrize(
    ("given", "names"),
    [(["10", "9", "0.5"], ("0.5", "9", "10")), (["far", "near"], ("far", "near")), ([""], ("",))],
    ids=["numbers", "words", "none"],
)
def test_conditions_of_ones_own_come_in_the_order_of_numbers_or_of_the_table(
    given: list[str], names: tuple[str, ...]
):
    found = conditions_of("mine", answers(*[(f"i{i}", "cat", "dog", one) for i, one in enumerate(given)]))
    assert found.names == names
    assert all(found.counted)


def test_images_are_found_by_name_at_any_depth(tmp_path: Path):
    for name, _ in SHOWN:
        picture(tmp_path / "dnn" / "session-1" / name)
    picture(tmp_path / "other.jpg")
    (tmp_path / "notes.txt").write_text("no image", encoding="utf-8")
    more = pd.concat([CONTRAST, answers(("n3_3", "dog", "dog", "c50"))])
    found = list_set(tmp_path, more, "contrast")
    assert found.names == ("n1_1", "n2_2")
    assert (found.categories, found.conditions) == (("bird", "cat"), ("c50", "c01"))
    assert (len(found), found.n_other, found.n_missing) == (2, 1, 1)
    assert found.load(0).shape == (3, 8, 8)
    assert found.load(0)[:, 0, 0] == pytest.approx([128 / 255, 0, 1])


def test_a_set_with_one_condition_needs_no_prefix(tmp_path: Path):
    picture(tmp_path / "bear" / "bear1-clock2.jpg")
    table = answers(("bear1-clock2", "bear", "bear", "0"))
    assert list_set(tmp_path, table, "cue-conflict").names == ("bear1-clock2",)
    assert list_set(tmp_path, table, "mine").conditions == ("0",)


def test_the_photograph_itself_is_not_taken_for_its_manipulated_copy(tmp_path: Path):
    picture(tmp_path / "n1_1.jpeg")
    with pytest.raises(DataError, match=r"got n1_1\.jpeg, which may be the photograph itself"):
        list_set(tmp_path, CONTRAST, "contrast")


def test_another_condition_than_peoples_is_refused(tmp_path: Path):
    picture(tmp_path / "0001_cop_dnn_c30_bird_10_n1_1.png")
    with pytest.raises(DataError, match="as people saw it, in condition c50; got c30"):
        list_set(tmp_path, CONTRAST, "contrast")


def test_another_category_than_peoples_is_refused_where_the_name_says_one(tmp_path: Path):
    picture(tmp_path / "0001_cop_dnn_c50_bear_10_n1_1.png")
    with pytest.raises(
        DataError, match=r"n1_1\.png as the bird that it is by people's table; got .* says bear"
    ):
        list_set(tmp_path, CONTRAST, "contrast")


def test_an_image_twice_or_none_is_refused(tmp_path: Path):
    with pytest.raises(DataError, match=r"shown\.path must hold PNG or JPEG images; got none"):
        list_set(tmp_path / "nowhere", CONTRAST, "contrast")
    picture(tmp_path / "a.png")
    with pytest.raises(DataError, match="got none of their 2"):
        list_set(tmp_path, CONTRAST, "contrast")
    for folder in ("one", "two"):
        picture(tmp_path / folder / SHOWN[0][0])
    with pytest.raises(DataError, match="must hold each image once"):
        list_set(tmp_path, CONTRAST, "contrast")


def test_damaged_images_are_named_and_content_follows_bytes(tmp_path: Path):
    table = answers(("a", "cat", "cat", "0"), ("b", "cat", "cat", "0"))
    for name in ("a.png", "b.png"):
        picture(tmp_path / name)
    whole = list_set(tmp_path, table, "mine")
    before = whole.content()
    assert whole.damaged() == {}
    picture(tmp_path / "b.png", value=129)
    assert list_set(tmp_path, table, "mine").content() != before
    (tmp_path / "b.png").write_bytes(b"no image")
    cut = list_set(tmp_path, table, "mine")
    assert list(cut.damaged()) == ["b.png"]
    with pytest.raises(DataError, match=r"b\.png must be a readable image"):
        cut.load(1)


def test_content_follows_what_the_table_says(tmp_path: Path):
    picture(tmp_path / "a.png")
    said = {
        list_set(tmp_path, answers(("a", category, "dog", condition)), "mine").content()
        for category, condition in (("cat", "0"), ("bear", "0"), ("cat", "1"))
    }
    assert len(said) == 3
    asked = list_set(tmp_path, answers(("a", "cat", "bear", "0")), "mine")
    assert asked.content() in said  # what people answered changes no network's trials


@pytest.mark.parametrize("name", SETS)
def test_conditions_that_count_are_those_of_the_benchmark(name: str, shared_data: Path):
    """Geirhos et al. (2021) list what they leave out: controls, and where people are right at most a fifth."""
    left_out = {
        "colour": "cr", "contrast": "c100 c03 c01", "high-pass": "inf 0.55 0.45 0.4", "low-pass": "0 15 40",
        "phase-scrambling": "0 150 180", "power-equalisation": "0", "false-colour": "true", "rotation": "0",
        "eidolonI": "1-10-10 64-10-10 128-10-10", "eidolonII": "1-3-10 32-3-10 64-3-10 128-3-10",
        "eidolonIII": "1-0-10 16-0-10 32-0-10 64-0-10 128-0-10", "uniform-noise": "0.00 0.60 0.90",
    }.get(name, "")  # fmt: skip
    table = read_answers(shared_data / "masking" / "model_vs_human", name)
    found = conditions_of(name, table)
    apart = [one for one, counts in zip(found.names, found.counted, strict=True) if not counts]
    assert apart == left_out.split()
    assert found.names == FACTS[name].conditions
    right = (table["response"] == table["category"]).groupby(table["condition"]).mean()
    hard = [one for one in found.names if right[one] <= 0.2]
    assert apart == ([found.names[0]] if len(found.names) > 1 else []) + hard
