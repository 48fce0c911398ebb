from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from cogattn.errors import DataError
from cogattn.psychophysics.scanpath.baselines.choice import ChoiceModel
from cogattn.psychophysics.scanpath.baselines.viewers import (
    N_REPEATS,
    Viewers,
    at_most,
    evidence,
    fixated_by,
    mean_rows,
)
from cogattn.psychophysics.scanpath.config import ScanpathConfig
from cogattn.psychophysics.scanpath.layouts.items import Layout, PathSet
from cogattn.psychophysics.scanpath.splitting import Split

PEOPLE = "abcdefgh"


@pytest.fixture
def attractive(path_set: Callable[..., PathSet], make_layout: Callable[..., Layout]) -> PathSet:
    """Layouts in each of which a few objects, others each time, draw everybody's gaze."""
    rng = np.random.default_rng(0)
    layouts = {f"s{k:02d}": make_layout(f"s{k:02d}", n_objects=24) for k in range(25)}
    given = []
    for name in layouts:
        chances = rng.dirichlet(np.full(24, 0.2)) * 0.8 + 0.2 / 24
        given += [(name, person, rng.choice(24, 6, p=chances)) for person in PEOPLE]
    return path_set(*given, layouts=layouts)


@pytest.fixture
def parts(attractive: PathSet) -> Split:
    part = np.array([path.layout % 5 for path in attractive.paths])
    return Split(*(np.flatnonzero(mask) for mask in (part < 3, part == 3, part == 4)))


def test_more_viewers_tell_more(attractive, parts, bits_of) -> None:
    config, paths = ScanpathConfig(), [attractive.paths[k] for k in parts.test]
    alone = bits_of(paths, ChoiceModel().fit(attractive, parts, config).predict(attractive, paths)).mean()
    curve = [alone]
    for n in (1, 3, 7):
        told = Viewers(n).fit(attractive, parts, config)
        curve.append(np.mean([bits_of(paths, one).mean() for one in told.repeats(attractive, paths)]))
    assert (np.diff(curve) < -0.02).all()
    assert curve[-1] < alone - 0.5


def test_viewers_tell_nothing_where_there_is_nothing_to_tell(path_set, make_layout, bits_of) -> None:
    rng = np.random.default_rng(1)
    layouts = {f"s{k:02d}": make_layout(f"s{k:02d}", n_objects=24) for k in range(25)}
    data = path_set(
        *((name, person, rng.integers(24, size=6)) for name in layouts for person in PEOPLE), layouts=layouts
    )
    part = np.array([path.layout % 5 for path in data.paths])
    split = Split(*(np.flatnonzero(mask) for mask in (part < 3, part == 3, part == 4)))
    paths = [data.paths[k] for k in split.test]
    alone, told = (
        bits_of(paths, one.fit(data, split, ScanpathConfig()).predict(data, paths)).mean()
        for one in (ChoiceModel(), Viewers(7))
    )
    assert told == pytest.approx(alone, abs=0.06)


def test_nobody_is_told_where_they_look_themselves(attractive, parts) -> None:
    fitted = Viewers(7).fit(attractive, parts, ScanpathConfig())
    number = int(parts.test[0])
    path = attractive.paths[number]
    for draw in range(3):
        fitted.draw = draw
        assert all(
            path.person not in fitted.others(attractive.layout_of(path), path.person, PEOPLE, n)
            for n in range(9)
        )
    # their own fixations are changed wholly: nothing of the evidence about them may change
    other = path.__class__(path.layout, path.person, (path.objects + 5) % 24, path.fixations_px)
    changed = PathSet(
        attractive.layouts,
        tuple(other if k == number else one for k, one in enumerate(attractive.paths)),
    )
    ours, theirs = (fitted._evidence(data, path.layout, [path]) for data in (attractive, changed))
    np.testing.assert_array_equal(ours, theirs)
    assert not np.array_equal(
        *(
            fitted._evidence(data, path.layout, [attractive.paths[number + 1]])
            for data in (attractive, changed)
        )
    )


def test_more_viewers_are_the_fewer_ones_and_others(attractive) -> None:
    viewers, layout = Viewers(1), attractive.layouts[0]
    viewers.seed = 3
    chosen = [viewers.others(layout, "c", PEOPLE, n) for n in range(8)]
    assert all(chosen[n] == chosen[7][:n] for n in range(8))
    assert sorted(chosen[7]) == sorted(set(PEOPLE) - {"c"})
    assert len({tuple(viewers.others(layout, person, PEOPLE, 3)) for person in PEOPLE}) > 4


def test_the_parts_people_are_all_that_fitting_knows(attractive, parts) -> None:
    """Persons are split: what those of the test did must not change the fit."""
    by_person = np.array([PEOPLE.index(path.person) for path in attractive.paths])
    split = Split(*(np.flatnonzero(mask) for mask in (by_person < 5, by_person == 5, by_person > 5)))
    held = set(split.test.tolist())
    rng = np.random.default_rng(2)
    changed = PathSet(
        attractive.layouts,
        tuple(
            path.__class__(path.layout, path.person, rng.integers(24, size=6), path.fixations_px)
            if k in held
            else path
            for k, path in enumerate(attractive.paths)
        ),
    )
    ours, theirs = (Viewers(2).fit(data, split, ScanpathConfig()).state() for data in (attractive, changed))
    for name in ours:
        np.testing.assert_array_equal(ours[name], theirs[name])


def test_too_many_viewers_are_refused(attractive, parts) -> None:
    assert at_most(attractive) == 7
    assert at_most(PathSet(attractive.layouts, attractive.paths[:-3])) == 4
    fitted = Viewers(8).fit(attractive, parts, ScanpathConfig())
    with pytest.raises(DataError, match=r"viewers must be at most 7.*got 8"):
        fitted.predict(attractive, [attractive.paths[0]])


def test_repeats_are_draws_of_others_unless_there_is_one_choice_only(attractive, parts) -> None:
    paths = [attractive.paths[k] for k in parts.test[:4]]
    told = {
        n: list(Viewers(n).fit(attractive, parts, ScanpathConfig()).repeats(attractive, paths))
        for n in (2, 7)
    }
    assert [len(told[n]) for n in (2, 7)] == [N_REPEATS, 1]
    first = Viewers(2).fit(attractive, parts, ScanpathConfig()).predict(attractive, paths)
    np.testing.assert_array_equal(told[2][0][0].log_p, first[0].log_p)
    assert not np.array_equal(told[2][1][0].log_p, first[0].log_p)


def test_evidence_is_the_log_density_of_what_others_saw(make_layout) -> None:
    layout = make_layout("a", n_objects=6)
    seen = np.array([[0, 2.0, 2, 0, 0, 0]])
    np.testing.assert_allclose(evidence(layout, seen, 0.0, 0.5)[0], np.log([0.5, 3.5, 3.5, 0.5, 0.5, 0.5]))
    smooth = np.exp(evidence(layout, seen, 1.0, 0.5)[0]) - 0.5
    assert smooth.sum() == pytest.approx(6)  # nothing is lost
    assert smooth[0] > smooth[4] > smooth[5]


def test_counts_leave_given_fixations_out(path_set) -> None:
    data = path_set(("a", "p", [2, 1, 1], {"n_given": 1}), ("a", "q", [0]))
    assert fixated_by(data, data.paths)[0]["p"].tolist() == [0, 2, 0, 0, 0, 0]


def test_rows_are_means_over_draws() -> None:
    tables = [pd.DataFrame({"scene": ["a"], "fixation": [3], "bits": [bits]}) for bits in (1.0, 4.0)]
    mean = mean_rows(tables)
    assert mean.to_dict("list") == {"scene": ["a"], "fixation": [3], "bits": [2.5]}
    assert tables[0]["bits"].tolist() == [1.0]
