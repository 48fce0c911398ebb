from __future__ import annotations

import pytest

from cogattn.observers.config import FactoryObserver, TimmObserver
from cogattn.psychophysics.search.config import (
    DisplaySettings,
    FoveaSettings,
    MatchingSettings,
    MultiverseSettings,
    RulesSettings,
    SearchConfig,
)
from cogattn.psychophysics.search.costs import macs_per_pixel
from cogattn.psychophysics.search.plan import MULTIVERSE, cells_of
from cogattn.psychophysics.search.study import SearchStudy


def total(config: SearchConfig) -> float:
    return sum(SearchStudy().cost(config, cell).cpu_s for cell in cells_of(config))


TOOK_S = {
    "curve_in_lines": (4.9, 6.3), "line_in_curves": (4.3, 7.6), "top_lit": (1.5, 1.7), "side_lit": (1.7, 1.8),
    "noncross_in_crosses": (11.6, 13.3), "cross_in_noncrosses": (11.7, 13.6), "t_in_l": (11.5, 12.9),
    "l_in_t": (12.1, 13.1), "tilted_in_vertical": (3.2, 3.9), "vertical_in_tilted": (3.3, 3.7),
    "vertical_in_mixed": (3.2, 3.9), "tilted_in_mixed": (3.3, 4.0),
}  # fmt: skip
"""CPU seconds of cells of ten displays as measured, EfficientNet-lite0 and an untrained copy of it."""


def test_cells_are_said_to_take_what_they_took() -> None:
    study, config = SearchStudy(), SearchConfig(controls=("random_weights",), n_random=1)
    said = {
        (cell.condition, cell.variant): study.cost(config, cell).cpu_s
        for cell in cells_of(config)
        if cell.start == 0
    }
    for condition, (trained, untrained) in TOOK_S.items():
        assert said[condition, ""] == pytest.approx(trained, rel=0.3), condition
        assert said[condition, "untrained"] == pytest.approx(untrained, rel=0.3), condition


def test_twenty_copies_before_ten_displays_cost_about_what_five_did_before_thirty() -> None:
    def of_copies(config: SearchConfig) -> float:
        return sum(SearchStudy().cost(config, c).cpu_s for c in cells_of(config) if c.variant == "untrained")

    five = SearchConfig(n_random=5, n_random_displays=30)
    assert 0.9 < of_copies(SearchConfig()) / of_copies(five) < 1.7


def test_a_multiverse_costs_one_pass_and_many_searches() -> None:
    def of(**choices) -> list[float]:
        config = SearchConfig(
            tasks=("letters",), controls=(), multiverse=MultiverseSettings(foveas=("v2",), **choices)
        )
        return [SearchStudy().cost(config, c).cpu_s for c in cells_of(config) if c.task == MULTIVERSE]

    one = of(levels=("mean",), targets=("all",), temperatures=(1.0,))
    two = of(levels=("mean",), targets=("all",), temperatures=(1.0, 2.0))
    single = of(levels=("only_1",), targets=("all",), temperatures=(1.0,))
    known = of(levels=("reliability",), targets=("all",), temperatures=(1.0,))
    assert sum(one) < sum(two) < 1.6 * sum(one)
    assert sum(single) < sum(one) < sum(known)


def test_multiply_adds_are_those_of_the_convolutions() -> None:
    """VGG11's up to the last stage, written out; of 224 x 224 pixels."""
    config = SearchConfig(observer=TimmObserver(models=("vgg11",)))
    widths = [(3, 64, 1), (64, 128, 2), (128, 256, 4), (256, 256, 4), (256, 512, 8), (512, 512, 8), (512, 512, 16),
              (512, 512, 16)]  # fmt: skip
    expected = sum(9 * a * b / stride**2 for a, b, stride in widths)
    assert macs_per_pixel(config, "vgg11") == pytest.approx(expected, rel=0.02)
    assert macs_per_pixel(config, "") == 0


def test_cost_grows_with_displays_and_pixels_and_with_a_fovea_inside() -> None:
    config = SearchConfig(tasks=("curvature",), controls=())
    more = config.model_copy(update={"displays": DisplaySettings(n_displays=60)})
    assert total(more) == pytest.approx(2 * total(config))
    coarse = config.model_copy(update={"displays": DisplaySettings(pixels_per_degree=15)})
    assert total(coarse) < 0.7 * total(config)
    inside = config.model_copy(update={"fovea": FoveaSettings(place="inline")})
    assert total(inside) > 2 * total(config)
    heavy = config.model_copy(update={"observer": TimmObserver(models=("vgg16",))})
    assert total(heavy) > 10 * total(config)


def test_memory_counts_places_weighed_from_everywhere() -> None:
    study = SearchStudy()
    plain, elm = SearchConfig(), SearchConfig(rules=RulesSettings(look="elm", pitch_deg=0.2))
    cell = next(cell for cell in cells_of(plain) if cell.condition == "t_in_l")
    assert study.cost(elm, cell).memory_mb > study.cost(plain, cell).memory_mb + 2000


def test_ones_own_network_is_counted_too(own_network: FactoryObserver) -> None:
    config = SearchConfig(observer=own_network, matching=MatchingSettings(n_levels=2))
    first, second = 3 * 6 * 25, 6 * 12 * 9 / 4
    assert macs_per_pixel(config, own_network.target[0]) == pytest.approx(first + second, rel=0.02)
