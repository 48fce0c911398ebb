"""eccNET as a searcher of the study."""

from __future__ import annotations

import numpy as np
import pytest
from pandas.testing import assert_frame_equal

from cogattn.errors import ConfigError, ObserverError
from cogattn.observers.network import Network
from cogattn.psychophysics.search import TASKS, SearchConfig, make_display
from cogattn.psychophysics.search.eccnet import plan as eccnet
from cogattn.psychophysics.search.eccnet import trials
from cogattn.psychophysics.search.eccnet.network import EccNet
from cogattn.psychophysics.search.plan import TABLE, TABLES, cells_of, relevant
from cogattn.seeds import Streams
from tests.psychophysics.search.eccnet.vgg import MEAN, Vgg


@pytest.fixture
def own_vgg(monkeypatch):
    """A VGG of a few channels wherever a cell asks for its network; untrained copies have other weights."""

    def build(observer, name, *, seed, untrained=False):
        return Network(Vgg(seed=seed % 1000 if untrained else 7), name=name, n_classes=1, input_size=64)

    monkeypatch.setattr(trials, "build_network", build)


def config(**settings) -> SearchConfig:
    return SearchConfig.model_validate(
        {
            "searcher": "eccnet",
            "observer": {"models": ["vgg16"], "weights": "random"},
            "tasks": ["lighting"],
            "displays": {"n_displays": 2, "pixels_per_degree": 16},
            "controls": ["no_fovea", "random_weights"],
            "n_random": 1,
            "eccnet": {"ablate": ["rings", "pixels"]},
        }
        | settings
    )


def test_cells_are_searched_as_the_table_says(own_vgg) -> None:
    tables = {}
    for cell in cells_of(config()):
        if cell.condition == "side_lit":
            found = trials.run(relevant(config(), cell), cell, Streams(0))
            assert set(found.columns) == set(TABLES[TABLE])
            assert (found["observer"] == cell.searcher.name).all()
            assert found["n_fixations"].between(1, 17).all()
            assert (found["correct"] == (found["response"] == "present")).all()
            tables[cell.variant] = found.drop(columns="observer")
    assert list(tables) == ["", "without rings", "without pixels", "no fovea", "untrained"]
    assert_frame_equal(tables["no fovea"], tables["without rings"])
    assert len(tables[""]) == 2 * len(TASKS["lighting"].set_sizes)
    for variant in ("without pixels", "untrained"):
        assert (tables[""]["n_fixations"] != tables[variant]["n_fixations"]).any()


def test_a_search_is_the_same_every_time(own_vgg) -> None:
    cell = cells_of(config())[0]
    first, again = (trials.run(relevant(config(), cell), cell, Streams(seed)) for seed in (0, 1))
    assert_frame_equal(first, again)


def test_the_field_of_a_display_is_what_lies_within_its_margin() -> None:
    task = TASKS["orientation"]
    display = make_display(task, task.conditions[0], 4, rng=np.random.default_rng(0))
    image, cells = trials.field_of(display)
    assert image.shape == (339, 339)
    assert (image == np.rint(display.image[64:-64, 64:-64] * 255)).all()
    assert cells.shape == (16, 339, 339)
    assert (cells.sum(axis=0) == 1).all()
    left, top, right, bottom = np.array(display.target.box_px) - 64
    inside = cells[display.target_cell]
    assert inside[round(top) + 1 : round(bottom) - 1, round(left) + 1 : round(right) - 1].all()
    assert np.argwhere(inside)[0].tolist() == [
        np.ceil(339 / 4 * at - 0.5) for at in divmod(display.target_cell, 4)
    ]


def test_networks_see_values_from_0_to_255_their_own_way() -> None:
    mean, std = tuple(value / 255 for value in MEAN), (0.5, 0.5, 0.5)
    network = Network(Vgg(seed=7), name="vgg", n_classes=1, input_size=64, mean=mean, std=std)
    picture = np.random.default_rng(0).integers(0, 256, (64, 64), dtype=np.uint8)
    expected = EccNet(Vgg(seed=7), mean=MEAN, std=(127.5,) * 3).see(picture)
    for one, other in zip(trials.eccnet_of(network, 30.0, ()).see(picture), expected, strict=True):
        assert np.allclose(one.cpu(), other, rtol=1e-4, atol=1e-4)


def test_each_of_the_papers_tasks_has_its_gaussians() -> None:
    assert set(eccnet.GAUSSIANS) == {
        "curvature", "lighting", "intersection", "letters", "orientation", "orientation_mixed",
    }  # fmt: skip


def test_networks_that_are_no_vgg_and_displays_without_a_target_are_refused() -> None:
    eccnet.check(config())
    eccnet.check(config(observer={"models": ["vgg11_bn"], "weights": "random"}))
    with pytest.raises(ObserverError, match=r"VGG of timm.*got resnet18; use searcher = matching"):
        eccnet.check(config(observer={"models": ["resnet18"], "weights": "random"}))
    with pytest.raises(ConfigError, match=r"displays.target_absent must be off"):
        eccnet.check(config(displays={"target_absent": True}))


def test_costs_grow_with_the_window_and_the_number_of_searches() -> None:
    many = config(tasks=("lighting", "letters"), displays={"n_displays": 4, "pixels_per_degree": 30})
    few = config(displays={"n_displays": 2, "pixels_per_degree": 30})
    lighting = next(cell for cell in cells_of(many) if cell.condition == "top_lit")
    letters = next(cell for cell in cells_of(many) if cell.condition == "t_in_l")
    half = next(cell for cell in cells_of(few) if cell.condition == "top_lit")
    assert eccnet.cost(many, letters).cpu_s > 5 * eccnet.cost(many, lighting).cpu_s
    assert eccnet.cost(many, letters).memory_mb > eccnet.cost(many, lighting).memory_mb
    assert eccnet.cost(few, half).cpu_s < 0.7 * eccnet.cost(many, lighting).cpu_s
