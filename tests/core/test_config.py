"""Settings: what is refused and how that is said."""

from __future__ import annotations

from pathlib import Path

import pytest

from cogattn.config import StudyConfig, merge, read_toml
from cogattn.errors import ConfigError
from cogattn.fields import flat_fields
from cogattn.psychophysics.masking.config import MaskingConfig
from cogattn.psychophysics.search.config import SearchConfig
from cogattn.testing.coin import CoinConfig


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"tosses": 0}, "tosses must be greater than or equal to 1; got 0"),
        ({"tosses": "x"}, "tosses must be a valid integer; got 'x'"),
        ({"toses": 3}, "toses is not a setting of this study; did you mean tosses?"),
        ({"coins": {"kind": "bent"}}, "coins.kind must be one of fair, loaded; got 'bent'"),
        (
            {"coins": {"heads": [0.1]}},
            "coins.heads is not a setting with coins.kind = fair; coins.kind = loaded has it",
        ),
        (
            {"coins": {"kind": "loaded", "heads": [0.1, "x"]}},
            "coins.heads[1] must be a valid number; got 'x'",
        ),
        ({"seed": float("nan")}, "seed must be a finite number; got nan"),
    ],
)
def test_a_refusal_is_one_sentence_with_path_rule_and_value(values: dict[str, object], sentence: str) -> None:
    with pytest.raises(ConfigError) as refused:
        CoinConfig.parse(values)
    assert str(refused.value) == sentence


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        (
            {"images": {"path": "x"}},
            "images.path is not a setting with images.kind = procedural; images.kind = folder or manifest has it",
        ),
        ({"images": {"kind": "folder"}}, "images.path must be given with images.kind = folder"),
        ({"images": {"kind": "folder", "path": 3}}, "images.path must be a path; got 3"),
        ({"noise": 5}, "noise must be a group of settings; got 5"),
    ],
)
def test_paths_are_those_of_the_flags_without_the_kind_in_between(
    values: dict[str, object], sentence: str
) -> None:
    with pytest.raises(ConfigError) as refused:
        MaskingConfig.parse(values)
    assert str(refused.value) == sentence


def test_a_rule_over_several_settings_speaks_for_itself() -> None:
    with pytest.raises(ConfigError) as refused:
        SearchConfig.parse({"fovea": {"preset": "eccnet"}, "matching": {"n_levels": 2}})
    assert str(refused.value).startswith("matching.n_levels must be 3 for eccNET's fovea")
    assert "got {" not in str(refused.value)


def test_a_group_without_its_kind_is_of_the_defaults_kind() -> None:
    assert CoinConfig.parse({"coins": {"n": 3}}).coins.n == 3


def test_settings_are_frozen_and_equal_settings_have_equal_digests() -> None:
    config = CoinConfig(tosses=3, seed=1)
    with pytest.raises(ValueError, match="frozen"):
        config.seed = 2
    assert config.digest() == CoinConfig.parse({"seed": "1", "tosses": "3"}).digest()
    assert config.digest() != CoinConfig(tosses=3, seed=2).digest()


def test_toml_comes_back_equal(tmp_path: Path) -> None:
    class Odd(StudyConfig):
        text: str = "a"
        path: Path | None = None
        numbers: tuple[float, ...] = ()

    for text in ('"quoted" \\ back', "new\nline\t\x7f\x00", "é 😀", "", "'''"):
        config = Odd(text=text, numbers=(1e-300, 0.1, 1e22, 3), path=Path("a b"))
        (tmp_path / "config.toml").write_text(config.to_toml(), encoding="utf-8")
        assert Odd.from_toml(tmp_path / "config.toml") == config


@pytest.mark.parametrize("content", [b"a = ", b"\xff\xfe", b"a = " + b"[" * 5000])
def test_what_is_no_toml_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "config.toml").write_bytes(content)
    with pytest.raises(ConfigError, match="--config must be valid TOML"):
        read_toml(tmp_path / "config.toml")


def test_a_missing_toml_file_is_refused(tmp_path: Path) -> None:
    for path in (tmp_path / "missing.toml", tmp_path):
        with pytest.raises(ConfigError, match="--config must name a readable TOML file"):
            read_toml(path)


def test_another_kind_replaces_the_group_below_and_the_same_kind_adds_to_it() -> None:
    below = {"seed": 1, "images": {"kind": "folder", "path": "a", "size": 64}}
    assert merge(below, {"images": {"size": 32}})["images"] == {"kind": "folder", "path": "a", "size": 32}
    assert merge(below, {"images": {"kind": "procedural"}}) == {"seed": 1, "images": {"kind": "procedural"}}
    assert merge({"images": {"path": "a"}}, {"images": {"kind": "folder"}})["images"] == {
        "path": "a",
        "kind": "folder",
    }


def test_flat_fields_merge_alternatives_and_tell_rules_and_defaults() -> None:
    fields = {field.path: field for field in flat_fields(CoinConfig)}
    assert list(fields) == [
        "seed",
        "coins.kind",
        "coins.n",
        "coins.heads",
        "n_cells",
        "tosses",
        "seconds_per_cell",
    ]
    assert (fields["coins.kind"].type_name, fields["coins.kind"].default) == ("fair, loaded", "fair")
    assert (fields["coins.n"].kinds, fields["coins.n"].rule) == (("fair",), "at least 1 and at most 20")
    assert (fields["coins.heads"].form, fields["coins.heads"].default) == ("list", "0.2 0.8")
    assert all(field.help for field in fields.values())


def test_a_setting_of_several_kinds_is_listed_once() -> None:
    fields = [field for field in flat_fields(MaskingConfig) if field.path == "images.size"]
    assert [field.kinds for field in fields] == [("procedural", "folder", "manifest")]
