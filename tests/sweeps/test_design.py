"""What a sweep asks: combinations in order, ranges, axes that go together; errors tell path and point."""

from __future__ import annotations

from pathlib import Path

import pytest

from cogattn.errors import ConfigError
from cogattn.running.execute import open_run
from cogattn.sweeps.design import Design, designed, points_of, read_design, told
from cogattn.testing.coin import CoinConfig, CoinStudy, LoadedCoins

STUDY = CoinStudy()


def configs(settings: object, axes: object, together: tuple[object, ...] = ()) -> list[CoinConfig]:
    return [point.config for point in points_of(STUDY, designed(settings, axes, together))]


def test_points_are_all_combinations_the_last_axis_changing_fastest() -> None:
    found = configs({"n_cells": 2}, {"tosses": [5, 7], "seed": [0, 1]})
    assert found == [CoinConfig(n_cells=2, tosses=t, seed=s) for t in (5, 7) for s in (0, 1)]


def test_axes_that_go_together_count_as_one() -> None:
    found = configs({}, {"seed": [0, 1]}, ({"tosses": [5, 7, 9], "n_cells": [1, 2, 3]},))
    assert [(one.seed, one.tosses, one.n_cells) for one in found] == [
        (seed, *pair) for seed in (0, 1) for pair in ((5, 1), (7, 2), (9, 3))
    ]
    assert len(configs({}, {}, ({"tosses": [5, 7]}, {"seed": [0, 1]}))) == 4


def test_a_range_has_both_ends() -> None:
    assert [one.seed for one in configs({}, {"seed": "3..5"})] == [3, 4, 5]
    assert designed({}, {"seed": "7..7"}, ()).axes == {"seed": [7]}


def test_paths_may_be_one_word_or_tables_and_mean_the_same(tmp_path: Path) -> None:
    loaded = 'kind = "loaded"'
    spelled = (
        f"study = 'coin'\n[settings.coins]\n{loaded}\n[axes]\n'coins.heads' = [[0.2], [0.3, 0.4]]\n",
        f"study = 'coin'\n[settings]\n'coins.{loaded.replace(' =', chr(39) + ' =')}\n[axes.coins]\n"
        "heads = [[0.2], [0.3, 0.4]]\n",
    )
    found = []
    for number, text in enumerate(spelled):
        (tmp_path / f"{number}.toml").write_text(text)
        study, design = read_design(tmp_path / f"{number}.toml")
        assert study == "coin"
        found.append([point.config for point in points_of(STUDY, design)])
    assert found[0] == found[1] == [CoinConfig(coins=LoadedCoins(heads=h)) for h in ((0.2,), (0.3, 0.4))]


def test_a_group_is_a_value_and_another_kind_replaces_the_shared_one() -> None:
    axes = {"coins": [{"kind": "fair", "n": 3}, {"kind": "loaded", "heads": [0.5]}]}
    found = configs({"coins": {"kind": "loaded", "heads": [0.1, 0.2]}}, axes)
    assert [len(one.chances) for one in found] == [3, 1]


def test_the_order_of_axes_and_how_they_are_grouped_change_no_id(tmp_path: Path) -> None:
    def ids(settings: object, axes: object, together: tuple[object, ...] = ()) -> list[str]:
        return [open_run(STUDY, config, tmp_path).id for config in configs(settings, axes, together)]

    one = ids({}, {"tosses": [5, 7], "seed": [0, 1]})
    assert sorted(ids({}, {"seed": [1, 0], "tosses": [7, 5]})) == sorted(one)
    assert ids({"tosses": 5}, {"seed": [0, 1]}) == one[:2]
    assert ids({}, {}, ({"tosses": [5, 5], "seed": [0, 1]},)) == one[:2]
    assert one[0] == open_run(STUDY, CoinConfig(tosses=5), tmp_path).id


@pytest.mark.parametrize(
    ("settings", "axes", "together", "sentence"),
    [
        ({}, {}, (), "axes must hold at least one axis; got none"),
        ({}, {"seed": []}, (), "axes.seed must hold at least one value; got none"),
        ({}, {"seed": 3}, (), 'axes.seed must be a list of values, or a range as "0..9"; got 3'),
        ({}, {"seed": "5..3"}, (), "axes.seed must be a range of at most 10,000 numbers, smallest first; got 5..3"),
        ({}, {"seed": "0..10000"}, (), "axes.seed must be a range of at most 10,000 numbers"),
        ({}, {"seed": "0..99", "tosses": "1..101"}, (), "a sweep must have at most 10,000 points; got 10,100"),
        ({}, {"tossse": [1]}, (), r"tossse is not a setting of this study; did you mean tosses\? \(at tossse = 1\)"),
        ({}, {"coins.heads": [[1]]}, (), r"coins.heads is not a setting with coins.kind = fair; coins.kind = loaded"),
        ({"tossse": 1}, {"seed": [0]}, (), r"tossse is not a setting of this study; did you mean tosses\?"),
        (
            {},
            {"tosses": [1, 0], "seed": [4, 5]},
            (),
            r"tosses must be greater than or equal to 1; got 0 \(at tosses = 0, seed = 4\); and 1 more of 4 points",
        ),
        ({}, {"seed": [1, 2, 1]}, (), "points of a sweep must differ; got the same settings at seed = 1 and"),
        ({}, {"tosses": [5, 5.0]}, (), "points of a sweep must differ; got the same settings at tosses = 5 and"),
        ({}, {"seed": [1]}, ({"seed": [2]},), "seed must be one axis; got it twice"),
        ({}, {"coins": [{"n": 1}], "coins.n": [2]}, (), "coins.n and coins must not both be axes"),
        ({}, {"coins.n": [1], "coins": {"n": [2]}}, (), "axes.coins.n must be given once; got it twice"),
        ({"coins.n": 1, "coins": {"n": 2}}, {"seed": [1]}, (), "settings.coins.n must be given once; got it twice"),
        (3, {"seed": [1]}, (), "settings must be a table of settings by path; got 3"),
        (
            {},
            {},
            ({"seed": [1, 2], "tosses": [3]},),
            r"together\[0\] must hold axes of as many values each; got seed with 2, tosses with 1",
        ),
        ({}, {"seed": [1]}, ({},), r"together\[0\] must hold axes of as many values each; got no axis"),
        ({}, {"seed": [1]}, (7,), r"together\[0\] must be a table of settings by path; got 7"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_one_sentence(
    settings: object, axes: object, together: tuple[object, ...], sentence: str
) -> None:
    with pytest.raises(ConfigError, match=f"^{sentence}") as refused:
        configs(settings, axes, together)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("stduy = 'coin'", "a sweep must have study, settings, axes, together and no more; got stduy; did you mean"),
        ("[axes]\nseed = [1]", "study must be the name of a study; got nothing"),
        ("study = 3", "study must be the name of a study; got 3"),
        ("study = 'coin'\ntogether = 3", "together must be tables, [[together]]; got 3"),
        ("study = ", "a sweep must be valid TOML; got"),
        (None, "a sweep must name a readable TOML file; got"),
    ],
)  # fmt: skip
def test_a_file_that_is_no_sweep_is_refused(tmp_path: Path, text: str | None, sentence: str) -> None:
    if text is not None:
        (tmp_path / "sweep.toml").write_text(text)
    with pytest.raises(ConfigError) as refused:
        read_design(tmp_path / "sweep.toml")
    assert str(refused.value).startswith(sentence)
    assert "sweep.toml" in str(refused.value)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (3, "3"),
        (0.25, "0.25"),
        (True, "true"),
        (None, "none"),
        (["resnet18", "resnet50"], "resnet18,resnet50"),
        ({"kind": "timm", "models": ["a", "b"], "fovea": {"e2": 2}}, "kind=timm models=a,b fovea.e2=2"),
        ({"kind": "module", "name": "Net", "digest": "0123456789", "std": [1]}, "Net 01234567"),
    ],
)
def test_values_are_told_as_a_reader_would_type_them(value: object, text: str) -> None:
    assert told(value) == text


def test_a_design_of_nothing_but_shared_settings_is_none() -> None:
    assert Design().axes == {}
    with pytest.raises(ConfigError, match="at least one axis"):
        designed({"seed": 1}, {}, ())
