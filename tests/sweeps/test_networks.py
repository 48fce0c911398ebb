"""Sweeps over networks: each is loaded once a worker, and every point's numbers are those of its own run."""

from __future__ import annotations

from pathlib import Path

import pytest
from torch import nn

import cogattn
from cogattn.observers import build
from cogattn.study import SUMMARY_COLUMNS

SHARED = {
    "images": {"kind": "procedural", "n_images": 80, "size": 64},
    "noise": {"sds": [0, 0.04, 0.16], "lowest_cpi": 2},
    "channel": {"n_bootstrap": 100},
    "out": "runs",
    "workers": 1,
    "progress": False,
}


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.mark.slow
def test_a_network_is_loaded_once_for_all_points_and_its_numbers_are_those_of_its_own_runs(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    loaded: list[str] = []
    make = build._make

    def counting(settings: object, name: str, *rest: object) -> object:
        loaded.append(name)
        return make(settings, name, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(build, "_make", counting)
    observer = {"kind": "readout", "weights": "random", "train_per_category": 2}
    axes = {"noise.n_bands": [3, 4], "observer.models": [["test_resnet"], ["test_vit"]]}
    found = cogattn.sweep("masking", axes=axes, observer=observer, **SHARED)
    assert sorted(loaded) == ["test_resnet", "test_vit"]
    assert found.failures == {}
    assert list(found.table["observer.models"].unique()) == ["test_resnet", "test_vit"]
    settings = {**SHARED, "noise": {**SHARED["noise"], "n_bands": 4}, "out": "alone"}
    alone = cogattn.run("masking", observer={**observer, "models": ["test_vit"]}, **settings)
    assert alone.id == found.runs[-1].id
    rows = found.table[found.table["run"] == alone.id]
    assert rows[list(SUMMARY_COLUMNS)].to_csv(index=False) == alone.summary.to_csv(index=False)


@pytest.mark.slow
def test_live_networks_are_an_axis() -> None:
    nets = [
        nn.Sequential(nn.AdaptiveAvgPool2d(size), nn.Flatten(), nn.Linear(3 * size**2, 16)) for size in (2, 3)
    ]
    found = cogattn.sweep(
        "masking", axes={"observer": nets}, **{**SHARED, "noise": {**SHARED["noise"], "n_bands": 3}}
    )
    names = [str(point.values["observer"]) for point in found.points]
    assert len(set(names)) == 2
    assert all(name.startswith("Sequential ") for name in names)
    assert list(found.table["axis.observer"].unique()) == names
    assert set(found.table["observer"]) >= {"Sequential"}
    rows = found.table[found.table["run"] == found.runs[1].id]
    assert rows[list(SUMMARY_COLUMNS)].to_csv(index=False) == found.runs[1].summary.to_csv(index=False)
