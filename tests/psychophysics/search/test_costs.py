from __future__ import annotations

import pytest

from cogattn.observers.config import FactoryObserver, TimmObserver
from cogattn.psychophysics.search.config import (
    DisplaySettings,
    FoveaSettings,
    MatchingSettings,
    RulesSettings,
    SearchConfig,
)
from cogattn.psychophysics.search.costs import macs_per_pixel
from cogattn.psychophysics.search.plan import cells_of
from cogattn.psychophysics.search.study import SearchStudy


def total(config: SearchConfig) -> float:
    return sum(SearchStudy().cost(config, cell).cpu_s for cell in cells_of(config))


def test_the_default_run_is_said_to_take_what_it_took() -> None:
    """2130 CPU seconds, as measured for docs/search.md."""
    assert total(SearchConfig()) == pytest.approx(2130, rel=0.25)


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
    assert total(coarse) < total(config) / 2
    inside = config.model_copy(update={"fovea": FoveaSettings(place="inline")})
    assert total(inside) > 3 * total(config)
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
