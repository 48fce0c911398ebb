from __future__ import annotations

import pytest

from cogattn.errors import ConfigError
from cogattn.observers.config import FactoryObserver
from cogattn.psychophysics.search.config import (
    DisplaySettings,
    MatchingSettings,
    MultiverseSettings,
    SearchConfig,
)
from cogattn.psychophysics.search.study import SearchStudy
from cogattn.registry import load_study
from cogattn.study import Cell, Outcome, Trials, streams_of


def test_study_is_registered() -> None:
    assert isinstance(load_study("search"), SearchStudy)


def test_eccnets_fovea_needs_three_levels() -> None:
    with pytest.raises(ConfigError, match="n_levels must be 3"):
        SearchConfig.parse({"fovea": {"preset": "eccnet"}, "matching": {"n_levels": 2}})
    assert MatchingSettings().n_levels == 3


@pytest.mark.slow
def test_ones_own_network_is_searched_from_its_check_to_its_summary(own_network: FactoryObserver) -> None:
    """With all controls; cells run with what is relevant to them alone."""
    study = SearchStudy()
    config = SearchConfig(
        observer=own_network,
        tasks=("lighting", "orientation"),
        displays=DisplaySettings(n_displays=2, pixels_per_degree=8),
        matching=MatchingSettings(n_levels=2),
        n_random=2,
        n_bootstrap=100,
        multiverse=MultiverseSettings(
            foveas=("v1",), levels=("mean", "only_2"), temperatures=(1.0,), n_displays=2
        ),
    )
    study.check(config)
    done = []
    for cell in study.cells(config):
        own = study.relevant(config, cell)
        done.append(Outcome({cell.task: study.run_cell(own, cell, streams_of(own, cell))}))
    results = study.summarise(config, Trials.of(study.tables, done))
    network, *controls = study.observers(config)
    own = results.summary[results.summary["observer"] == network.id]
    index = own[own["measure"].str.startswith("asymmetry.")]
    assert index["measure"].tolist() == ["asymmetry.lighting", "asymmetry.orientation"]
    assert index["note"].str.contains("2 untrained: ").all()
    assert set(results.summary["observer"]) == {network.id, *(one.id for one in controls)}
    assert results.tables["means"]["observer"].tolist() == [one.id for one in study.observers(config)]
    multiverse = results.tables["multiverse"]
    assert len(multiverse) == 4 * 3
    assert (multiverse["n_untrained"] == 2).all()
    assert "multiverse" in results.figures
    assert any(sentence.startswith("Multiverse: ") for sentence in results.remarks)


def test_a_cell_of_another_study_is_refused() -> None:
    with pytest.raises(TypeError, match="SearchCell"):
        SearchStudy().relevant(SearchConfig(), Cell(label="", task="search", observer="a"))
