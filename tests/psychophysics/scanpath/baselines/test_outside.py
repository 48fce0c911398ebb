from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from cogattn.errors import DataError
from cogattn.psychophysics.scanpath import plan
from cogattn.psychophysics.scanpath.baselines import densities
from cogattn.psychophysics.scanpath.baselines.outside import read
from cogattn.psychophysics.scanpath.config import (
    ObjectSettings,
    ScanpathConfig,
    SplitSettings,
    SyntheticSettings,
)
from cogattn.psychophysics.scanpath.layouts.assigning import assign
from cogattn.psychophysics.scanpath.layouts.items import Layout, PathSet
from cogattn.psychophysics.scanpath.study import ScanpathStudy
from cogattn.study import Trials, streams_of
from cogattn.vision.scenes.scene import Scene, SceneObject

RNG = np.random.default_rng(0)
DRAW = {"rng": RNG, "max_length": 20}


@pytest.fixture
def data(path_set) -> PathSet:
    return path_set(("a", "p", [0, 1, 2]), ("a", "q", [3, 4]), ("b", "p", [5, 5, 1]))


def middle(k: int) -> tuple[float, float]:
    return 40.0 * (k % 8) + 20, 40.0 * (k // 8) + 20


def table(path: Path, rows: list[tuple[str, str, int, list[int]]], *, person: bool = True) -> Path:
    lines = ["scene,person,sample,fixation,x,y" if person else "scene,sample,fixation,x,y"]
    for scene, who, sample, objects in rows:
        for number, k in enumerate(objects):
            whose = f"{who}," if person else ""
            lines.append(f"{scene},{whose}{sample},{number},{middle(k)[0]},{middle(k)[1]}")
    path.write_text("\n".join(lines))
    return path


# ---- scanpaths


def test_a_table_of_scanpaths_becomes_objects_by_person_and_by_scene(data: PathSet, tmp_path: Path) -> None:
    rows = [("a", "p", 0, [1, 2]), ("a", "p", 1, [3]), ("a", "p", -1, [4, 5]), ("b", "p", 0, [0, 1, 2])]
    found = read(table(tmp_path / "m.csv", rows), data)
    assert found.has_paths
    assert not found.has_likelihood
    assert [found.covers(path) for path in data.paths] == [True, False, True]
    first, _, last = found.sample(data, data.paths, n=5, **DRAW)
    assert [one.tolist() for one in first] == [[1, 2], [3]]
    assert [one.tolist() for one in last] == [[0, 1, 2]]
    greedy = found.sample(data, data.paths, n=0, **DRAW)
    assert [one.tolist() for one in greedy[0]] == [[4, 5]]
    assert [one.tolist() for one in greedy[2]] == [[0, 1, 2]]  # the only one there is
    assert [len(one) for one in found.sample(data, data.paths, n=1, **DRAW)] == [1, 0, 1]
    everybody = read(table(tmp_path / "n.csv", [("a", "", 0, [1, 2])], person=False), data)
    assert [everybody.covers(path) for path in data.paths] == [True, True, False]


def test_rows_in_any_order_are_put_in_that_of_fixations(data: PathSet, tmp_path: Path) -> None:
    path = table(tmp_path / "m.csv", [("a", "p", 0, [1, 2, 3])])
    head, *lines = path.read_text().splitlines()
    path.write_text("\n".join([head, *lines[::-1]]))
    assert read(path, data).sample(data, data.paths[:1], n=1, **DRAW)[0][0].tolist() == [1, 2, 3]


def test_coco_search18_json_is_read_by_image_and_subject(data: PathSet, tmp_path: Path) -> None:
    x, y = zip(*map(middle, (2, 3, 4)), strict=True)
    own = {"name": "a.jpg", "subject": "q", "task": "cup", "X": x, "Y": y, "T": [200, 210, 220], "length": 3}
    path = tmp_path / "m.json"
    path.write_text(json.dumps([own, own | {"X": x[:2], "Y": y[:2]}, {"name": "z.jpg", "X": [1], "Y": [1]}]))
    found = read(path, data)
    assert [one.tolist() for one in found.sample(data, data.paths[1:2], n=9, **DRAW)[0]] == [
        [2, 3, 4],
        [2, 3],
    ]
    assert not found.covers(data.paths[0])
    assert any("1 of 3 scanpaths are of no scene here (z.jpg)" in said for said in found.said)


def test_given_fixations_stay_and_paths_that_have_no_other_do_not_count(path_set, tmp_path: Path) -> None:
    data = path_set(("a", "p", [0, 1, 2], {"n_given": 1}))
    found = read(table(tmp_path / "m.csv", [("a", "p", 0, [3, 4]), ("a", "p", 1, [5])]), data)
    assert [one.tolist() for one in found.sample(data, data.paths, n=9, **DRAW)[0]] == [[0, 4]]
    empty = read(table(tmp_path / "n.csv", [("a", "p", 1, [5])]), data)
    assert not empty.covers(data.paths[0])


def test_fixations_off_the_image_and_unknown_people_are_counted(data: PathSet, tmp_path: Path) -> None:
    path = table(tmp_path / "m.csv", [("a", "p", 0, [1, 2]), ("a", "x", 0, [1])])
    path.write_text(path.read_text() + "\na,p,0,2,-5,10\n")
    said = " ".join(read(path, data).said)
    assert "1 of 2 scanpaths are of no person here (x)" in said
    assert "1 fixations outside the image" in said


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("scene,sample,x,y\na,0,1,1", "none named fixation"),
        ("scene,sample,fixation,x,y\na,0,0,nan,1", "x must be a number; got 'nan' (line 2, m.csv)"),
        ("scene,sample,fixation,x,y\na,0,0,inf,1", "x must be a number"),
        ("scene,sample,fixation,x,y\na,zero,0,1,1", "sample must be a number"),
        ("scene,sample,fixation,x,y\na,0.5,0,1,1", "sample must be a whole number"),
        ("scene,sample,fixation,x,y\na,0,0,1,1\na,0,0,2,2", "fixation must be numbered once"),
        ("scene,sample,fixation,x,y\nz,0,0,1,1", "predictions must be of scenes and people that are here"),
        ("scene,sample,fixation,x,y", "got no scanpath"),
    ],
)
def test_damaged_tables_are_refused_in_a_sentence(
    data: PathSet, tmp_path: Path, text: str, what: str
) -> None:
    path = tmp_path / "m.csv"
    path.write_text(text)
    with pytest.raises(DataError) as error:
        read(path, data)
    assert what in str(error.value)


@pytest.mark.parametrize("text", ["{}", "[1]", '[{"name": "a"}]', '[{"name": "a", "X": [1, 2], "Y": [1]}]', "nonsense",
                                  '[{"name": "a", "X": [null], "Y": [1]}]', "[" * 100_000])  # fmt: skip
def test_damaged_json_is_refused(data: PathSet, tmp_path: Path, text: str) -> None:
    path = tmp_path / "m.json"
    path.write_text(text)
    with pytest.raises(DataError):
        read(path, data)


def test_other_files_and_none_are_refused(data: PathSet, tmp_path: Path) -> None:
    (tmp_path / "m.pkl").write_bytes(b"x")
    for path in (tmp_path / "m.pkl", tmp_path / "nowhere.csv", tmp_path):
        with pytest.raises(DataError, match="predictors must be"):
            read(path, data)


# ---- densities


def holed() -> Layout:
    """A large object with a small one in it, a triangle, and room beside them."""
    objects = (
        SceneObject("table", (0, 0, 100, 100)),
        SceneObject("cup", (20, 20, 40, 40)),
        SceneObject("sail", (120, 0, 159.5, 39.5), polygon_px=np.array([[120, 0], [159.5, 0], [120, 39.5]])),
    )
    scene = Scene("holed", None, (120, 200), 20.0, objects)
    return Layout(scene, np.zeros((3, 2)), np.ones((3, 2)), None, "holed", 20.0)


def test_each_pixel_counts_for_the_object_that_a_fixation_there_would() -> None:
    layout = holed()
    owner = densities.owners(layout, (120, 200), ObjectSettings())
    y, x = np.mgrid[0:120, 0:200] + 0.5
    points = np.stack([x.ravel(), y.ravel()], axis=1)
    expected = assign(layout.scene.objects, points, layout.scene.size_px)
    same = owner.ravel() == expected.objects
    assert same[expected.n_holding > 0].all()
    assert same.mean() > 0.99  # beside objects distances are to pixels, not to outlines
    dropped = densities.owners(layout, (120, 200), ObjectSettings(beside="drop"))
    assert ((dropped.ravel() == -1) == (expected.n_holding == 0)).all()
    near = densities.owners(layout, (120, 200), ObjectSettings(beside_deg=0.5))  # ten pixels
    far = expected.beside_px > 10.5
    assert (near.ravel()[far] == -1).all()
    assert (near.ravel()[expected.beside_px < 9] >= 0).all()


def test_chances_of_objects_are_what_lies_within_their_outlines() -> None:
    layout, drop = holed(), ObjectSettings(beside="drop")
    even = densities.over_objects(np.ones((120, 200)), layout, drop)
    areas = np.array([100 * 100 - 400, 400, 780])  # pixels whose middle is in the triangle: 40 * 39 / 2
    assert even == pytest.approx(areas / areas.sum(), rel=2e-3)
    half = densities.over_objects(np.ones((60, 100)), layout, drop)
    assert half == pytest.approx(even, rel=0.03)
    with pytest.raises(DataError, match="shape of their image, 120 x 200; got 120 x 120"):
        densities.over_objects(np.ones((120, 120)), layout, drop)
    beside = np.zeros((120, 200))
    beside[110, 190] = 1
    with pytest.raises(DataError, match="something on objects"):
        densities.over_objects(beside, layout, drop)


def maps(folder: Path, data: PathSet, ending: str = ".npy", *, log: bool = False) -> dict[str, np.ndarray]:
    folder.mkdir()
    made = {}
    for number, layout in enumerate(data.layouts):
        values = np.random.default_rng(number).random((240, 320)) + 0.1
        made[layout.name] = values
        saved = np.log(values / values.sum()) if log else values
        file = folder / f"{layout.name}{ending}"
        np.save(file, saved) if ending == ".npy" else np.savez(file, density=saved)
    return made


@pytest.mark.parametrize(("ending", "log"), [(".npy", False), (".npz", False), (".npy", True)])
def test_a_folder_of_densities_gives_likelihoods_and_no_paths(
    data: PathSet, tmp_path: Path, ending: str, log: bool
) -> None:
    made = maps(tmp_path / "m", data, ending, log=log)
    found = read(tmp_path / "m", data, ObjectSettings(beside="drop"))
    assert found.has_likelihood
    assert not found.has_paths
    assert found.sample(data, data.paths, n=3, **DRAW) == [[], [], []]
    prediction = found.predict(data, data.paths)[0]
    assert prediction.log_end is None
    assert prediction.log_p.shape == (3, 6)
    boxes = [made["a"][0:40, 40 * k : 40 * k + 40].sum() for k in range(6)]
    assert np.exp(prediction.log_p) == pytest.approx(np.tile(boxes / np.sum(boxes), (3, 1)))
    assert ("logarithms" in " ".join(found.said)) == log


def test_a_grey_image_is_a_density_and_an_impossible_object_gets_a_little(
    data: PathSet, tmp_path: Path
) -> None:
    (tmp_path / "m").mkdir()
    grey = np.zeros((240, 320), dtype=np.uint8)
    grey[:40, :80] = 200  # on the first two objects
    Image.fromarray(grey).save(tmp_path / "m" / "a.png")
    np.save(tmp_path / "m" / "other.npy", np.ones((240, 320)))
    found = read(tmp_path / "m", data)
    assert [found.covers(path) for path in data.paths] == [True, True, False]
    chances = np.exp(found.log_p[0])
    assert chances.sum() == pytest.approx(1)
    assert chances[2:] == pytest.approx(0.01 / 6)
    said = " ".join(found.said)
    assert "in 1 of 1 layouts some object had no chance" in said
    assert "1 files are of no layout" in said
    with pytest.raises(DataError, match="must be of b; got none"):
        found.predict(data, data.paths[2:])


class Trap:
    """Would run code when unpickled."""

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return exec, ("raise SystemExit('executed')",)


def test_damaged_and_dangerous_densities_are_refused(
    data: PathSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(values: np.ndarray, what: str) -> None:
        folder = tmp_path / str(len(list(tmp_path.iterdir())))
        folder.mkdir()
        np.save(folder / "a.npy", values)
        with pytest.raises(DataError, match=what):
            read(folder, data)

    good = np.ones((240, 320))
    refused(np.where(np.eye(240, 320) > 0, np.nan, good), "finite numbers; got 240 others")
    refused(np.where(np.eye(240, 320) > 0, np.inf, good), "finite numbers")
    refused(np.zeros((240, 320)), "above 0 somewhere")
    refused(good[:, :100], "shape of their image, 240 x 320; got 240 x 100")
    refused(np.ones((240, 320, 3)), "arrays of numbers")
    refused(np.full((240, 320), "x"), "arrays of numbers")
    refused(np.full((240, 320), -np.inf), "above 0 somewhere")
    refused(np.array([[Trap()]], dtype=object), "arrays that NumPy wrote")
    lying = tmp_path / "lying"
    lying.mkdir()
    with (lying / "a.npy").open("wb") as stream:  # says that it is large, and is not
        header = {"descr": "<f8", "fortran_order": False, "shape": (10**6, 10**6)}
        np.lib.format.write_array_header_1_0(stream, header)
    with pytest.raises(DataError, match="MB each"):
        read(lying, data)
    monkeypatch.setattr(densities, "MAX_BYTES", 100_000)
    refused(good, "at most 0 MB each")


def test_logarithms_beside_densities_and_large_archives_are_refused(
    data: PathSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "m"
    folder.mkdir()
    np.save(folder / "a.npy", np.ones((240, 320)))
    np.save(folder / "b.npy", -np.ones((240, 320)))
    with pytest.raises(DataError, match="all be logarithms, or none"):
        read(folder, data)
    packed = tmp_path / "packed"
    packed.mkdir()
    np.savez_compressed(packed / "a.npz", density=np.zeros((2400, 3200)))
    monkeypatch.setattr(densities, "MAX_BYTES", 1_000_000)  # the file itself is smaller
    with pytest.raises(DataError, match="MB each"):
        read(packed, data)
    np.savez(packed / "a.npz", one=np.ones(2), two=np.ones(2))
    with pytest.raises(DataError, match="2 arrays where there must be one"):
        read(packed, data)


def test_nothing_is_learned_here(data: PathSet, tmp_path: Path) -> None:
    assert read(table(tmp_path / "m.csv", [("a", "p", 0, [1])]), data).state() == {}


def test_predictions_from_elsewhere_stand_in_the_tables_of_a_run(tmp_path: Path) -> None:
    small = SyntheticSettings(n_layouts=6, n_objects=5, n_people=3, n_fixations=4)
    drawn = ScanpathConfig(synthetic=small, split=SplitSettings(n_splits=1), appearance="none", viewers=())
    layouts = plan.data_of(drawn).layouts
    lines = ["scene,sample,fixation,x,y"]
    (tmp_path / "maps").mkdir()
    for layout in layouts:
        for number, (x, y) in enumerate(layout.position_deg[:3] * layout.scale + layout.scene.middle_px):
            lines.append(f"{layout.name},0,{number},{x:.2f},{y:.2f}")
        np.save(tmp_path / "maps" / f"{layout.name}.npy", np.ones(layout.scene.size_px))
    (tmp_path / "theirs.csv").write_text("\n".join(lines))
    config = drawn.model_copy(update={"predictors": (tmp_path / "theirs.csv", tmp_path / "maps")})
    study = ScanpathStudy()
    cells = [cell for cell in study.cells(config) if cell.observer in ("uniform", "theirs", "maps", "people")]
    outcomes = [
        study.run_cell(study.relevant(config, cell), cell, streams_of(config, cell)) for cell in cells
    ]
    results = study.summarise(config, Trials.of(study.tables, outcomes))
    summary = results.summary.set_index(["observer", "measure"])["estimate"]
    assert np.isfinite(summary["maps", "information_gain.uniform"])
    assert ("maps", "sequence_score.sampled") not in summary.index
    assert ("theirs", "bits_per_fixation") not in summary.index
    assert 0 < summary["theirs", "sequence_score.sampled"] <= 1
    assert summary["theirs", "length"] == 3
    said = " ".join(results.remarks)
    assert "Predictions of theirs.csv: 6 scanpaths over 6 layouts" in said
    assert "Predictions of maps: 6 densities over pixels" in said
