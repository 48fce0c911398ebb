"""Answers of people, trial by trial: two forms of table, their rules, and the 17 published sets."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from cogattn.errors import DataError
from cogattn.fetch import adopt, data_sets, locate, state
from cogattn.psychophysics.naming.people import COLUMNS, SETS, files_of, image_name, read_answers

THEIRS = "subj,Session,trial,rt,object_response,category,condition,imagename\n"
OURS = "person,image,category,response\n"


def table(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def theirs(person: int, *rows: str) -> str:
    lines = [f"subject-0{person},1,{trial},{row}\n" for trial, row in enumerate(rows, start=1)]
    return THEIRS + "".join(lines)


FIRST = "0.9,bird,bird,0,0001_s5n_s01_0_bird_00_bird3-bird2.png"
SECOND = "NaN,na,bear,0,0002_s5n_s01_0_bear_00_bear1-clock3.png"


def test_both_forms_of_a_table_give_the_same_trials(tmp_path: Path):
    raw = read_answers(table(tmp_path / "raw.csv", theirs(1, FIRST, SECOND)))
    assert tuple(raw) == COLUMNS
    assert raw["image"].tolist() == ["bird3-bird2", "bear1-clock3"]
    assert raw["response"].tolist() == ["bird", ""]
    assert raw["rt_s"].tolist()[0] == 0.9
    assert np.isnan(raw["rt_s"][1])
    raw.to_csv(tmp_path / "again.csv", index=False)
    assert read_answers(tmp_path / "again.csv").equals(raw)
    plain = OURS + "subject-01,birds/bird3-bird2.jpg,bird,bird\nsubject-01,bear1-clock3,bear,\n"
    few = read_answers(table(tmp_path / "plain.csv", plain))
    assert few[["person", "image", "category", "response"]].equals(
        raw[["person", "image", "category", "response"]]
    )
    assert (few["condition"] == "").all()


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("0001_s5n_s01_0_bird_00_bird3-bird2.png", "bird3-bird2"),
        ("bird/bird3-bird2.jpg", "bird3-bird2"),
        ("0002_eid_s01_16-10-10_airplane_10_n02690373_4183.png", "n02690373_4183"),
        ("0001_nse_s01_0.03_elephant_10_n02504458_7209.png", "n02504458_7209"),
        ("0001_ske_s01_0_boat_00_boat-0068-sketch-23.png", "boat-0068-sketch-23"),
        ("0001_edg_s01_0_oven_00_oven10.png", "oven10"),
        ("n02690373_4183.JPEG", "n02690373_4183"),
        ("my.photo", "my.photo"),
    ],
)
def test_an_image_is_known_by_its_name_whatever_stands_around_it(path: str, name: str):
    assert image_name(path) == name


def test_people_are_told_from_networks_in_the_same_folder(tmp_path: Path):
    for name in ("edge_subject-01_session_1", "edge_subject-02_session_1", "edge_resnet50_session-1"):
        person = int(name[-11]) if "subject" in name else 7
        table(tmp_path / "edge" / f"{name}.csv", theirs(person, FIRST))
    assert read_answers(tmp_path, "edge")["person"].tolist() == ["subject-01", "subject-02"]
    assert len(files_of(tmp_path / "edge")) == 2
    table(tmp_path / "own" / "ann.csv", OURS + "ann,a,bird,bird\n")
    assert read_answers(tmp_path / "own")["person"].tolist() == ["ann"]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (
            THEIRS.replace("imagename", "picture") + "a,1,1,1,bird,bird,0,x\n",
            "column image; got subj, Session",
        ),
        (theirs(1, FIRST, SECOND.replace("na,bear", "wolf,bear")), "in column object_response; got 'wolf'"),
        (theirs(1, FIRST, SECOND.replace("na,bear", "na,wolf")), "one of airplane, .* in column category"),
        (
            theirs(1, FIRST, FIRST.replace("0.9", "-1")),
            r"seconds above 0.* in column rt; got '-1' .*, line 3\)",
        ),
        (theirs(1, FIRST, FIRST), r"each image once .*; got bird3-bird2 again \(.*, line 3\)"),
        (OURS + "ann,,bird,bird\n", r"a name in column image; got '' .*line 2"),
        (OURS + " ,a,bird,bird\n", "a name in column person"),
        (OURS, "at least one row"),
    ],
)
def test_a_table_is_refused_by_its_line_and_its_own_names(tmp_path: Path, text: str, sentence: str):
    with pytest.raises(DataError, match=f"^shape_bias.humans must .*{sentence}"):
        read_answers(table(tmp_path / "people.csv", text), setting="shape_bias.humans")


def test_a_trial_in_two_files_is_refused_by_the_second(tmp_path: Path):
    for name in ("a", "b"):
        table(tmp_path / f"{name}.csv", theirs(1, FIRST))
    with pytest.raises(DataError, match=r"got bird3-bird2 again \(.*b\.csv, line 2\)"):
        read_answers(tmp_path)
    table(tmp_path / "b.csv", theirs(1, FIRST).replace("-01,1,", "-01,2,"))
    assert read_answers(tmp_path)["session"].tolist() == ["1", "2"]


def test_an_image_of_two_categories_is_refused_unless_its_condition_differs(tmp_path: Path):
    table(tmp_path / "a.csv", OURS + "ann,bear1,bear,bear\n")
    table(tmp_path / "b.csv", OURS + "ben,bear2,bear,bear\nben,bear1,knife,knife\n")
    with pytest.raises(
        DataError, match=r"one category .*; got knife for bear1, which is bear before \(.*b.csv, line 3"
    ):
        read_answers(tmp_path)
    two = "person,image,category,response,condition\nann,i,bear,bear,shape\nben,i,knife,bear,texture\n"
    assert read_answers(table(tmp_path / "c" / "two.csv", two))["category"].tolist() == ["bear", "knife"]


def test_what_is_not_there_is_named(tmp_path: Path):
    with pytest.raises(DataError, match=r"must be one of colour, .*; got colours"):
        read_answers(tmp_path, "colours")
    with pytest.raises(DataError, match="must hold CSV files of people's trials"):
        read_answers(tmp_path)
    with pytest.raises(DataError, match="readable CSV file"):
        read_answers(tmp_path / "none.csv")


@pytest.fixture
def published(shared_data: Path) -> Path:
    return shared_data / "masking" / "model_vs_human"


def test_the_published_sets_are_adopted_by_the_names_of_their_files(published: Path, tmp_path: Path):
    data_set = data_sets()["model-vs-human"]
    assert state(data_set, tmp_path) == "by hand"
    adopt(data_set, published, tmp_path)
    assert locate(data_set, tmp_path).resolve() == published.resolve()
    with pytest.raises(DataError, match="its 90 files; got 10 with"):
        adopt(data_set, published / "edge", tmp_path / "other")


@pytest.mark.slow
def test_all_published_sets_hold_what_their_papers_say(published: Path):
    """Four to ten people a set, who saw the same images once, in the same condition; 16 categories equally often."""
    n_trials = n_missing = 0
    for name in SETS:
        answers = read_answers(published, name)
        by_person = answers.groupby("person")
        images = by_person.apply(lambda rows: frozenset(zip(rows["image"], rows["condition"], strict=True)))
        assert images.nunique() == 1, name
        assert 4 <= len(images) <= 10
        assert not answers.duplicated(["person", "image"]).any()
        assert answers.groupby("category").size().nunique() == 1
        assert ((answers["response"] == "") == answers["rt_s"].isna()).all()
        n_trials, n_missing = n_trials + len(answers), n_missing + int((answers["response"] == "").sum())
    assert (n_trials, n_missing) == (85_120, 597)


def test_cue_conflict_was_named_by_ten_people_for_its_shape(published: Path, shared_data: Path):
    answers = read_answers(published, "cue-conflict")
    shown = {image_name(str(file)) for file in (shared_data / "masking" / "cue_conflict").glob("*/*.jpg")}
    assert set(answers["image"]) == shown
    assert len(shown) == 1280
    assert (answers["image"].str.extract(r"^([a-z]+)")[0] == answers["category"]).all()
    assert answers["person"].nunique() == 10
