"""Forms from settings: the untouched form is the default, every answer is judged by the study, code is not taken."""

from __future__ import annotations

from typing import Annotated, Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import Field as Bounded

from cogattn.apps.dashboard.launch.answers import (
    MAX_CHARACTERS,
    answers_of,
    beside,
    changed,
    judged,
    split,
    unoffered,
    values,
    words,
)  # fmt: skip
from cogattn.apps.dashboard.launch.forms import Answers, Field, Form, Group, form_of, joined, shown
from cogattn.cli import main, studies
from cogattn.cli.flags import flag_parameters
from cogattn.config import Settings, StudyConfig, toml_text
from cogattn.registry import load_study
from cogattn.testing.coin import CoinConfig

STUDIES = ["aad", "efr", "masking", "naming", "rehearsal", "scanpath", "search"]


def model_of(study: str) -> type[StudyConfig]:
    return load_study(study).Config


def kinds_offered(form: Form) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for entry in form:
        if isinstance(entry, Group):
            found |= {entry.path: list(entry.kinds)} if entry.several else {}
            for inner in entry.kinds.values():
                found |= kinds_offered(inner)
    return found


def refusal(model: type[StudyConfig], answers: Answers) -> dict[str, str]:
    config, refused = judged(model, form_of(model), answers)
    assert (config is None) == bool(refused)
    return refused


class Inner(Settings):
    """An inner group."""

    width: int = Bounded(default=1, ge=1, le=9)
    name: str = "plain"


class Fancy(StudyConfig):
    """What no study of the house has, but a plugin may."""

    inner: Inner = Inner(width=3, name="special")
    extra: Inner | None = None
    level: Literal[1, 2, 3] = 2
    maybe: Literal["a", "b"] | None = None
    flag: bool = True
    pair: Annotated[tuple[int, int], Bounded()] = (1, 2)
    names: tuple[str, ...] = ("a, b", 'c "d"')
    cut: float | None = None


@pytest.mark.parametrize("study", STUDIES)
def test_the_untouched_form_is_the_default_settings(study: str) -> None:
    model = model_of(study)
    form = form_of(model)
    every = {field.path: field.default for field in shown(form, {})}
    assert len(every) > 10
    for answers in ({}, every):
        config, refused = judged(model, form, answers)
        assert (config, refused, values(form, answers)) == (model(), {}, {})


@pytest.mark.parametrize("study", STUDIES)
def test_stored_settings_fill_the_form_and_come_back_equal(study: str) -> None:
    model, demo = model_of(study), load_study(study).demo()
    form = form_of(model)
    answers = answers_of(form, demo)
    assert judged(model, form, answers) == (demo, {})
    assert demo == model() or changed(form, answers)


@pytest.mark.parametrize("study", STUDIES)
def test_a_form_asks_for_every_setting_that_the_command_line_has_but_code(study: str) -> None:
    def paths(form: Form) -> set[str]:
        found = set()
        for entry in form:
            if isinstance(entry, Field):
                found.add(entry.path)
            else:
                found |= {f"{entry.path}.kind"} if entry.several else set()
                found |= set().union(*map(paths, entry.kinds.values()))
        return found

    flags = {parameter.name.replace("__", ".") for parameter in flag_parameters(model_of(study))}
    of_code = {
        f"observer.{name}"
        for name in ("target", "checkpoints", "image_size", "name", "digest", "mean", "std", "interpolation")
    }
    assert flags - paths(form_of(model_of(study))) <= of_code
    assert paths(form_of(model_of(study))) <= flags


@pytest.mark.parametrize("study", STUDIES)
def test_no_kind_that_names_code_is_offered(study: str) -> None:
    offered = kinds_offered(form_of(model_of(study)))
    assert not {"factory", "module"} & {kind for kinds in offered.values() for kind in kinds}
    if study in ("masking", "naming", "rehearsal", "scanpath", "search"):
        assert "timm" in offered["observer"]


def test_settings_of_a_run_with_code_are_told_and_not_offered() -> None:
    model = model_of("masking")
    config = model.parse({"observer": {"kind": "factory", "target": "lab.nets:build"}})
    assert unoffered(form_of(model), config) == ["observer.kind"]
    assert unoffered(form_of(model), model()) == []


@pytest.mark.parametrize(
    ("study", "path", "text", "word"),
    [
        ("masking", "observer.models", "@/etc/passwd", "files of names"),
        ("masking", "observer.models", 'resnet50, "@/etc/passwd"', "files of names"),
        ("masking", "observer.models", "resnet*", "patterns"),
        ("aad", "models", "os:system", "registered names"),
        ("efr", "models", "gammatone, os:system('x')", "registered names"),
        ("masking", "seed", "1" * (MAX_CHARACTERS + 1), "at most 10,000 characters"),
        ("masking", "humans", "a\x00b", "must be text"),
        ("masking", "humans", "\ud800", "must be text"),
        ("masking", "like", "anything", "one of settings, people"),
        ("search", "tasks", ("letters", "<script>"), "must be one of"),
    ],
    ids=["list", "list-among", "pattern", "code", "code-called", "long", "nul", "surrogate", "choice", "several"],
)  # fmt: skip
def test_what_a_browser_may_not_name_is_refused_beside_its_field(
    study: str, path: str, text: str | tuple[str, ...], word: str
) -> None:
    refused = refusal(model_of(study), {path: text})
    assert list(refused) == [path]
    assert word in refused[path]


def test_every_broken_setting_has_its_sentence_beside_its_own_field() -> None:
    answers = {
        "noise.n_bands": "2", "noise.sds": "0, x, 0.2", "stimulus.mean": "2", "seed": "1.5",
        "observer.kind": "template", "observer.n_alternatives": "one",
    }  # fmt: skip
    refused = refusal(model_of("masking"), answers)
    assert set(refused) == set(answers) - {"observer.kind"}
    assert refused["noise.n_bands"] == "noise.n_bands must be greater than or equal to 3; got '2'"
    assert refused["noise.sds"].startswith("noise.sds[1] must be a valid number")


def test_a_rule_over_several_settings_stands_beside_the_one_that_it_names_first() -> None:
    refused = refusal(model_of("masking"), {"noise.lowest_cpi": "3.5"})
    assert list(refused) == ["noise.n_bands"]
    refused = refusal(model_of("aad"), {"preprocessing.low_hz": "12"})
    assert list(refused) == ["preprocessing.low_hz"]


def test_a_sentence_of_no_field_in_view_is_kept() -> None:
    assert beside("people must be at rest", {"seed"}) == ""
    assert beside("seed must be at rest", {"seed"}) == "seed"
    assert beside("noise.sds[1] must rise", {"noise.sds"}) == "noise.sds"


def test_a_required_setting_must_be_given() -> None:
    refused = refusal(model_of("masking"), {"images.kind": "folder"})
    assert refused == {"images.path": "images.path must be given with images.kind = folder"}
    config, _ = judged(
        model_of("masking"), form_of(model_of("masking")), {"images.kind": "folder", "images.path": "x"}
    )
    assert config is not None
    assert config.images.kind == "folder"


def test_only_the_fields_of_the_chosen_kind_are_in_view_and_count() -> None:
    form = form_of(CoinConfig)
    assert "coins.n" in {field.path for field in shown(form, {})}
    answers = {"coins.kind": "loaded", "coins.n": "5", "coins.heads": "0.25"}
    assert {field.path for field in shown(form, answers)} >= {"coins.heads"}
    assert values(form, answers) == {"coins": {"kind": "loaded", "heads": ["0.25"]}}


def test_what_people_saw_fills_what_is_left_as_it_is() -> None:
    """``like = people`` refuses stimuli that were named otherwise: defaults must not be named."""
    model = model_of("masking")
    config, refused = judged(model, form_of(model), {"like": "people"})
    assert refused == {}
    assert config is not None
    assert config.noise.bands == "pyramid"


def test_a_group_that_is_touched_keeps_what_the_study_s_default_sets() -> None:
    form = form_of(Fancy)
    config, refused = judged(Fancy, form, {"inner.name": "other"})
    assert refused == {}
    assert config == Fancy(inner=Inner(width=3, name="other"))


def test_optional_groups_choices_and_numbers_are_what_they_say() -> None:
    form = form_of(Fancy)
    answers = {
        "extra": True,
        "extra.width": "4",
        "level": "3",
        "maybe": "b",
        "flag": False,
        "pair": "5, 6",
        "cut": "1",
    }
    config, refused = judged(Fancy, form, answers)
    assert refused == {}
    assert config == Fancy(extra=Inner(width=4), level=3, maybe="b", flag=False, pair=(5, 6), cut=1.0)
    assert judged(Fancy, form, answers_of(form, config)) == (config, {})
    assert values(form, {"extra": True}) == {"extra": {}}
    assert refusal(Fancy, {"pair": "1"}).keys() == {"pair"}


@given(st.lists(st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"]), min_size=1)))
def test_lists_survive_being_text(texts: list[str]) -> None:
    assert split(joined(texts)) == texts


NASTY = st.sampled_from(
    [
        "-",
        "1e999",
        "nan",
        "inf",
        "0x10",
        "1_0",
        "\u0661",
        '"',
        '",',
        "'",
        "{}",
        "[]",
        "null",
        "true",
        "..",
        "~",
        "\\",
        "\n",
    ]
)


@pytest.mark.parametrize("study", ["aad", "masking", "rehearsal", "search"])
@settings(max_examples=60)
@given(data=st.data())
def test_whatever_is_typed_is_taken_or_refused_with_a_sentence(study: str, data: st.DataObject) -> None:
    model = model_of(study)
    form = form_of(model)
    fields = [field for field in shown(form, {}) if field.form in ("text", "list")]
    field = data.draw(st.sampled_from(fields))
    text = data.draw(st.text(max_size=40) | NASTY | st.lists(NASTY, max_size=4).map(", ".join))
    config, refused = judged(model, form, {field.path: text})
    if config is None:
        assert refused
        assert all("must" in sentence for sentence in refused.values()), refused
    else:
        assert model.parse(config.model_dump(mode="json")) == config
        told = words(study, form, {field.path: text})
        assert told is None or "\x00" not in "".join(told)


@pytest.mark.parametrize("study", ["masking", "rehearsal", "search", "efr"])
def test_the_copied_command_makes_the_same_settings(study: str, monkeypatch: pytest.MonkeyPatch) -> None:
    demo, form = load_study(study).demo(), form_of(model_of(study))
    told = words(study, form, answers_of(form, demo))
    assert told is not None
    read: list[StudyConfig] = []
    monkeypatch.setattr(studies, "run_and_print", lambda study, config, **_: read.append(config) or 0)
    assert told[0] == "cogattn"
    assert main(told[1:]) == 0
    assert read == [demo]


def test_what_flags_cannot_say_is_not_said_by_flags() -> None:
    form = form_of(model_of("search"))
    assert words("search", form, {"controls": ()}) is None
    assert words("aad", form_of(model_of("aad")), {"intent": True}) is None
    assert words("masking", form_of(model_of("masking")), {"humans": "--out"}) is None
    assert words("aad", form_of(model_of("aad")), {"lags.tmin_s": "-0.1"}) is not None


def test_settings_as_toml_are_the_settings() -> None:
    model = model_of("masking")
    config, _ = judged(model, form_of(model), {"noise.n_bands": "5"})
    assert config is not None
    assert "n_bands = 5" in toml_text(config.model_dump(mode="json"))
