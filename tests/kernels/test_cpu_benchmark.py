"""The CPU benchmark: peers that compute the same, each beside the right one of ours, and no ratio for wrong answers."""

from __future__ import annotations

import importlib
from pathlib import Path

import pytest
import torch

pytestmark = pytest.mark.slow

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
with pytest.MonkeyPatch.context() as patch:
    patch.syspath_prepend(str(BENCHMARKS))
    kernels_cpu, peers = (importlib.import_module(name) for name in ("kernels_cpu", "attention_peers"))
SMALL = {
    "forward": kernels_cpu.Case(8, 0.3),
    "all keys": kernels_cpu.Case(8, 1),
    "content": kernels_cpu.Case(8, 0.3, "content"),
    "bias": kernels_cpu.Case(8, 0.3, "bias"),
    "places": kernels_cpu.Case(8, 0.3, "places"),
    "gazes": kernels_cpu.Case(8, 0.3, "bias", n_gazes=3),
    "radii": kernels_cpu.Case(8, 1, radii=(1.2,) * 7 + (4.1,)),
}
USUAL = ("forward", "places", "gazes")
"""The benchmark itself compares answers before it times; its compiled peers take 15 s a case."""


@pytest.fixture(autouse=True)
def quick(monkeypatch) -> None:
    monkeypatch.setattr(kernels_cpu, "AT_LEAST_S", 1e-9)


@pytest.mark.parametrize(
    "case",
    [
        pytest.param(case, id=name, marks=() if name in USUAL else pytest.mark.nightly)
        for name, case in SMALL.items()
    ],
)
def test_every_method_of_a_case_gives_the_answers_and_gradients_of_float64(case):
    row = kernels_cpu.attention_row(case, 2, 1, False)
    row = kernels_cpu.judged(row, {}, {})
    assert row["wrong"] == []
    assert {kernels_cpu.OURS, kernels_cpu.OURS_KEPT, kernels_cpu.BUILT} <= row["methods"].keys()
    assert kernels_cpu.BUILT in row["verdicts"]
    assert all(method["seconds"] > 0 for method in row["methods"].values())


@pytest.mark.parametrize("bias", ["log", "smooth", "gauss", "none"])
def test_its_truth_is_attention_by_the_book(bias):
    place = peers.lattice(4)
    problem = peers.problem_of(place, place, images=1, heads=2, dim=8, radius=torch.tensor([2.1]), bias=bias)
    distance = torch.cdist(place, place)[0].double()
    scaled = distance / 3.0
    expected = {
        "log": -2.0 * scaled.log1p(), "smooth": -scaled.square().log1p(), "gauss": -scaled.square(),
        "none": 0 * scaled,
    }[bias].masked_fill(distance > 2.1, -torch.inf)  # fmt: skip
    weights = torch.softmax(problem.q.double() @ problem.k.double().mT * 8**-0.5 + expected, -1)
    (out,) = peers.truth(problem, torch.zeros_like(problem.q), most_scores=64)
    torch.testing.assert_close(out, weights @ problem.v.double(), rtol=1e-6, atol=1e-6)


NAMES = {name: getattr(kernels_cpu, name) for name in ("OURS", "OURS_KEPT", "BUILT", "KEPT")}


def methods(**seconds: float) -> dict:
    return {
        NAMES[name.upper()]: {"seconds": value, "mb": 10.0, "kept_mb": 0.0, "error": 1e-7}
        for name, value in seconds.items()
    }


def test_a_mask_in_the_call_stands_beside_positions_in_the_call_and_a_kept_one_beside_a_layout():
    row = {"methods": methods(ours=2.0, ours_kept=1.0, built=8.0, kept=3.0)}
    verdicts = kernels_cpu.judged(row, {kernels_cpu.BUILT: 4.0, kernels_cpu.KEPT: 3.5}, {})["verdicts"]
    assert (verdicts[kernels_cpu.BUILT]["ratio"], verdicts[kernels_cpu.BUILT]["met"]) == (4.0, True)
    assert (verdicts[kernels_cpu.KEPT]["ratio"], verdicts[kernels_cpu.KEPT]["met"]) == (3.0, False)
    assert row["met"] is False


@pytest.mark.parametrize("wrong", ["ours", "mask built"])
def test_wrong_answers_get_no_ratio_and_meet_no_goal(wrong):
    row = {"methods": methods(ours=1.0, built=8.0)}
    row["methods"][wrong]["error"] = 1e-3
    row = kernels_cpu.judged(row, {}, {})
    assert row["wrong"] == [wrong]
    assert row["verdicts"] == {}
    assert row["met"] is False


def test_memory_that_is_kept_counts():
    row = {"methods": methods(ours=1.0, built=8.0)}
    row["methods"]["ours"]["kept_mb"] = 40.0
    row = kernels_cpu.judged(row, {}, {kernels_cpu.BUILT: 0.5})
    assert row["verdicts"]["mask built"]["saving"] == 0.2
    assert row["met"] is False
