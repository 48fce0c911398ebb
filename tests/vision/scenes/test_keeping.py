"""Sets that were read are read again only where their files changed; sets have names."""

from __future__ import annotations

from pathlib import Path

import pytest

from cogattn.errors import DataError
from cogattn.fetch import Manual
from cogattn.vision.scenes import digests, keeping, read_scenes, sets
from cogattn.vision.scenes.keeping import kept_digests, kept_scenes


@pytest.fixture
def n_reads(monkeypatch) -> list[Path]:
    """Each reading of a path, as it happens."""
    seen: list[Path] = []

    def counting(path, **settings):
        seen.append(path)
        return read_scenes(path, **settings)

    monkeypatch.setattr(keeping, "read_scenes", counting)
    return seen


def test_files_that_stay_as_they_are_are_read_once(files, tmp_path, n_reads) -> None:
    files.write_table(tmp_path)
    first = kept_scenes(tmp_path)
    assert kept_scenes(tmp_path) is first
    names = [scene.name for scene in first]
    assert kept_digests(names, tmp_path) == digests(tmp_path)
    assert kept_digests(names[:1], tmp_path) == {names[0]: digests(tmp_path)[names[0]]}
    assert len(n_reads) == 1
    assert kept_scenes(tmp_path, pixels_per_degree=9) is not first


def test_files_that_change_are_read_again(files, tmp_path, n_reads) -> None:
    files.write_table(tmp_path)
    names = [scene.name for scene in kept_scenes(tmp_path)]
    before = kept_digests(names, tmp_path)
    files.draw(tmp_path / "photographs" / "hall_1.jpg", seed=99)
    after = kept_digests(names, tmp_path)
    assert [name for name in names if after[name] != before[name]] == ["photographs/hall_1"]
    assert len(n_reads) == 2


def test_a_set_in_place_is_found_by_its_name_unless_a_folder_has_it(files, tmp_path, monkeypatch) -> None:
    known = Manual("osie", "made up", "none", "here", "do it", r"\d+\.jpg", 2)
    monkeypatch.setattr(sets, "data_sets", lambda: {"osie": known})
    monkeypatch.setattr(sets, "cache_folder", lambda: tmp_path / "cache")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DataError, match="or the name of a data set that is in place; got osie"):
        read_scenes("osie")
    files.write_osie(tmp_path / "mine")
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache" / "osie").symlink_to(tmp_path / "mine")
    assert read_scenes("osie").layout == "osie"
    assert len(kept_scenes(Path("osie"))) == 2
    files.write_table(tmp_path / "osie")
    assert read_scenes("osie").layout == "table"
    assert len(kept_scenes(Path("osie"))) == 3
