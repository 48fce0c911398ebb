"""Who takes part: names that are unique and human, one observer's settings, checkpoints by pattern."""

from __future__ import annotations

from pathlib import Path

import pytest

from cogattn.errors import ConfigError, ObserverError
from cogattn.observers.config import FactoryObserver, ModuleObserver, ReadoutObserver, TimmObserver
from cogattn.observers.roster import (
    checkpoint_of,
    checkpoints_of,
    observer_names,
    observers_of,
    only,
    without,
)


def touch(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def names_of(*patterns: str) -> tuple[str, ...]:
    return observer_names(FactoryObserver(target="lab:build", checkpoints=patterns))


@pytest.mark.parametrize(
    ("settings", "names"),
    [
        (TimmObserver(models=("resnet50", "vgg16")), ("resnet50", "vgg16")),
        (ReadoutObserver(), ("tf_efficientnet_lite0",)),
        (FactoryObserver(target=("lab:build", "lab:build(width=2)")), ("lab:build", "lab:build(width=2)")),
        (ModuleObserver(name="mine", digest="0" * 64), ("mine",)),
    ],
)
def test_observers_are_called_as_the_settings_name_them(settings, names: tuple[str, ...]):
    assert tuple(observer.id for observer in observers_of(settings)) == names
    assert {observer.role for observer in observers_of(settings)} == {"network"}


def test_checkpoints_are_called_by_their_files(folder: Path):
    touch(folder, "run/epoch_2.pt", "run/epoch_10.pt", "run/last.safetensors", "run/log.txt")
    assert names_of("run/*.pt", "run/last.safetensors") == ("epoch_10", "epoch_2", "last")


def test_checkpoints_of_one_name_are_told_apart_by_as_little_as_does(folder: Path):
    touch(folder, "a/run/best.pt", "b/run/best.pt", "b/run/other.pt", "best.pth", "best.pt")
    assert names_of("*/run/*.pt") == ("a/run/best", "b/run/best", "other")
    assert names_of("best.p*") == ("best.pt", "best.pth")
    assert len(set(names_of("**/*.p*"))) == 5


def test_a_file_that_two_patterns_fit_is_one_observer(folder: Path):
    touch(folder, "one.pt", "two.pt")
    assert names_of("one.pt", "*.pt") == ("one", "two")


def test_settings_of_one_observer_name_it_alone(folder: Path):
    touch(folder, "a/best[1].pt", "b/best[1].pt")
    settings = FactoryObserver(target="lab:build", checkpoints=("*/best*.pt",))
    narrowed = only(settings, "a/best[1]")
    assert isinstance(narrowed, FactoryObserver)
    assert checkpoint_of(narrowed, "a/best[1]") == Path(
        "a/best[1].pt"
    )  # under the name that it has beside others
    assert len(observer_names(narrowed)) == 1
    touch(folder, "c/best[1].pt")
    assert only(settings, "a/best[1]") == narrowed  # whoever joins changes nothing for those who are there


def test_another_network_changes_nothing_for_the_first():
    alone, together = TimmObserver(models=("resnet50",)), TimmObserver(models=("vgg16", "resnet50"))
    assert only(together, "resnet50") == only(alone, "resnet50") == alone
    both = FactoryObserver(target=("lab:build", "lab:build(width=2)"))
    assert only(both, "lab:build(width=2)") == FactoryObserver(target="lab:build(width=2)")


@pytest.mark.parametrize(
    "settings",
    [TimmObserver(), FactoryObserver(target="lab:build"), ModuleObserver(name="mine", digest="0" * 64)],
)
def test_who_does_not_take_part_is_refused(settings):
    with pytest.raises(ObserverError, match="must hold somebody; got"):
        only(settings, "somebody")


def test_of_many_names_ten_are_told():
    ten = ", ".join(f"net{k}" for k in range(10))
    for n, told in ((10, f"got {ten}"), (13, f"got {ten} and 3 more")):
        with pytest.raises(ObserverError) as caught:
            only(TimmObserver(models=tuple(f"net{k}" for k in range(n))), "somebody")
        assert str(caught.value).endswith(told)


def test_patterns_that_fit_nothing_are_refused(folder: Path):
    touch(folder, "here.pt")
    with pytest.raises(
        ConfigError, match=r"observer\.checkpoints must name existing files; got there/\*\.pt"
    ):
        names_of("here.pt", "there/*.pt")


def test_checkpoints_belong_to_one_factory(folder: Path):
    touch(folder, "one.pt")
    with pytest.raises(ConfigError, match=r"observer\.target must be one factory .* got 2"):
        observer_names(FactoryObserver(target=("lab:build", "lab:reach"), checkpoints=("*.pt",)))


def test_without_some_the_others_stay_in_their_order(folder: Path):
    touch(folder, "a/best.pt", "b/best.pt", "c/[1].pt")
    settings = FactoryObserver(target="lab:build", checkpoints=("*/*.pt",))
    assert observer_names(settings) == ("a/best", "b/best", "[1]")
    left = without(settings, ["a/best"])
    assert list(checkpoints_of(left).values()) == [Path("b/best.pt"), Path("c/[1].pt")]
    assert without(TimmObserver(models=("x", "y", "z")), {"y"}) == TimmObserver(models=("x", "z"))
    targets = FactoryObserver(target=("lab:build", "lab:other"))
    assert without(targets, {"lab:build"}) == FactoryObserver(target="lab:other")
