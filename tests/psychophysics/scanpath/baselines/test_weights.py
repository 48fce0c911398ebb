from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy.stats import binom

from cogattn.psychophysics.scanpath.baselines import logit
from cogattn.psychophysics.scanpath.baselines.weights import _choices, estimate, person_weights
from cogattn.psychophysics.scanpath.columns import TABLES, WEIGHTS
from cogattn.psychophysics.scanpath.config import ScanpathConfig, SyntheticSettings
from cogattn.psychophysics.scanpath.layouts.items import PathSet
from cogattn.psychophysics.scanpath.layouts.reading import data_of
from cogattn.psychophysics.scanpath.layouts.synthetic import true_weights
from cogattn.psychophysics.scanpath.layouts.terms import TERMS
from cogattn.study import Schema


def recovered(seed: int, **settings: object) -> pd.DataFrame:
    config = ScanpathConfig(seed=seed, synthetic=SyntheticSettings(**settings))
    found = person_weights(data_of(config))
    return found[found["person"] != ""].merge(true_weights(config.synthetic, seed), on=["person", "weight"])


@pytest.mark.slow
def test_true_weights_lie_in_their_intervals() -> None:
    runs = [recovered(seed, n_layouts=40, n_objects=16, n_people=4) for seed in range(15)]
    rows = pd.concat(runs)
    z = (rows["estimate"] - rows["value"]) / rows["se"]
    assert len(rows) == 15 * 4 * len(TERMS)
    low, high = binom.ppf([0.0005, 0.9995], len(rows), 0.945) / len(rows)
    assert low < (z.abs() < 1.96).mean() < high
    assert z.std() == pytest.approx(1.0, abs=0.15)
    assert abs(z.mean()) < 0.25


@pytest.mark.slow
def test_many_layouts_give_the_weights_themselves() -> None:
    rows = recovered(3, n_layouts=400, n_objects=12, n_people=2)
    np.testing.assert_allclose(rows["estimate"], rows["value"], atol=0.35)
    assert (rows["se"] < 0.15).all()


def test_persons_keep_their_order() -> None:
    rows = recovered(1, n_layouts=120, n_people=6, n_objects=16, spread=0.5)
    for name in ("proximity", "category"):
        own = rows[rows["weight"] == name]
        assert np.corrcoef(own["estimate"], own["value"])[0, 1] > 0.9


def test_rows_have_the_tables_columns(simulated: PathSet) -> None:
    rows = person_weights(simulated)
    schema: Schema = TABLES[WEIGHTS]
    assert list(rows.columns) == list(schema)
    assert set(rows["person"]) == {"", *simulated.people}
    assert rows.loc[rows["person"] == "", "n"].iloc[0] == sum(map(len, simulated.paths))


def test_a_term_in_which_nothing_differs_has_no_row(path_set) -> None:
    data = path_set(("a", "p", [0, 1, 2, 1, 0, 3]), ("b", "p", [5, 4, 3, 1]), ("c", "p", [0, 1, 5]))
    found = estimate(data, data.paths)
    assert found.names == ("proximity", "direction", "visited")  # all as large, nothing is looked for
    assert np.isfinite(found.se).all()
    assert (found.n, found.n_clusters) == (13, 3)


def test_a_term_that_differs_by_rounding_has_no_row(path_set, make_layout) -> None:
    layout = make_layout("a", n_objects=6)
    boxes = (replace(layout.scene.objects[0], box_px=(0, 0, 40, 40 + 1e-9)), *layout.scene.objects[1:])
    rounded = {name: replace(layout, scene=replace(layout.scene, name=name, objects=boxes)) for name in "ab"}
    data = path_set(("a", "p", [0, 1, 2, 1, 0, 3]), ("b", "p", [5, 4, 3, 1]), layouts=rounded)
    assert "area" not in estimate(data, data.paths).names


def test_one_layout_tells_no_standard_error(path_set) -> None:
    assert person_weights(path_set(("a", "p", [0, 1, 2, 1, 0, 3]))).empty


def test_scenes_of_one_layout_are_one_cluster(simulated: PathSet) -> None:
    together = tuple(replace(layout, group=f"g{k // 3}") for k, layout in enumerate(simulated.layouts))
    found = estimate(PathSet(together, simulated.paths), simulated.paths)
    assert found.n_clusters == 10
    np.testing.assert_allclose(found.weights, estimate(simulated, simulated.paths).weights)


def test_with_many_clusters_it_is_the_sandwich() -> None:
    data = data_of(ScanpathConfig(synthetic=SyntheticSettings(n_layouts=150, n_objects=12, n_people=3)))
    found = estimate(data, data.paths)
    some, clusters = _choices(data, data.paths)
    scores = np.zeros((found.n_clusters, len(TERMS)))
    information = np.zeros((len(TERMS), len(TERMS)))
    for one, own in zip(some, clusters, strict=True):
        _, score, part = logit.of_choices(one, found.weights)
        np.add.at(scores, own, score.T)
        information += part
    bread = np.linalg.inv(information)
    np.testing.assert_allclose(found.se, np.sqrt(np.diag(bread @ scores.T @ scores @ bread)), rtol=0.03)
