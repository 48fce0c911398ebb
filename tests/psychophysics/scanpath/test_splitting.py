"""Parts share nothing of what they are split by, tests are dealt once round, and too little data is refused."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cogattn.errors import ConfigError
from cogattn.psychophysics.scanpath.config import SplitSettings
from cogattn.psychophysics.scanpath.splitting import split_of


def made(rows: list[tuple[int, int, int]]):
    """What a split reads of a PathSet: group, target and person of each path; a layout for each row's numbers."""
    places = sorted({(group, target) for group, target, _ in rows})
    layouts = [
        SimpleNamespace(name=f"{group} {target}", group=f"g{group}", target_name=f"t{target}")
        for group, target in places
    ]
    paths = [
        SimpleNamespace(layout=places.index((group, target)), person=f"p{person}")
        for group, target, person in rows
    ]
    return SimpleNamespace(layouts=layouts, paths=tuple(paths), layout_of=lambda path: layouts[path.layout])


def owners(data, numbers: np.ndarray, by: str) -> set[str]:
    read = {
        "layout": lambda path: data.layout_of(path).group,
        "target": lambda path: data.layout_of(path).target_name,
        "person": lambda path: path.person,
    }[by]
    return {read(data.paths[number]) for number in numbers}


ROWS = st.lists(st.tuples(*[st.integers(0, 11)] * 3), min_size=3, max_size=60)


@settings(max_examples=150)
@given(
    rows=ROWS,
    by=st.sampled_from(["layout", "target", "person"]),
    test=st.floats(0.01, 0.99),
    validation=st.floats(0.01, 0.99),
    seed=st.integers(0, 3),
    number=st.integers(0, 7),
)
def test_parts_are_all_there_and_share_nothing(rows, by, test, validation, seed, number) -> None:
    data = made(rows)
    asked = SplitSettings(by=by, test=test, validation=validation)
    n_units = len(owners(data, np.arange(len(rows)), by))
    if n_units < 3:
        with pytest.raises(ConfigError, match=r"split.by must name what there are at least 3 of"):
            split_of(data, asked, seed, number)
        return
    split = split_of(data, asked, seed, number)
    parts = [split.train, split.validation, split.test]
    assert all(len(part) for part in parts)
    assert sorted(np.concatenate(parts).tolist()) == list(range(len(rows)))
    assert all((np.diff(part) > 0).all() for part in parts)
    units = [owners(data, part, by) for part in parts]
    assert sum(map(len, units)) == n_units == len(set.union(*units))
    assert abs(len(units[2]) - test * n_units) <= 0.5 or len(units[2]) in (1, n_units - 2)
    rest = n_units - len(units[2])
    assert abs(len(units[1]) - validation * rest) <= 0.5 or len(units[1]) in (1, rest - 1)


def grid(n_layouts: int = 10, n_people: int = 4) -> list[tuple[int, int, int]]:
    return [(group, group % 5, person) for group in range(n_layouts) for person in range(n_people)]


@pytest.mark.parametrize(("by", "n"), [("layout", 5), ("target", 5), ("person", 4)])
def test_tests_of_successive_splits_are_disjoint_until_everything_was_tested(by: str, n: int) -> None:
    data = made(grid())
    asked = SplitSettings(by=by, test=0.2)
    tested = [split_of(data, asked, 0, number).test for number in range(n)]
    assert sorted(np.concatenate(tested).tolist()) == list(range(40))
    # then all are dealt again, in another order
    again = [split_of(data, asked, 0, number + n).test.tolist() for number in range(n)]
    assert sorted(number for part in again for number in part) == list(range(40))
    assert again != [part.tolist() for part in tested]


def test_seeds_and_numbers_make_other_splits_and_nothing_else_does() -> None:
    rows = grid(40)
    data, asked = made(rows), SplitSettings()
    split = split_of(data, asked, 0, 0)
    assert split_of(made(rows), asked, 0, 0).validation.tolist() == split.validation.tolist()
    assert split_of(data, asked, 1, 0).test.tolist() != split.test.tolist()
    first, second = (split_of(data, asked, 0, number) for number in (0, 1))
    assert first.validation.tolist() != second.validation.tolist()
    turned = made(rows[::-1])
    tested = [(turned.layout_of(path).group, path.person) for path in turned.paths]
    named = [(data.layout_of(path).group, path.person) for path in data.paths]
    assert {tested[k] for k in split_of(turned, asked, 0, 0).test} == {named[k] for k in split.test}


def test_a_trial_split_cuts_through_layouts_and_persons() -> None:
    data = made(grid())
    split = split_of(data, SplitSettings(by="trial", leaks="show"), 0, 0)
    assert (len(split.test), len(split.validation), len(split.train)) == (8, 5, 27)
    assert owners(data, split.test, "layout") & owners(data, split.train, "layout")
    assert owners(data, split.test, "person") & owners(data, split.train, "person")


def test_scenes_of_one_group_stay_together(path_set, make_layout) -> None:
    layouts = {f"s{k}": make_layout(f"s{k}", group=f"g{k // 2}") for k in range(8)}
    data = path_set(*[(name, "p", [0, 1]) for name in layouts], layouts=layouts)
    for number in range(4):
        split = split_of(data, SplitSettings(test=0.25), 0, number)
        assert len(split.test) == 2
        assert split.test[0] // 2 == split.test[1] // 2


def test_by_target_what_has_none_is_in_training_only(path_set, make_layout) -> None:
    layouts = {f"s{k}": make_layout(f"s{k}", target_name=f"t{k % 3}" if k < 6 else "") for k in range(9)}
    data = path_set(*[(name, "p", [0, 1]) for name in layouts], layouts=layouts)
    for number in range(3):
        split = split_of(data, SplitSettings(by="target"), 0, number)
        assert {6, 7, 8} <= set(split.train.tolist())
    free = path_set(*[(f"s{k}", "p", [0, 1]) for k in range(9)])
    with pytest.raises(ConfigError, match="layout or person where nothing is looked for; got target"):
        split_of(free, SplitSettings(by="target"), 0, 0)


def test_too_few_are_refused_by_their_number(path_set) -> None:
    data = path_set(("a", "p", [0, 1]), ("b", "q", [0, 1]), ("c", "q", [0, 1]))
    assert len(split_of(data, SplitSettings(), 0, 0).train) == 1
    with pytest.raises(ConfigError, match="got person with 2 of them"):
        split_of(data, SplitSettings(by="person"), 0, 0)
