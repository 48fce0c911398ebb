"""Items and EyeLink event files, beside what MNE reads of the same file."""

from __future__ import annotations

import re
from pathlib import Path

import mne
import numpy as np
import pytest
from numpy.testing import assert_allclose

from cogattn.errors import DataError
from cogattn.vision.scenes import read_scenes


def expected(files, person: int, number: int) -> np.ndarray:
    """Onset, duration, x and y: the first fixation is under way as the scene comes on, at 200."""
    start, end, x, y = files.asc_fixations(person, number).T
    late = np.maximum(200 - start, 0)
    return np.column_stack([start + late - 200, end - start + 2 - late, x, y])


def test_fixations_of_a_trial_are_those_from_the_scenes_onset_to_its_end(files, tmp_path) -> None:
    found = read_scenes(files.write_eyelink(tmp_path))
    assert (found.layout, found.left_out) == ("eyelink", ())
    for scene, numbers in zip(found.scenes, ((0, 1), (1, 0)), strict=True):
        assert (scene.size_px, scene.picture, scene.layout) == (files.SCREEN_PX, None, "row")
        assert [path.person for path in scene.scanpaths] == ["p1", "p2"]
        for person, number in enumerate(numbers):
            path, truth = scene.scanpaths[person], expected(files, person + 1, number)
            assert_allclose(path.onsets_ms, truth[:, 0])
            assert_allclose(path.durations_ms, truth[:, 1])
            assert_allclose(path.fixations_px, truth[:, 2:])


@pytest.mark.filterwarnings("ignore:The inplace keyword")
def test_mne_reads_the_same_times(files, tmp_path) -> None:
    files.write_eyelink(tmp_path)
    raw = mne.io.read_raw_eyelink(tmp_path / "p1.asc", verbose="error")
    (whole,) = [path for path in read_scenes(tmp_path).scenes[0].scanpaths if path.person == "p1"]
    marks = [mark for mark in raw.annotations if mark["description"] == "fixation"][:4]
    synchronous = next(mark["onset"] for mark in raw.annotations if mark["description"] == "SYNCTIME")
    assert_allclose(whole.onsets_ms[1:], [1000 * (mark["onset"] - synchronous) for mark in marks[1:]])
    assert_allclose(whole.durations_ms[1:], [1000 * mark["duration"] for mark in marks[1:]])
    # what is left of the first one after the scene's onset
    left = 1000 * (marks[0]["onset"] + marks[0]["duration"] - synchronous)
    assert_allclose(whole.durations_ms[0], left)


def test_items_are_boxes_about_their_middles_or_polygons_and_one_is_the_target(files, tmp_path) -> None:
    scene = read_scenes(files.write_eyelink(tmp_path)).scenes[1]
    *items, patch = scene.objects
    assert [thing.name for thing in items] == [f"item {k}" for k in range(5)]
    assert items[2].box_px == (460, 270, 540, 330)
    assert (patch.box_px, len(patch.polygon_px)) == ((600, 500, 900, 700), 3)
    assert (scene.target.name, scene.target.category, scene.target.box_px) == ("red", "red", items[1].box_px)


def test_several_targets_are_told_by_their_category(files, tmp_path) -> None:
    items = (files.write_eyelink(tmp_path) / "items.csv").read_text()
    (tmp_path / "items.csv").write_text(
        items.replace("item 3,700,300,80,60,red,no", "item 3,700,300,80,60,red,yes")
    )
    scene = read_scenes(tmp_path).scenes[0]
    assert (scene.target.name, scene.target.box_px, scene.target.present) == ("red", None, True)
    (tmp_path / "items.csv").write_text(items.replace("yes", "no"))
    assert read_scenes(tmp_path).scenes[0].target is None


def test_other_messages_tell_trials_where_they_are_said(files, tmp_path) -> None:
    files.write_eyelink(tmp_path)
    text = (
        files.asc_text(1, ("A1", "B2"), message="BEGIN {name}")
        .replace("BEGIN A1", "BEGIN 1")
        .replace("BEGIN B2", "BEGIN 2")
    )
    text = text.replace("SYNCTIME", "picture shown", 1).replace("SYNCTIME", "!V TRIAL_VAR scene B2")
    text = text.replace("TRIAL_RESULT 0", "!V TRIAL_VAR scene A1", 1).replace("TRIAL_RESULT", "picture gone")
    (tmp_path / "p1.asc").write_text(text)
    (tmp_path / "p2.asc").unlink()
    told = (
        'trial = "^BEGIN"\nscene = "!V TRIAL_VAR scene (.+)"\nonset = "picture shown"\nend = "picture gone"\n'
    )
    (tmp_path / "eyelink.toml").write_text(told + "pixels_per_degree = 32.5\nstart_px = [512, 384]\n")
    first, second = read_scenes(tmp_path)
    truth = expected(files, 1, 0)
    assert_allclose(first.scanpaths[0].fixations_px[:4], truth[:, 2:])
    assert len(first.scanpaths[0].fixations_px) == 5  # nothing ended it
    assert_allclose(
        second.scanpaths[0].onsets_ms, files.asc_fixations(1, 1)[:, 0]
    )  # no onset: from its beginning
    assert (first.scale, first.start_px) == (32.5, (512, 384))
    assert read_scenes(tmp_path, pixels_per_degree=20).scenes[0].scale == 20


def test_the_first_onset_of_a_trial_counts(files, tmp_path) -> None:
    before = [path.onsets_ms for path in read_scenes(files.write_eyelink(tmp_path)).scenes[0].scanpaths]
    text = (tmp_path / "p1.asc").read_text()
    (tmp_path / "p1.asc").write_text(
        text.replace("MSG\t11100 TRIAL", "MSG\t11000 SYNCTIME\nMSG\t11100 TRIAL")
    )
    after = [path.onsets_ms for path in read_scenes(tmp_path).scenes[0].scanpaths]
    assert_allclose(after, before)


def test_settings_on_the_page_are_read(files, tmp_path) -> None:
    page = Path(__file__).resolve().parents[3] / "docs" / "scenes.md"
    (told,) = re.findall(r"^```toml\n(.*?)^```", page.read_text(encoding="utf-8"), re.M | re.S)
    files.write_eyelink(tmp_path)
    text = files.asc_text(1, ("1", "2"), eyes="LR").replace("SYNCTIME", "PICTURE ON")
    for scene in ("A1", "B2"):
        text = text.replace("TRIAL_RESULT 0", f"KEY 1\nMSG\t99999 !V TRIAL_VAR scene {scene}", 1)
    (tmp_path / "p1.asc").write_text(text)
    (tmp_path / "eyelink.toml").write_text(told)
    (tmp_path / "p2.asc").unlink()
    found = read_scenes(tmp_path)
    assert [(scene.scale, scene.start_px, scene.size_px) for scene in found] == [
        (32.5, (512, 384), (768, 1024))
    ] * 2
    for number, scene in enumerate(found):
        assert_allclose(scene.scanpaths[0].fixations_px, expected(files, 1, number)[:2, 2:])  # the left eye's


def test_the_eye_with_more_fixations_counts_unless_one_is_named(files, tmp_path) -> None:
    files.write_eyelink(tmp_path)
    (tmp_path / "p1.asc").write_text(files.asc_text(1, ("A1", "B2"), eyes="LR"))
    assert [len(path.fixations_px) for path in read_scenes(tmp_path).scenes[0].scanpaths] == [4, 4]
    (tmp_path / "eyelink.toml").write_text('eye = "L"\n')
    found = read_scenes(tmp_path)
    assert [(path.person, len(path.fixations_px)) for path in found.scenes[0].scanpaths] == [("p1", 2)]
    assert found.left_out == ("2 scanpaths without a fixation were left out (p2, A1; p2, B2)",)


def test_trials_of_no_scene_and_fixations_without_a_place_are_counted(files, tmp_path) -> None:
    files.write_eyelink(tmp_path)
    text = files.asc_text(2, ("B2", "practice", "A1"))
    x = files.asc_fixations(2, 0)[1, 2]
    (tmp_path / "p2.asc").write_text(text.replace(f"\t{x}\t", "\t.\t", 1))
    found = read_scenes(tmp_path)
    assert found.left_out == (
        "1 fixation without a position was left out (p2, B2)",
        "1 trial of no scene was left out (practice, p2)",
    )
    assert len(found.scenes[1].scanpaths[1].fixations_px) == 3


def test_screens_corner_is_the_origin_and_its_size_must_be_one(files, tmp_path) -> None:
    files.write_eyelink(tmp_path)
    text = (tmp_path / "p1.asc").read_text()
    (tmp_path / "p1.asc").write_text(
        text.replace("DISPLAY_COORDS 0 0 1023 767", "GAZE_COORDS 10.0 20.0 1033.0 787.0")
    )
    scene = read_scenes(tmp_path).scenes[0]
    assert scene.size_px == files.SCREEN_PX
    assert_allclose(scene.scanpaths[0].fixations_px, expected(files, 1, 0)[:, 2:] - (10, 20))
    (tmp_path / "p1.asc").write_text(text.replace("1023 767", "1279 1023"))
    with pytest.raises(DataError, match=r"one size .* 1280 x 1024 \(p1\) and 1024 x 768 \(p2\)"):
        read_scenes(tmp_path)
    (tmp_path / "eyelink.toml").write_text("size_px = [1024, 1280]\n")
    assert read_scenes(tmp_path).scenes[0].size_px == (1024, 1280)


@pytest.mark.parametrize(
    ("told", "message"),
    [
        ('trail = "x"', "settings of eyelink.toml must be among trial, .* got trail"),
        ('trial = "("', "trial of eyelink.toml must be a regular expression"),
        ('trial = ""', "trial of eyelink.toml must be a pattern"),
        ('eye = "both"', "eye of eyelink.toml must be L or R"),
        ("size_px = 3", "size_px of eyelink.toml must be 2 numbers above 0"),
        ("trial = ", "must be TOML"),
    ],
)
def test_wrong_settings_are_refused_in_a_sentence(files, tmp_path, told, message) -> None:
    (files.write_eyelink(tmp_path) / "eyelink.toml").write_text(told)
    with pytest.raises(DataError, match=message):
        read_scenes(tmp_path)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("EVENTS\tGAZE", "EVENTS\tHREF", "must be in pixels \\(EVENTS GAZE\\); got HREF \\(line 10\\)"),
        ("EFIX R 10100\t", "EFIX R soon\t", "must be numbers; got 'soon' \\(p1.asc, line"),
        ("EFIX R 10100\t10299", "EFIX R", "EFIX must tell eye, start, end, duration, x and y"),
    ],
)
def test_damaged_lines_are_refused_by_their_number(files, tmp_path, old, new, message) -> None:
    files.write_eyelink(tmp_path)
    text = (tmp_path / "p1.asc").read_text()
    assert old in text
    (tmp_path / "p1.asc").write_text(text.replace(old, new, 1))
    with pytest.raises(DataError, match=message):
        read_scenes(tmp_path)
