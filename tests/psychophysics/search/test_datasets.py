"""Sets of scenes by name: told by the names of their files, and read by the settings that they name."""

from __future__ import annotations

from typing import get_args

import pytest

from cogattn.errors import DataError
from cogattn.fetch import adopt, by_hand, check, data_sets, state
from cogattn.psychophysics.scanpath import datasets as of_scanpath
from cogattn.psychophysics.search.config import ScenesSettings
from cogattn.psychophysics.search.datasets import DATASETS, SIBS, Scenes
from cogattn.vision.scenes.reading import READERS, Layout

SETS = [data_set for data_set in DATASETS if isinstance(data_set, Scenes)]


def test_all_are_announced_with_terms_source_and_settings() -> None:
    announced = data_sets()
    assert [announced[data_set.name] for data_set in SETS] == SETS
    others = {data_set.layout for data_set in of_scanpath.DATASETS}
    assert {data_set.layout for data_set in SETS} | others == set(READERS) - {"table", "eyelink"}
    for data_set in SETS:
        assert data_set.licence
        assert data_set.people
        assert f'scenes.layout = "{data_set.layout}"' in data_set.details()["settings"]


def test_layouts_of_settings_are_those_that_are_read() -> None:
    assert set(get_args(ScenesSettings.model_fields["layout"].annotation)) == set(get_args(Layout))
    assert set(get_args(Layout)) == {"auto", *READERS}


def test_sibs_is_told_by_the_names_of_its_files(tmp_path, shared_data) -> None:
    folder = shared_data / "scanpath" / "sibs"
    if not folder.is_dir():
        pytest.skip("sibs is not here")
    check(SIBS, folder)
    assert state(SIBS, tmp_path) == "by hand"
    adopt(SIBS, folder, tmp_path)
    assert state(SIBS, tmp_path) == "here"
    assert "git checkout ede770e" in by_hand(SIBS, tmp_path)


def test_a_folder_of_other_photographs_is_not_sibs(tmp_path) -> None:
    for number in range(269):
        (tmp_path / f"grayscale_{number}_kitchen.jpg").touch()
    with pytest.raises(DataError, match="not the same ones"):
        check(SIBS, tmp_path)
