"""Targets are read as data: literals and nothing else, one spelling each; refusals are sentences."""

from __future__ import annotations

from typing import Annotated

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import Field

from cogattn.config import StudyConfig
from cogattn.errors import ConfigError
from cogattn.observers.config import FactoryObserver, TimmObserver
from cogattn.observers.targets import parse_target

LITERALS = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=5,
)


class Config(StudyConfig):
    """A study with two kinds of observers."""

    observer: Annotated[TimmObserver | FactoryObserver, Field(discriminator="kind")] = TimmObserver()


def refusal(**observer: object) -> str:
    with pytest.raises(ConfigError) as caught:
        Config.parse({"observer": {"kind": "factory", **observer}})
    return str(caught.value)


@given(st.dictionaries(st.sampled_from("abcd"), LITERALS, max_size=3))
def test_literal_arguments_come_back(kwargs: dict[str, object]):
    shown = ", ".join(f"{name}={value!r}" for name, value in kwargs.items())
    target = parse_target(f"lab.models:Net.build({shown})")
    assert (target.module, target.attribute, target.args, target.kwargs) == (
        "lab.models",
        "Net.build",
        (),
        kwargs,
    )
    assert parse_target(target.text) == target


def test_a_target_has_one_spelling():
    spelled = "lab:build( depth = 4,width=2 )"
    assert FactoryObserver.model_validate({"target": spelled}) == FactoryObserver(
        target=("lab:build(width=2, depth=4)",)
    )
    assert FactoryObserver(target=("lab:build()",)).target == ("lab:build",)


@pytest.mark.parametrize(
    "target",
    [
        "mylab",
        "mylab:",
        ":build",
        "my lab:build",
        "lab:build(",
        "lab:build(width=w)",
        "lab:build(**{})",
        "lab:build(*[1])",
        "lab:build()()",
        "lab:build(print(1))",
        "lab:build(__import__('os').system('true'))",
        "lab:1",
        "lab:build; import os",
        "lab:" + "(" * 500,
        "lab:build(" + "9" * 5000 + ")",
    ],
)
def test_what_is_no_target_is_refused_by_a_sentence_without_patterns(target: str):
    told = refusal(target=target)
    assert told.startswith("observer.target must be module:factory")
    assert not set("^$\\") & set(told)


def test_a_target_that_is_no_target_is_shown():
    assert refusal(target="mylab").endswith("got 'mylab'")


@pytest.mark.parametrize(
    "names", [("lab:build", "lab:build()"), ("lab:build(a=1, b=2)", "lab:build(b=2,a=1)")]
)
def test_an_observer_is_named_once(names: tuple[str, str]):
    assert "observer.target must name each observer once" in refusal(target=names)


def test_no_network_is_tested_twice():
    with pytest.raises(
        ConfigError, match=r"observer\.models must name each observer once, not resnet50 twice"
    ):
        Config.parse({"observer": {"kind": "timm", "models": ["resnet50", "vgg16", "resnet50"]}})


def test_settings_come_back_from_toml(tmp_path):
    config = Config.parse(
        {"observer": {"kind": "factory", "target": "lab:build(act='re\"lu')", "checkpoints": "*.pt"}}
    )
    (tmp_path / "study.toml").write_text(config.to_toml())
    assert Config.from_toml(tmp_path / "study.toml") == config
