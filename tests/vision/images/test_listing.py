"""Image sources: every layout, every way a folder can be wrong, damaged files, sampling and splits."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from cogattn.errors import DataError
from cogattn.vision.images.categories import CATEGORIES, INDICES, WNIDS
from cogattn.vision.images.config import FolderImages, ManifestImages, ProceduralImages
from cogattn.vision.images.listing import ImageList, list_images

SIZE = 48


def _save(path: Path, seed: int = 0, size: tuple[int, int] = (SIZE, SIZE), **options: object) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    Image.fromarray(pixels).save(path, **options)
    return path


THREE = ("cat", "dog", "owl")


def _category_folders(root: Path, n: int = 3, names: tuple[str, ...] = THREE, ending: str = "jpg") -> Path:
    for k, name in enumerate(names):
        for i in range(n):
            _save(root / name / f"{i:02d}.{ending}", seed=100 * k + i)
    return root


def _list(path: Path, *, seed: int = 0, strict: bool = False, **settings: object) -> ImageList:
    return list_images(FolderImages(path=path, size=SIZE, **settings), seed=seed, strict=strict)


# --- layouts


def test_class_folders_by_wnid_keep_the_sixteen_categories_and_count_the_others(tmp_path):
    for name in CATEGORIES:
        _save(tmp_path / WNIDS[name][-1] / "a.JPEG")
    _save(tmp_path / "n01440764" / "tench.JPEG")
    (tmp_path / "notes.txt").write_text("x")
    found = _list(tmp_path)
    assert found.categories == CATEGORIES
    assert sorted(found.labels.tolist()) == list(range(16))
    assert found.n_left_out == 1
    index = found.ids.index(f"{WNIDS['dog'][-1]}/a.JPEG")
    assert CATEGORIES[found.labels[index]] == "dog"


@pytest.mark.parametrize("truth", ["wnid", "index"])
def test_flat_validation_images_get_their_category_from_the_ground_truth(tmp_path, truth):
    lines = ["n01440764" if truth == "wnid" else "0"]
    for name in CATEGORIES:
        lines.append(WNIDS[name][0] if truth == "wnid" else str(INDICES[name][0]))
    for number in range(1, 18):
        _save(tmp_path / "val" / f"ILSVRC2012_val_{number:08d}.JPEG")
    (tmp_path / "truth.txt").write_text("\n".join(lines))
    found = _list(tmp_path / "val", ground_truth=tmp_path / "truth.txt")
    assert found.labels.tolist() == list(range(16))
    assert found.n_left_out == 1


@pytest.mark.parametrize(
    ("lines", "rule"),
    [
        (["1000"] * 3, "development kit"),
        (["n01440764", "7"], "one wnid, or its index"),
        (["-1"] * 3, "0-999"),
        (["4"], "a line for every image"),
    ],
)
def test_a_wrong_ground_truth_is_refused(tmp_path, lines, rule):
    for number in (1, 2, 3):
        _save(tmp_path / "val" / f"ILSVRC2012_val_{number:08d}.JPEG")
    (tmp_path / "truth.txt").write_text("\n".join(lines))
    with pytest.raises(DataError, match=rule):
        _list(tmp_path / "val", ground_truth=tmp_path / "truth.txt")


def test_a_flat_folder_without_ground_truth_is_refused(tmp_path):
    _save(tmp_path / "ILSVRC2012_val_00000001.JPEG")
    with pytest.raises(DataError, match=r"images\.ground_truth"):
        _list(tmp_path)


@pytest.mark.parametrize("names", [("cat", "dog"), CATEGORIES, ("0", "1", "2")])
def test_any_two_or_more_category_folders_do(tmp_path, names):
    found = _list(_category_folders(tmp_path, 2, names))
    assert found.categories == tuple(sorted(names))
    assert np.bincount(found.labels).tolist() == [2] * len(names)


def test_graysplit_is_the_papers_1050_test_images(shared_data):
    found = list_images(FolderImages(path=shared_data / "masking" / "graysplit"), seed=0, strict=True)
    assert found.categories == CATEGORIES
    published = [50, 67, 65, 81, 67, 66, 68, 67, 65, 66, 90, 65, 65, 50, 50, 68]
    assert np.bincount(found.labels).tolist() == published
    assert not any(name.startswith("train") for name in found.ids)
    index = found.ids.index("3/29_color_gray_g_elephant.JPEG")
    assert CATEGORIES[found.labels[index]] == "elephant"
    with Image.open(shared_data / "masking" / "graysplit" / found.ids[index]) as image:
        assert np.array_equal(found.load(index), np.asarray(image.convert("L"), dtype=np.float32) / 255)


def test_graysplit_refuses_a_name_without_one_of_the_categories(tmp_path):
    _save(tmp_path / "0" / "1_color_gray_g_dog.JPEG")
    _save(tmp_path / "0" / "2_color_gray_g_zebra.JPEG")
    with pytest.raises(DataError, match="zebra"):
        _list(tmp_path)


def _manifest(folder: Path, *rows: str) -> ManifestImages:
    (folder / "list.csv").write_text("path,category\n" + "\n".join(rows) + "\n")
    return ManifestImages(path=folder / "list.csv", size=SIZE)


def test_a_manifest_lists_images_anywhere_below_it(tmp_path):
    _save(tmp_path / "a" / "1.png")
    _save(tmp_path / "2.jpg")
    found = list_images(_manifest(tmp_path, "a/1.png,cup", "2.jpg,ball"), seed=0)
    assert found.categories == ("ball", "cup")
    assert dict(zip(found.ids, found.labels.tolist(), strict=True)) == {"a/1.png": 1, "2.jpg": 0}


@pytest.mark.parametrize(
    ("rows", "rule"),
    [
        (["1.jpg,cup", "./1.jpg,ball"], "once"),
        (["1.jpg,cup", "../outside.jpg,ball"], "inside"),
        (["1.jpg,cup", "/etc/hostname,ball"], "inside"),
        (["1.jpg,cup", "gone.jpg,ball"], "must name a file"),
        (["1.jpg,cup", "2.jpg,"], "path and a category"),
        (["1.jpg,cup", "2.jpg,cup"], "two or more categories"),
        ([], "two or more categories"),
    ],
)
def test_a_wrong_manifest_is_refused_with_its_line(tmp_path, rows, rule):
    _save(tmp_path / "outside.jpg")
    for name in ("1.jpg", "2.jpg"):
        _save(tmp_path / "set" / name)
    with pytest.raises(DataError, match=rule):
        list_images(_manifest(tmp_path / "set", *rows), seed=0)


@pytest.mark.parametrize("content", [b"file,label\n1.jpg,cup\n", b"", b"\xff\xfe\x00broken", None])
def test_a_file_that_is_no_manifest_is_refused(tmp_path, content):
    if content is not None:
        (tmp_path / "list.csv").write_bytes(content)
    with pytest.raises(DataError, match=r"list\.csv"):
        list_images(ManifestImages(path=tmp_path / "list.csv"), seed=0)


# --- wrong folders


def test_a_missing_folder_is_refused(tmp_path):
    with pytest.raises(DataError, match=r"images\.path must be a folder; got .*nowhere"):
        _list(tmp_path / "nowhere")


@pytest.mark.parametrize("content", [[], ["a.jpg"], ["only/a.jpg"]])
def test_an_empty_or_unknown_layout_is_refused_with_a_way_out(tmp_path, content):
    for name in content:
        _save(tmp_path / name)
    with pytest.raises(DataError, match="manifest"):
        _list(tmp_path)


def test_a_missing_category_is_named(tmp_path):
    for name in CATEGORIES[:-2]:
        _save(tmp_path / WNIDS[name][0] / "a.JPEG")
    with pytest.raises(DataError, match="got none of oven, truck"):
        _list(tmp_path)


def test_an_empty_category_folder_is_named(tmp_path):
    _category_folders(tmp_path)
    (tmp_path / "zebra").mkdir()
    with pytest.raises(DataError, match="got none of zebra"):
        _list(tmp_path)


@pytest.mark.parametrize("what", ["file", "folder", "loop"])
def test_a_link_in_the_folder_is_refused(tmp_path, what):
    root = _category_folders(tmp_path / "set")
    secret = _save(tmp_path / "secret" / "a.jpg")
    link = root / ("cat/link.jpg" if what == "file" else "link")
    link.symlink_to({"file": secret, "folder": secret.parent, "loop": link}[what])
    with pytest.raises(DataError, match="not links"):
        _list(root)


def test_the_folder_itself_may_be_a_link(tmp_path):
    _category_folders(tmp_path / "set")
    (tmp_path / "link").symlink_to(tmp_path / "set")
    assert len(_list(tmp_path / "link")) == 9


def test_a_manifests_link_out_of_its_folder_is_refused(tmp_path):
    secret, inside = _save(tmp_path / "secret.jpg"), _save(tmp_path / "set" / "1.jpg")
    (inside.parent / "link.jpg").symlink_to(secret)
    with pytest.raises(DataError, match="inside"):
        list_images(_manifest(inside.parent, "1.jpg,cup", "link.jpg,ball"), seed=0)


def test_an_unreadable_folder_is_refused(tmp_path, monkeypatch):
    root, scandir = _category_folders(tmp_path), os.scandir

    def forbidden(folder: Path) -> object:
        if Path(folder).name == "dog":
            raise PermissionError(13, "Permission denied")
        return scandir(folder)

    monkeypatch.setattr(os, "scandir", forbidden)
    with pytest.raises(DataError, match=r"images\.path must be readable; got .*dog \(Permission denied\)"):
        _list(root)


# --- damaged files


@pytest.mark.parametrize("ending", ["jpg", "png", "bmp", "webp", "tif", "gif"])
def test_every_truncation_is_found_and_named(tmp_path, ending):
    root = _category_folders(tmp_path, 2, ending=ending)
    victim = root / "dog" / f"00.{ending}"
    whole = victim.read_bytes()
    for part in range(16):
        victim.write_bytes(whole[: len(whole) * part // 16])
        found = _list(root)
        assert list(found.skipped) == [f"dog/00.{ending}"], f"cut to {part}/16"
        assert f"dog/00.{ending}" not in found.ids
    if ending == "jpg":
        victim.write_bytes(whole[:-1])
        assert list(_list(root).skipped) == [f"dog/00.{ending}"]


def test_strict_refuses_what_is_otherwise_skipped(tmp_path):
    root = _category_folders(tmp_path)
    (root / "dog" / "00.jpg").write_text("not an image")
    assert _list(root).skipped == {"dog/00.jpg": "is not an image"}
    with pytest.raises(DataError, match=r"got 1 damaged, the first dog/00\.jpg \(is not an image\)"):
        _list(root, strict=True)


def test_a_category_of_damaged_images_only_is_refused(tmp_path):
    root = _category_folders(tmp_path, 1)
    (root / "dog" / "00.jpg").write_bytes(b"")
    with pytest.raises(DataError, match="damaged ones only of dog"):
        _list(root)


def test_a_jpeg_with_bytes_after_its_end_is_sound(tmp_path):
    root = _category_folders(tmp_path)
    with (root / "dog" / "00.jpg").open("ab") as stream:
        stream.write(b"\0" * 100)
    assert _list(root, strict=True).skipped == {}


def test_sixteen_bit_images_are_skipped_and_not_clipped(tmp_path):
    root = _category_folders(tmp_path)
    Image.fromarray(np.full((SIZE, SIZE), 40_000, dtype=np.uint16)).save(root / "dog" / "deep.png")
    assert "8 bits" in _list(root).skipped["dog/deep.png"]


def test_a_header_that_claims_a_gigantic_image_is_skipped_without_its_memory(tmp_path):
    root = _category_folders(tmp_path)
    header = b"P6\n100000 100000\n255\n"
    (root / "dog" / "bomb.ppm").write_bytes(header + b"\0" * 1000)
    assert "dog/bomb.ppm" in _list(root).skipped


def test_a_damaged_file_never_raises_anything_but_our_error(tmp_path):
    root, rng = _category_folders(tmp_path, 2), np.random.default_rng(0)
    victim = root / "dog" / "00.jpg"
    whole = np.frombuffer(victim.read_bytes(), dtype=np.uint8)
    for _ in range(150):
        damaged = whole.copy()
        places = rng.integers(0, len(whole), 3)
        damaged[places] ^= rng.integers(1, 256, 3).astype(np.uint8)
        victim.write_bytes(damaged.tobytes())
        os.utime(victim, ns=(0, int(rng.integers(1, 2**60))))
        found = _list(root)
        if "dog/00.jpg" in found.ids:
            with contextlib.suppress(DataError):
                assert found.load(found.ids.index("dog/00.jpg")).shape == (SIZE, SIZE)


def test_a_file_that_vanishes_after_listing_is_named(tmp_path):
    root = _category_folders(tmp_path)
    found = _list(root)
    (root / "cat" / "00.jpg").unlink()
    with pytest.raises(DataError, match=r"cat/00\.jpg"):
        found.load(0)
    with pytest.raises(DataError, match=r"cat/00\.jpg"):
        found.content()


# --- loading


@pytest.mark.parametrize("size", [(96, 60), (60, 96), (SIZE, 200), (30, 30), (31, 500)])
def test_other_sizes_are_resized_on_the_shorter_side_and_cropped_in_the_middle(tmp_path, size):
    root = _category_folders(tmp_path)
    ramp = np.linspace(0, 255, size[0])[None].repeat(size[1], axis=0).astype(np.uint8)
    Image.fromarray(ramp).save(root / "cat" / "00.png")
    found = _list(root)
    loaded = found.load(found.ids.index("cat/00.png"))
    assert loaded.shape == (SIZE, SIZE)
    scale = round(SIZE / 0.875) / min(size)
    assert np.diff(loaded, axis=1).mean() == pytest.approx(1 / (size[0] * scale), rel=0.15)
    assert loaded.mean() == pytest.approx(0.5, abs=0.02)


@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA", "P", "1", "LA"])
def test_every_eight_bit_mode_becomes_pils_grey(tmp_path, mode):
    root = _category_folders(tmp_path)
    with Image.open(_save(tmp_path / "cat" / "zz.png")) as image:
        converted = image.convert(mode)
    converted.save(tmp_path / "cat" / "zz.png")
    found = _list(root, strict=True)
    loaded = found.load(found.ids.index("cat/zz.png"))
    assert np.array_equal(loaded, np.asarray(converted.convert("L"), dtype=np.float32) / 255)
    assert loaded.dtype == np.float32


# --- order, sampling, split, content


def test_order_depends_on_names_only(tmp_path):
    first = _category_folders(tmp_path / "a")
    second = tmp_path / "b"
    for file in sorted(first.rglob("*.jpg"), reverse=True):
        _save(second / file.relative_to(first)).write_bytes(file.read_bytes())
    assert _list(first).ids == _list(second).ids == tuple(sorted(_list(first).ids))
    assert _list(first).content() == _list(second).content()


@pytest.mark.parametrize("n", [3, 7, 12, 30, 1000])
def test_max_images_is_balanced_and_nested(tmp_path, n):
    root = _category_folders(tmp_path, 10)
    found, more = _list(root, max_images=n), _list(root, max_images=n + 1)
    assert len(found) == min(n, 30)
    assert np.ptp(np.bincount(found.labels, minlength=3)) <= 1
    assert set(found.ids) <= set(more.ids)
    assert found.ids == _list(root, max_images=n).ids
    if n in (7, 12):
        assert found.ids != _list(root, max_images=n, seed=1).ids


def test_max_images_draws_another_image_for_a_damaged_one(tmp_path):
    root = _category_folders(tmp_path, 5)
    for i in range(4):
        (root / "dog" / f"{i:02d}.jpg").write_bytes(b"")
    found = _list(root, max_images=6)
    assert "dog/04.jpg" in found.ids
    assert len(found) == 6


def test_fewer_max_images_than_categories_are_refused(tmp_path):
    with pytest.raises(DataError, match=r"images\.max_images must be at least .* 3; got 2"):
        _list(_category_folders(tmp_path), max_images=2)


def test_split_of_a_folder_shares_no_image(tmp_path):
    found = _list(_category_folders(tmp_path, 6))
    training, test = found.split(4)
    assert np.bincount(training.labels).tolist() == [4, 4, 4]
    assert not set(training.ids) & set(test.ids)
    assert sorted((*training.ids, *test.ids)) == list(found.ids)
    for part in (training, test):
        for index, name in enumerate(part.ids):
            assert found.categories[part.labels[index]] == name.split("/")[0]
            assert np.array_equal(part.load(index), found.load(found.ids.index(name)))
    assert found.split(4)[0].ids == training.ids
    with pytest.raises(DataError, match=r"observer\.train_per_category .* got 6 of the 6 images of cat"):
        found.split(6)


def test_procedural_training_scenes_are_drawn_anew():
    found = list_images(ProceduralImages(n_images=40, size=32), seed=3)
    training, test = found.split(5)
    assert test.ids == found.ids
    assert np.bincount(training.labels).tolist() == [5] * 16
    assert np.ptp(np.bincount(test.labels)) <= 1
    assert len(found) == 40
    shown = {found.load(i).tobytes() for i in range(40)}
    assert not shown & {training.load(i).tobytes() for i in range(80)}


def test_a_scene_depends_on_seed_and_name_only():
    few, many = (list_images(ProceduralImages(n_images=n, size=32), seed=3) for n in (16, 64))
    other = list_images(ProceduralImages(n_images=16, size=32), seed=4)
    assert np.array_equal(few.load(5), many.load(many.ids.index(few.ids[5])))
    assert not np.array_equal(few.load(5), other.load(5))
    assert few.content() != other.content()


@pytest.mark.parametrize("change", ["bytes", "same size", "name", "category", "fewer"])
def test_the_content_changes_with_the_images(tmp_path, change):
    root = _category_folders(tmp_path)
    before = _list(root).content()
    file = root / "cat" / "00.jpg"
    match change:
        case "bytes":
            file.write_bytes(file.read_bytes() + b"\0")
        case "same size":
            file.write_bytes(bytes([*file.read_bytes()[:-1], 0]))
        case "name":
            file.rename(file.with_name("000.jpg"))
        case "category":
            (root / "cat").rename(root / "kitten")
        case "fewer":
            file.unlink()
    assert _list(root).content() != before


def test_labels_cannot_be_changed_by_a_caller():
    with pytest.raises(ValueError, match="read-only"):
        list_images(ProceduralImages(), seed=0).labels[0] = 3


def test_listing_imports_no_torch(tmp_path):
    code = (
        "import sys; from cogattn.vision.images.listing import list_images;"
        "from cogattn.vision.images.config import ProceduralImages;"
        "list_images(ProceduralImages(), seed=0).load(0); sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
