from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy.special import log_softmax

from cogattn.psychophysics.scanpath.baselines import choice, density
from cogattn.psychophysics.scanpath.baselines.choice import ChoiceModel
from cogattn.psychophysics.scanpath.baselines.density import Counts, over_objects, smoothed
from cogattn.psychophysics.scanpath.baselines.ending import EndModel, Hazard
from cogattn.psychophysics.scanpath.baselines.moments import blocks
from cogattn.psychophysics.scanpath.baselines.simple import Histogram, Nearest
from cogattn.psychophysics.scanpath.config import ScanpathConfig, ScenesSettings
from cogattn.psychophysics.scanpath.layouts.items import PathSet
from cogattn.psychophysics.scanpath.layouts.reading import data_of
from cogattn.psychophysics.scanpath.layouts.synthetic import true_weights
from cogattn.psychophysics.scanpath.layouts.terms import TERMS, terms_of_path
from cogattn.psychophysics.scanpath.splitting import Split, split_of

AMAZON = Path(__file__).parents[5] / "shared/data/scanpath/amazon"


@pytest.fixture(scope="module")
def fitted(simulated: PathSet, split: Split, config: ScanpathConfig) -> ChoiceModel:
    return ChoiceModel().fit(simulated, split, config)


def bits_by_truth(data: PathSet, config: ScanpathConfig, numbers: np.ndarray, *, colour: bool) -> float:
    """Bits of people's fixations by their true weights, or by these without that of colour."""
    table = true_weights(config.synthetic, config.seed).pivot(
        index="person", columns="weight", values="value"
    )
    bits = []
    for path in (data.paths[k] for k in numbers):
        weights = table.loc[path.person, list(TERMS)].to_numpy(float).copy()
        weights[TERMS.index("category")] *= colour
        log_p = log_softmax(terms_of_path(data.layout_of(path), path.objects)[:-1] @ weights, axis=1)
        bits.append(-log_p[np.arange(len(path)), path.objects] / np.log(2))
    return float(np.concatenate(bits).mean())


def test_it_beats_simple_rules_and_the_truth_without_colour_on_new_layouts(
    fitted, simulated, split, config, bits_of
) -> None:
    paths = [simulated.paths[k] for k in split.test]
    ours, histogram, nearest = (
        bits_of(paths, one.predict(simulated, paths)).mean()
        for one in (fitted, *(rule().fit(simulated, split, config) for rule in (Histogram, Nearest)))
    )
    assert ours < histogram - 0.1
    assert ours < nearest - 0.1
    assert ours < bits_by_truth(simulated, config, split.test, colour=False) + 0.15
    assert ours > bits_by_truth(simulated, config, split.test, colour=True)  # nobody beats the truth


def test_an_equal_fit_is_equal(fitted, simulated, split, config) -> None:
    again = ChoiceModel().fit(simulated, split, config).state()
    for name, array in fitted.state().items():
        np.testing.assert_array_equal(array, again[name])


def test_the_test_part_plays_no_part(fitted, simulated, split, config) -> None:
    changed = PathSet(
        simulated.layouts,
        tuple(
            path if k not in set(split.test.tolist()) else simulated.paths[split.test[0]]
            for k, path in enumerate(simulated.paths)
        ),
    )
    again = ChoiceModel().fit(changed, split, config).state()
    for name, array in fitted.state().items():
        np.testing.assert_array_equal(array, again[name])


def test_without_a_validation_part_the_ridge_is_a_middling_one(simulated, split, config, bits_of) -> None:
    few = Split(split.train[:40], np.zeros(0, dtype=np.int64), split.test)
    fitted = ChoiceModel().fit(simulated, few, config)
    assert fitted.ridge == choice.UNJUDGED
    paths = [simulated.paths[k] for k in split.test]
    assert np.isfinite(bits_of(paths, fitted.predict(simulated, paths))).all()


def test_few_choices_kept_at_a_time_change_nothing(fitted, simulated, split, config, monkeypatch) -> None:
    monkeypatch.setattr(choice, "HELD", 0)
    again = ChoiceModel().fit(simulated, split, config)
    np.testing.assert_allclose(fitted.weights, again.weights, atol=1e-4)


# ---- densities


def test_a_layouts_own_fixations_are_left_out(simulated: PathSet) -> None:
    counts = Counts.of(simulated, simulated.paths)
    assert counts.total.sum() == sum(map(len, simulated.paths))
    own = sum(len(path) for path in simulated.paths if path.layout == 4)
    assert counts.without(4).sum() == counts.total.sum() - own
    assert Counts.of(simulated, simulated.paths, first=True).total.sum() == len(simulated.paths)


@pytest.mark.parametrize("bandwidth", density.BANDWIDTHS)
def test_a_density_is_even_where_fixations_are(bandwidth: float, make_layout) -> None:
    even = smoothed(np.ones((density.ROWS, density.COLUMNS)), bandwidth)
    layout = make_layout("a", n_objects=48)
    assert even.sum() == pytest.approx(1)
    np.testing.assert_allclose(over_objects(even, layout), 1 / 48, rtol=1e-9)


def test_fixations_count_in_their_objects_box(path_set, make_layout) -> None:
    layout = make_layout("a", n_objects=48)
    beside = {"fixations_px": np.array([[-20.0, 500.0], [300.0, 5.0]])}
    data = path_set(("a", "p", [9, 0], beside), layouts={"a": layout})
    counts = Counts.of(data, data.paths)
    assert over_objects(smoothed(counts.total, 0.0), layout).argsort()[-2:].tolist() in ([0, 9], [9, 0])


# ---- ends


def test_hazard_is_the_share_that_ends(path_set) -> None:
    given = [("a", f"p{k:03d}", [0] * n) for k, n in enumerate([2] * 300 + [3] * 150 + [5] * 150)]
    data = path_set(*given)
    hazard = Hazard.fit(data.paths)
    np.testing.assert_allclose(hazard(np.array([1, 2, 3, 4, 5])), [0, 0.5, 0.5, 0, 1], atol=0.06)
    assert 0 < hazard(np.arange(100)).min() < hazard(np.arange(100)).max() < 1


def test_a_path_that_was_given_its_start_was_never_at_risk_before(path_set) -> None:
    short, long = ([("a", f"{k}", [0, 1, 2, 3], {"n_given": n}) for k in range(50)] for n in (0, 2))
    rates = [Hazard.fit(path_set(*some).paths).chance[1] for some in (short, long)]
    assert (
        rates[0] < rates[1]
    )  # of the second nobody could have ended after one fixation: only the prior is left


def test_ends_follow_the_target_where_people_stop_on_it(simulated, split) -> None:
    train = [simulated.paths[k] for k in split.train]
    model = EndModel.fit(simulated, train)
    on, off, ended_on, ended_off = [], [], [], []
    for one in blocks(simulated, [simulated.paths[k] for k in split.test]):
        may = one.moments.may_end
        chance = np.exp(model(one.moments))[may]
        now = one.moments.now[may] == one.moments.layout.target
        on.append(chance[now])
        off.append(chance[~now])
        ends = one.chosen[may] < 0
        ended_on += ends[now].tolist()
        ended_off += ends[~now].tolist()
    assert np.concatenate(on).mean() == pytest.approx(np.mean(ended_on), abs=0.1)
    assert np.concatenate(off).mean() == pytest.approx(np.mean(ended_off), abs=0.04)
    assert np.concatenate(on).mean() > 3 * np.concatenate(off).mean()


def test_the_choice_model_ends_by_the_target_and_rules_do_not(fitted, simulated, split, config) -> None:
    paths = [simulated.paths[k] for k in split.test]
    ours, rule = (
        np.mean(
            [
                one.log_end[-1] + np.log1p(-np.exp(one.log_end[:-1])).sum()
                for one in told.predict(simulated, paths)
            ]
        )
        for told in (fitted, Histogram().fit(simulated, split, config))
    )
    assert ours > rule + 0.1  # nats a path


# ---- people


@pytest.mark.slow
@pytest.mark.skipif(not AMAZON.exists(), reason="AmazonCovers is not here")
def test_on_collages_it_is_far_beyond_the_histogram(bits_of) -> None:
    config = ScanpathConfig(scenes=ScenesSettings(path=AMAZON))
    data = data_of(config)
    split = split_of(data, config.split, 0, 0)
    paths = [data.paths[k] for k in split.test]
    ours, rule = (
        bits_of(paths, one.fit(data, split, config).predict(data, paths)).mean()
        for one in (ChoiceModel(), Histogram())
    )
    assert 4.8 < rule < 5.3  # 5.11 is known (the histogram of 393 scanpaths, tested on 114)
    assert ours < rule - 0.5
