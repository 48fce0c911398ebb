"""The registered studies, as a card asks them."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from cogattn.errors import ConfigError
from cogattn.measures import KEY
from cogattn.registry import load_study, study_entry_points
from cogattn.study import Study

DEFAULT = "tf_efficientnet_lite0"
SEEING = ("masking", "naming", "rehearsal", "scanpath", "search")
STUDIES = tuple(study_entry_points())
LIMIT_S = 30 * 60


def walk(value: object, path: str = "") -> Iterator[tuple[str, object]]:
    if isinstance(value, dict):
        for name, each in value.items():
            yield from walk(each, f"{path}.{name}")
    else:
        yield path, value


def applying(model: str) -> set[str]:
    return {name for name in STUDIES if load_study(name).carded(model) is not None}


@pytest.mark.parametrize(
    ("model", "studies"),
    [
        (DEFAULT, set(SEEING)),
        ("mylab.models:build(width=2)", set(SEEING)),
        ("ridge", {"aad"}),
        ("cca", {"aad"}),
        ("nobody-knows-this", set()),
        ("resnet*", set()),
    ],
    ids=["network", "target", "decoder", "other decoder", "unknown", "pattern"],
)
def test_networks_see_decoders_listen_and_nobody_is_guessed(model: str, studies: set[str]) -> None:
    assert applying(model) == studies


def test_what_looks_like_a_target_and_is_none_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"^model must be module:factory.*got 'my lab:build'"):
        load_study("masking").carded("my lab:build")


@pytest.mark.parametrize("name", SEEING)
def test_the_first_observer_is_the_network_or_the_schedule_that_it_learns_by(name: str) -> None:
    study = load_study(name)
    first = study.observers(study.carded(DEFAULT))[0]
    assert first.id == ("power:1" if name == "rehearsal" else DEFAULT)
    assert first.role == "network"


@pytest.mark.parametrize("name", SEEING)
def test_a_card_needs_no_file_and_no_download(name: str) -> None:
    study = load_study(name)
    config = study.carded(DEFAULT)
    assert config is not None
    given = {path: value for path, value in walk(json.loads(config.canonical())) if path.endswith(".path")}
    assert set(given.values()) <= {None}
    study.check(config)


@pytest.mark.slow
def test_the_whole_card_is_planned_for_less_than_thirty_minutes() -> None:
    def planned(study: Study) -> float:
        config = study.carded(DEFAULT)
        return sum(study.cost(config, cell).cpu_s for cell in study.cells(config))

    seconds = {name: planned(load_study(name)) for name in SEEING}
    assert sum(seconds.values()) < LIMIT_S / 2


@pytest.mark.parametrize("name", STUDIES)
def test_a_study_says_how_its_rows_stand_on_a_card(name: str) -> None:
    study = load_study(name)
    assert study.kind == ("explains people" if name in ("aad", "efr") else "behaves like")
    assert len(set(study.on_card)) == len(study.on_card)
    assert all(KEY.fullmatch(key) for key in study.on_card)


@pytest.mark.parametrize(
    ("name", "simulated"), [("masking", False), ("search", False), ("scanpath", True), ("aad", True)]
)
def test_simulated_persons_are_said_to_be_simulated(name: str, simulated: bool) -> None:
    study = load_study(name)
    assert study.simulated(study.Config()) is simulated
