"""Who takes part in which cells, and what reaches the trials of each."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import pytest

from cogattn.errors import CogattnError
from cogattn.observers.config import TimmObserver
from cogattn.psychophysics.scanpath import plan
from cogattn.psychophysics.scanpath.config import (
    NetworkSettings,
    ObjectSettings,
    ScanpathConfig,
    ScenesSettings,
    SplitSettings,
    SyntheticSettings,
    TrainingSettings,
)
from cogattn.psychophysics.scanpath.plan import cells_of, observers_of, relevant
from cogattn.study import streams_of
from cogattn.testing.variations import variations
from tests.psychophysics.scanpath.made import collages

SMALL = ScanpathConfig(
    synthetic=SyntheticSettings(n_layouts=10, n_objects=6, n_people=4, n_fixations=4), viewers=(1, 2)
)


def changed(config: ScanpathConfig, **update: object) -> ScanpathConfig:
    return config.model_copy(update=update)


def ids(config: ScanpathConfig) -> list[str]:
    return [observer.id for observer in observers_of(config)]


def identities(config: ScanpathConfig) -> dict[tuple[str, int], str]:
    """Settings that reach each cell, by observer and split."""
    return {(cell.observer, cell.split): relevant(config, cell).canonical() for cell in cells_of(config)}


def test_networks_controls_baselines_viewers_and_people_take_part() -> None:
    assert ids(SMALL) == [
        "tf_efficientnet_lite0", "no content", "tf_efficientnet_lite0, untrained 0", "uniform", "centre", "density",
        "nearest", "histogram", "saliency", "history", "1 viewer", "2 viewers", "people",
    ]  # fmt: skip
    roles = {observer.id: observer.role for observer in observers_of(SMALL)}
    assert roles["tf_efficientnet_lite0"] == "network"
    assert roles["people"] == "person"
    assert set(roles.values()) == {"network", "control", "person"}


def test_without_appearance_the_network_itself_has_no_content_and_no_copy() -> None:
    blind = changed(SMALL, appearance="none")
    assert ids(blind)[:2] == ["object transformer", "uniform"]
    assert "saliency" in ids(blind)  # which looks at the image by itself
    both = changed(
        blind, models=("ours", "published"), network=NetworkSettings(ablate=("geometry", "history"))
    )
    assert ids(both)[:4] == [
        "object transformer", "OAT as published", "object transformer, without geometry",
        "object transformer, without history",
    ]  # fmt: skip


def test_the_published_model_has_a_control_of_its_own() -> None:
    published = changed(SMALL, models=("published",))
    assert ids(published)[:3] == ["OAT as published", "OAT as published, no content", "uniform"]
    cells = {cell.observer: cell for cell in cells_of(published) if cell.split == 0}
    seeing, blind = (relevant(published, cells[name]) for name in ids(published)[:2])
    assert (seeing.appearance, blind.appearance) == ("network", "none")
    assert seeing.observer == TimmObserver()


def test_more_viewers_than_a_scene_has_others_are_left_out() -> None:
    assert plan.n_others(SMALL) == 3
    many = changed(SMALL, viewers=(1, 3, 4, 9))
    assert [name for name in ids(many) if "viewer" in name] == ["1 viewer", "3 viewers"]
    assert plan.left_out(many) == (
        "left out: 4 viewers, 9 viewers; a scene of the test was seen by 3 other people only",
    )
    assert plan.left_out(changed(SMALL, viewers=ScanpathConfig().viewers)) == ()  # nobody chose them


def test_cells_are_one_an_observer_and_split() -> None:
    cells = cells_of(SMALL)
    assert len(cells) == 3 * len(ids(SMALL)) == len({cell.key for cell in cells})
    assert {cell.task for cell in cells if cell.observer == "people"} == {"scanpath_paths"}
    assert [cell.who for cell in cells if not cell.split] == list(observers_of(SMALL))


def test_relevant_settings_hold_by_themselves_and_are_their_own() -> None:
    config = changed(SMALL, models=("ours", "published"), network=NetworkSettings(width=32, ablate=("area",)))
    for cell in cells_of(config):
        own = relevant(config, cell)
        assert ScanpathConfig.model_validate_json(own.canonical()) == own
        assert relevant(own, cell) == own, cell.label
        assert streams_of(own, cell) == streams_of(config, cell)


@pytest.mark.parametrize(
    ("update", "reached"),
    [
        ({"n_bootstrap": 100}, set()),
        ({"split": SplitSettings(n_splits=2)}, set()),
        ({"split": SplitSettings(leaks="show")}, set()),
        ({"viewers": (1,)}, set()),
        ({"baselines": ("uniform",)}, set()),
        ({"controls": ("random_weights",)}, set()),
        ({"n_random": 3}, set()),
        ({"observer": TimmObserver(models=("tf_efficientnet_lite0", "resnet18"), weights="random")}, {"network"}),
        ({"training": TrainingSettings(max_epochs=3)}, {"network", "untrained", "no content"}),
        ({"network": NetworkSettings(width=64)}, {"network", "untrained", "no content"}),
        ({"network": NetworkSettings(ablate=("area",))}, set()),
        ({"n_samples": 4}, {"all but people"}),
        ({"split": SplitSettings(test=0.3)}, {"all"}),
        ({"objects": ObjectSettings(merge=True)}, {"all"}),
        ({"seed": 1}, {"all"}),
    ],
)  # fmt: skip
def test_a_setting_reaches_the_cells_that_read_it_and_no_other(
    update: dict[str, object], reached: set[str]
) -> None:
    before, after = identities(SMALL), identities(changed(SMALL, **update))
    groups = {
        "network": {"tf_efficientnet_lite0"},
        "untrained": {"tf_efficientnet_lite0, untrained 0"},
        "no content": {"no content"},
        "all but people": set(ids(SMALL)) - {"people"},
        "all": set(ids(SMALL)),
    }
    expected = {name for group in reached for name in groups[group]}
    shared = before.keys() & after.keys()
    assert {name for name, split in shared if before[name, split] != after[name, split]} == expected
    assert shared


def test_another_network_leaves_the_cells_of_the_first_as_they_are() -> None:
    two = changed(SMALL, observer=TimmObserver(models=("tf_efficientnet_lite0", "resnet18")))
    before, after = identities(SMALL), identities(two)
    assert before.items() <= after.items()
    assert {name for name, _ in after.keys() - before.keys()} == {"resnet18", "resnet18, untrained 0"}


def test_predictions_from_elsewhere_are_their_bytes(tmp_path: Path) -> None:
    files = tuple(tmp_path / name for name in ("mine.csv", "theirs.csv"))
    for file in files:
        file.write_text("scene,sample,fixation,x,y\nlayout 0000,0,0,5,5\n")
    both, turned = (changed(SMALL, predictors=order) for order in (files, files[::-1]))
    cells = {cell.observer: cell for cell in cells_of(both) if not cell.split and cell.variant == "outside"}
    assert list(cells) == ["mine", "theirs"]
    assert identities(both) == identities(turned)
    theirs = cells["theirs"]
    own = relevant(both, theirs)
    assert own.predictors == (files[1],)
    assert relevant(own, theirs) == own
    before = plan.contents(both, theirs)
    assert before["predictions"] == plan.contents(both, cells["mine"])["predictions"]
    files[1].write_text("scene,sample,fixation,x,y\nlayout 0000,0,0,5,6\n")
    assert plan.contents(both, theirs) != before
    assert plan.contents(both, cells_of(both)[0]) == plan.contents(SMALL, cells_of(SMALL)[0])


def test_an_ablation_is_the_network_that_lacks_the_part_from_the_start() -> None:
    config = changed(
        SMALL, appearance="none", network=NetworkSettings(without=("position",), ablate=("history", "area"))
    )
    lacking = {
        cell.observer: relevant(config, cell).network.without for cell in cells_of(config) if not cell.split
    }
    assert lacking["object transformer"] == ("position",)
    assert lacking["object transformer, without history"] == ("history", "position")
    assert lacking["object transformer, without area"] == ("area", "position")


def test_every_setting_changes_an_identity_or_is_the_summarys_or_refused() -> None:
    """None is forgotten: the settings that change no cell are those that other observers or the tables read."""
    config = changed(SMALL, appearance="network")
    before = identities(config)
    silent = set()
    for path, other in variations(config):
        with suppress(CogattnError):  # refused
            if identities(other) == before:
                silent.add(path)
    assert silent == {"split.leaks", "n_bootstrap", "appearance"}  # auto is network where there are images


def test_given_scenes_are_their_content(tmp_path: Path) -> None:
    config = ScanpathConfig(scenes=ScenesSettings(path=collages(tmp_path / "one")), viewers=(1,))
    cell = cells_of(config)[0]
    before = plan.contents(config, cell)
    assert set(before) == {"scenes"}
    assert plan.inputs(config) == before
    elsewhere = ScenesSettings(path=collages(tmp_path / "two"))
    assert plan.contents(changed(config, scenes=elsewhere), cell) == before
    others = ScenesSettings(path=collages(tmp_path / "three", seed=1))
    assert plan.contents(changed(config, scenes=others), cell) != before
    assert plan.contents(SMALL, cells_of(SMALL)[-1]) == {}  # simulated: the settings are all there is


def test_without_images_there_is_no_saliency_and_it_is_said(tmp_path: Path) -> None:
    config = ScanpathConfig(scenes=ScenesSettings(path=collages(tmp_path)), viewers=(1,))
    assert ids(config)[0] == "object transformer"
    assert "saliency" not in ids(config)
    assert plan.left_out(config) == ("saliency is left out: not every scene has an image",)
