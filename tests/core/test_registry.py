"""Studies by name or target."""

from __future__ import annotations

from importlib.metadata import EntryPoint

import pytest

from cogattn import registry
from cogattn.errors import ConfigError
from cogattn.registry import load_study, study_entry_points
from cogattn.testing.coin import CoinStudy


def test_the_built_in_studies_are_there_and_load() -> None:
    assert "masking" in study_entry_points()
    for name in study_entry_points():
        assert load_study(name).name == name


def test_a_target_reaches_a_study_that_is_not_installed() -> None:
    assert isinstance(load_study("cogattn.testing.coin:CoinStudy"), CoinStudy)


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("maskin", "study must be a registered name; got maskin; did you mean masking?"),
        ("qqq", "study must be a registered name; got qqq; known: "),
        ("no.such:Study", "study no.such:Study must be importable; got ModuleNotFoundError"),
        ("os:getcwd", "study os:getcwd must be a class with a Config of settings"),
        ("cogattn.study:Cell", "study cogattn.study:Cell must be a class with a Config of settings"),
        (":", "study : must be importable"),
    ],
)
def test_what_is_no_study_is_refused_in_one_sentence(name: str, sentence: str) -> None:
    with pytest.raises(ConfigError) as refused:
        load_study(name)
    assert str(refused.value).startswith(sentence)


def test_two_studies_of_one_name_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    entries = [EntryPoint("masking", "mine:Masking", "g"), EntryPoint("masking", "yours:Masking", "g")]
    monkeypatch.setattr(registry, "entry_points", lambda **_: entries)
    with pytest.raises(
        ConfigError, match="study names must be unique; got masking from mine:Masking and yours:Masking"
    ):
        study_entry_points()
