"""Any settings are either valid, and then survive JSON and TOML, or refused by the path that is wrong."""

from __future__ import annotations

import math
import re
import tomllib

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cogattn.cli.flags import nested
from cogattn.config import KIND, Settings, StudyConfig, groups_of, merge
from cogattn.errors import ConfigError
from cogattn.psychophysics.masking.config import MaskingConfig

NUMBERS = st.one_of(
    st.integers(-3, 2000), st.floats(), st.sampled_from([0.0, 0.5, 1e-9, 1e300, 2**40, math.nan, math.inf])
)
LEAVES = st.one_of(
    NUMBERS,
    st.booleans(),
    st.none(),
    st.text(max_size=8),
    st.sampled_from(["octave", "pyramid", "l2", "mean", "auto", "timm", "a:b", "/tmp", "12", "0.5", "true"]),
    st.lists(st.one_of(NUMBERS, st.text(max_size=4)), max_size=5),
    st.just((0.0, 0.01, 0.5)),
)


def values_for(model: type[Settings]) -> st.SearchStrategy[dict[str, object]]:
    """Nested values that mostly have the right shape and often the wrong content."""
    fields = {}
    for name, info in model.model_fields.items():
        groups = groups_of(info)
        kinds = [values_for(group) for group in groups.values()]
        fields[name] = st.one_of(*kinds, LEAVES) if groups else LEAVES
    if KIND in fields:
        kind = model.model_fields[KIND].default
        fields[KIND] = st.sampled_from([kind, kind, kind, "other"])
    known = st.fixed_dictionaries({}, optional=fields)
    return st.one_of(known, known, known, st.dictionaries(st.text(max_size=6), LEAVES, max_size=2))


def check(model: type[StudyConfig], values: dict[str, object]) -> bool:
    try:
        config = model.parse(values)
    except ConfigError as error:
        sentence = str(error)
    else:
        check_round_trip(config)
        return True
    assert is_about_a_setting(sentence, model), sentence
    return False


def check_round_trip(config: StudyConfig) -> None:
    model = type(config)
    again = model.model_validate_json(config.canonical())
    assert again == config
    assert again.digest() == config.digest()
    again = model.parse(tomllib.loads(config.to_toml()))
    assert again == config
    assert again.digest() == config.digest()


def is_about_a_setting(sentence: str, model: type[StudyConfig]) -> bool:
    first = re.split(r"[.\[ :]", sentence, maxsplit=1)[0]
    return first in model.model_fields or " is not a setting" in sentence


@settings(max_examples=200, suppress_health_check=list(HealthCheck))
@given(values_for(MaskingConfig))
def test_200_random_settings_are_valid_or_refused_by_path(values: dict[str, object]) -> None:
    check(MaskingConfig, values)


@settings(max_examples=200, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_valid_settings_round_trip(data: st.DataObject) -> None:
    """One valid setting changed at a time, so that most examples hold."""
    changes = {
        "seed": st.integers(0, 2**32 - 1),
        "noise__lowest_cpi": st.floats(0.01, 1.75),
        "noise__sds": st.sets(st.floats(1e-6, 1), min_size=2, max_size=9).map(lambda x: [0.0, *sorted(x)]),
        "stimulus__contrast": st.floats(1e-12, 1),
        "stimulus__strict": st.booleans(),
        "images__n_images": st.integers(16, 10**6),
        "humans": st.text(min_size=1).filter(str.strip),
        "decision": st.sampled_from(["mean", "max", "sum"]),
    }
    chosen = data.draw(st.dictionaries(st.sampled_from(sorted(changes)), st.just(None), min_size=1))
    values = nested({name: data.draw(changes[name]) for name in chosen})
    assert check(MaskingConfig, values)
    assert MaskingConfig.parse(as_typed(values)) == MaskingConfig.parse(values)


def as_typed(values: object) -> object:
    """Numbers as the command line gives them: text."""
    if isinstance(values, dict):
        return {name: as_typed(value) for name, value in values.items()}
    return [as_typed(value) for value in values] if isinstance(values, list) else str(values)


@settings(max_examples=200, suppress_health_check=list(HealthCheck))
@given(values_for(MaskingConfig), values_for(MaskingConfig))
def test_merging_never_loses_what_lies_on_top(below: dict[str, object], above: dict[str, object]) -> None:
    merged = merge(below, above)
    assert merge(merged, above) == merged or _has_nan(above)
    assert merge(below, {}) == below or _has_nan(below)


def _has_nan(values: object) -> bool:
    return "nan" in repr(values)
