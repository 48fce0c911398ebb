"""The GPU benchmark runs from end to end without a GPU, so that it works the first time on one.

Times are stubs and nothing is compiled; problems are small. Its checks run the kernels in Triton's interpreter.
"""

from __future__ import annotations

import importlib
import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
import triton

pytestmark = pytest.mark.slow

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
with pytest.MonkeyPatch.context() as patch:
    patch.syspath_prepend(str(BENCHMARKS))
    gpu, gpu_checks, attention_peers = (
        importlib.import_module(name) for name in ("gpu", "gpu_checks", "attention_peers")
    )
KINDS = gpu.KINDS
PASSED = [(("float32", "log", "radius"), {"out": 1e-7}), (("bfloat16", "none", "radius"), {"out": 1e-3})]


@pytest.fixture(autouse=True)
def stubs(monkeypatch) -> None:
    """Stubs for clocks, compilers and flex_attention, which has no backward pass here; two small shapes and kinds."""
    monkeypatch.setattr(triton.testing, "do_bench", lambda step, **_: step() is None or 1.0)
    monkeypatch.setattr(triton.testing, "do_bench_cudagraph", lambda step, **_: step() is None or 0.5)
    monkeypatch.setattr(torch, "compile", lambda function, **_: function)
    monkeypatch.setattr(attention_peers, "flex", lambda problem, *_: attention_peers.dense(problem))
    monkeypatch.setattr(gpu_checks, "measured_errors", lambda: iter(PASSED))
    for name, value in {"BATCH": 1, "HEADS": 2, "POOL_MAPS": ((2, 6),)}.items():
        monkeypatch.setattr(gpu, name, value)
    monkeypatch.setattr(gpu, "SHAPES", (gpu.Shape(64, 16), gpu.Shape(36, 16)))
    monkeypatch.setattr(gpu, "KINDS", (gpu.Kind("log", 0.2, dtype="float32"), gpu.Kind("none", 0.2)))


@pytest.fixture
def run(tmp_path) -> Callable[..., tuple[int, dict]]:
    """Run the script; returns its exit status and the file that it wrote."""

    def run(*arguments: str) -> tuple[int, dict]:
        path = tmp_path / "table.json"
        status = gpu.main(["--json", str(path), *arguments])
        return status, json.loads(path.read_text())

    return run


@pytest.mark.parametrize("bias", ["log", "none"])
@pytest.mark.parametrize("situation", ["radius", "skipped blocks"])
def test_its_check_passes_and_sees_every_gradient(bias, situation):
    found = gpu_checks.errors("float32", bias, situation, sizes=(33, 128, 16))
    learned = {"q", "k", "v", "query_position", "key_position", "log_weight", "alpha", "e2"}
    assert found.keys() == {"out"} | learned
    assert max(found.values()) < gpu_checks.BIAS_FACTOR * gpu_checks.TOLERANCE["float32"]


def test_its_check_skips_blocks():
    tensors = gpu_checks.arguments(torch.float32, "skipped blocks", (0, 128, 16))
    gap = torch.cdist(tensors["query_position"], tensors["key_position"])
    near = (gap <= tensors["radius"].max()).unflatten(1, (-1, 32)).unflatten(3, (-1, 32))
    assert near.any(4).any(2).float().mean() < 0.7
    assert near.any()


def test_a_variant_that_does_not_run_is_named_with_its_cause():
    found = gpu_checks.errors_or_reason(("float32", "linear", "radius"))
    assert list(found.values()) == [float("inf")]
    assert "bias must be one of" in next(iter(found))


def test_one_row_of_each_shape_comes_before_the_second_of_any(run):
    _, report = run()
    assert [row["shape"] for row in report["attention"]] == [[64, 16], [36, 16]] * 2
    assert [row["kind"][0] for row in report["attention"]] == ["log", "log", "none", "none"]


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: " ".join(map(str, kind)))
def test_every_kind_of_row_is_right_and_timed(kind):
    row = gpu.attention_row(kind._replace(keep=0.3, n_gazes=min(3, kind.n_gazes)), gpu.Shape(64, 16), set())
    for name in ("ours", "ours, layout", "flex"):
        method = row["methods"][name]
        assert method["right"], method
        assert method["forward"]["ms"] == method["both"]["ms"] == 1.0
        assert method["graph"] == 0.5


def test_a_goal_that_is_missed_is_said_and_is_the_exit_status(run):
    status, report = run()
    row = report["attention"][0]
    assert (row["ratio"], row["goal"], row["met"], status) == (1.0, 1.5, False, 1)


def test_all_goals_met_and_all_checks_passed_is_status_0(run, monkeypatch):
    monkeypatch.setattr(gpu, "goal", lambda kind: ("forward", 1.0))
    status, report = run()
    assert [row["met"] for row in report["attention"]] == [True] * 4
    assert status == 0


def test_a_peer_that_refuses_is_named_and_the_rest_is_timed(run):
    _, report = run()
    methods = report["attention"][0]["methods"]
    assert methods["mask kept, efficient"]["refused"].startswith("RuntimeError")
    assert "forward" not in methods["mask kept, efficient"]
    assert methods["mask built, compiled"]["right"]


def test_a_bias_that_fails_its_check_in_one_dtype_is_timed_without_a_ratio_and_the_others_with_one(
    run, monkeypatch
):
    failed = [(("float32", "log", "radius"), {"alpha": 1.0}), PASSED[1]]
    monkeypatch.setattr(gpu_checks, "measured_errors", lambda: iter(failed))
    status, report = run()
    first, last = report["attention"][0], report["attention"][-1]
    assert first["unsound"] == "1 checks of log in float32 failed"
    assert first["methods"]["ours, layout"]["forward"]["ms"] == 1.0
    assert "ratio" not in first
    assert "ratio" in last
    assert status == 1


def test_wrong_gradients_of_ours_have_no_ratio(run, monkeypatch):
    def wrong(problem):
        attend = attention_peers.ours(problem)
        return lambda: attend() + 0.5 * (problem.k - problem.k.detach())

    monkeypatch.setitem(gpu.METHODS, "ours, layout", wrong)
    _, report = run()
    row = report["attention"][0]
    assert row["unsound"] == "ours is wrong or refused"
    assert "ratio" not in row
    assert row["methods"]["ours"]["right"]


def test_a_row_that_fails_is_named_and_the_next_are_measured(run, monkeypatch):
    real = gpu.problem_of

    def fail(kind, shape):
        if shape.n == 36:
            raise RuntimeError("out of memory")
        return real(kind, shape)

    monkeypatch.setattr(gpu, "problem_of", fail)
    _, report = run()
    assert ["refused" in row for row in report["attention"]] == [False, True] * 2


def test_backward_passes_that_do_not_run_do_not_end_the_run(run, monkeypatch):
    monkeypatch.setattr(gpu, "deterministic", lambda: (_ for _ in ()).throw(RuntimeError("no such kernel")))
    status, report = run()
    assert report["deterministic"] == {"refused": "RuntimeError: no such kernel"}
    assert len(report["attention"]) == 4
    assert status == 1


def test_a_graph_that_cannot_be_captured_is_tried_once(run, monkeypatch):
    def refuse(step, **_):
        raise RuntimeError("operation not permitted when stream is capturing")

    monkeypatch.setattr(triton.testing, "do_bench_cudagraph", refuse)
    _, report = run()
    tried = ["graph: refused" in row["methods"]["ours"] for row in report["attention"]]
    assert tried == [True, False, False, False]
    assert "refused" not in report["attention"][0]["methods"]["ours"]


def test_a_run_that_is_over_goes_on_where_its_file_ends(run, monkeypatch):
    _, report = run("--minutes", "0")
    assert report["attention"] == []
    assert len(report["skipped"]) == 4
    _, report = run("--resume")
    assert len(report["attention"]) == 4
    monkeypatch.setattr(gpu, "attention_row", lambda *_: pytest.fail("measured anew"))
    assert run("--resume")[1]["attention"] == report["attention"]


def test_the_file_is_written_after_each_row(run, monkeypatch, tmp_path):
    seen = []
    real = gpu.attention_row

    def look(*arguments):
        seen.append(len(json.loads((tmp_path / "table.json").read_text()).get("attention", [])))
        return real(*arguments)

    monkeypatch.setattr(gpu, "attention_row", look)
    run()
    assert seen == [0, 1, 2, 3]


def test_every_row_is_printed_with_its_methods_its_refusals_and_its_verdict(run, capsys):
    run()
    printed = capsys.readouterr().out
    for kind in ("log keep 20% content float32", "none keep 20% content bfloat16"):
        for n in (64, 36):
            assert f"N={n} D=16 {kind}" in printed
    assert printed.count("1.00x flex, forward, goal 1.5x: MISSED") == 2
    assert printed.count("1.00x flex, forward, goal 1x: met") == 2
    assert (
        "ours, layout           forward 1.000 ms +-0% 0 MB  both 1.000 ms +-0% 0 MB  graph 0.500 ms"
        in printed
    )
    assert "mask kept, efficient   RuntimeError" in printed


def test_checks_alone_time_nothing(run):
    status, report = run("--check-only")
    assert report.keys() >= {"checks", "deterministic", "device"}
    assert "attention" not in report
    assert status == 0


def test_a_mask_that_is_too_large_is_refused(monkeypatch):
    monkeypatch.setattr(gpu, "LARGEST_MASK", 100)
    found: dict[str, dict] = {}
    gpu.prepared(gpu.problem_of(*gpu.KINDS[:1], gpu.SHAPES[0]), found)
    assert {name for name, method in found.items() if "refused" in method} == set(gpu.MASKS)
