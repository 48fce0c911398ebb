"""Sets of scanpaths by name: told by their files, and read by the settings that they name."""

from __future__ import annotations

from typing import get_args

import pytest

from cogattn.errors import DataError
from cogattn.fetch import adopt, check, state
from cogattn.psychophysics.scanpath.config import ScenesSettings
from cogattn.psychophysics.scanpath.datasets import AMAZON, DATASETS, OSIE
from cogattn.psychophysics.search.datasets import DATASETS as OF_SEARCH
from cogattn.vision.scenes.reading import Layout, layout_of

PLACES = {"amazon-covers": "amazon", "osie": "osie"}


def test_layouts_of_settings_are_those_that_are_read() -> None:
    assert get_args(ScenesSettings.model_fields["layout"].annotation) == get_args(Layout)


def test_names_are_no_other_sets() -> None:
    assert not {one.name for one in DATASETS} & {one.name for one in OF_SEARCH}


@pytest.mark.parametrize("data_set", DATASETS, ids=lambda one: one.name)
def test_a_set_is_told_by_its_files(data_set, tmp_path, shared_data) -> None:
    folder = shared_data / "scanpath" / PLACES[data_set.name]
    if not folder.is_dir():
        pytest.skip(f"{data_set.name} is not here")
    check(data_set, folder)
    assert layout_of(folder) == data_set.layout
    assert state(data_set, tmp_path) == "by hand"
    adopt(data_set, folder, tmp_path)
    assert state(data_set, tmp_path) == "here"


def test_other_files_are_refused(tmp_path) -> None:
    (tmp_path / "1001.jpg").touch()
    with pytest.raises(DataError, match="osie must be a folder of its 701 files; got 1"):
        check(OSIE, tmp_path)
    with pytest.raises(DataError, match="amazon-covers must be a folder of its 1 files; got 0"):
        check(AMAZON, tmp_path)


def test_what_is_told_of_a_set_says_how_to_read_it() -> None:
    for data_set in DATASETS:
        told = data_set.details()
        assert f'scenes.layout = "{data_set.layout}"' in told["settings"]
        assert f'scenes.path = "{data_set.name}"' in told["settings"]
        assert told["people"]
