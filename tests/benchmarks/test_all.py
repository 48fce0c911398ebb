"""All side-by-side benchmarks by one command: scripts that stand in for them are run, read and kept."""

from __future__ import annotations

import json
import sys
from importlib.metadata import version
from pathlib import Path
from types import ModuleType

import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
STUB = """
import json, os, sys
words = sys.argv[1:]
assert os.environ["OMP_NUM_THREADS"] == "1"
row = {{"case": " ".join(words[:-2]) or "full", "peer": "a | b", "ours": 2, "theirs": 5, "unit": "CPU s", "ratio": 2.5}}
open(words[words.index("--json") + 1], "w").write(json.dumps([row]))
print("last words")
sys.exit({code})
"""


@pytest.fixture
def everything(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> ModuleType:
    """The command with stand-ins: one that goes well, two that miss a goal (one says which), one that fails."""
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    monkeypatch.delitem(sys.modules, "all", raising=False)
    import all as command  # ty: ignore[unresolved-import]

    for name, text in (
        ("good", STUB.format(code=0)),
        ("missed", STUB.format(code=1)),
        ("telling", STUB.format(code=1).replace('print("last', 'print("row b   .7x  MISSED")\nprint("last')),
        ("broken", "raise OSError(9)"),
    ):
        (tmp_path / f"{name}.py").write_text(text)
    benchmarks = (
        command.Benchmark("good", ("scipy",), ("--rounds", "1")),
        command.Benchmark("missed", ("no-such-peer",)),
        command.Benchmark("telling"),
        command.Benchmark("broken"),
    )
    monkeypatch.setattr(command, "HERE", tmp_path)
    monkeypatch.setattr(command, "RESULTS", tmp_path / "results")
    monkeypatch.setattr(command, "BENCHMARKS", benchmarks)
    return command


def test_a_full_run_is_one_table_and_is_kept_with_versions_and_complaints(
    everything: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert everything.main([]) == 1
    out = capsys.readouterr().out
    assert "| good | full | a / b | 2 | 5 | CPU s | 2.50 |" in out
    assert "missed: last words" in out
    assert "telling: row b .7x MISSED\n" in out
    assert "broken: OSError: 9" in out
    page, data = sorted((tmp_path / "results").iterdir(), key=lambda path: path.suffix, reverse=True)
    kept = json.loads(data.read_text())
    assert page.stem == data.stem == f"{kept['date']}-{kept['commit'][:7]}"
    assert kept["versions"]["scipy"] == version("scipy")
    assert kept["versions"]["no-such-peer"] == "not installed"
    assert kept["processor"]
    assert [row["ratio"] for row in kept["ratios"]["good"]] == [2.5]
    assert kept["ratios"]["broken"] == []
    assert "| good | full |" in page.read_text(encoding="utf-8")


def test_a_short_or_partial_run_is_not_kept(
    everything: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert everything.main(["--quick", "--only", "good"]) == 0
    assert "| good | --rounds 1 |" in capsys.readouterr().out
    assert everything.main(["--only", "good"]) == 0
    assert "missed" not in capsys.readouterr().out
    assert not (tmp_path / "results").exists()


def test_every_benchmark_is_there_and_takes_what_it_is_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    monkeypatch.delitem(sys.modules, "all", raising=False)
    import all as command  # ty: ignore[unresolved-import]

    for one in (*command.BENCHMARKS, command.REHEARSAL):
        text = one.script.read_text(encoding="utf-8")
        assert "add_json(parser)" in text or '"--json"' in text, one.name
        for word in (*one.quick, *one.full):
            assert not word.startswith("--") or f'"{word}"' in text, (one.name, word)


def test_what_scripts_write_in_their_own_way_is_read(everything: ModuleType) -> None:
    sides = {"seconds": 2.0}
    tables = {
        everything.attention: [
            {"case": "step", "ours_ms": 2, "theirs_ms": 3, "ratio": 1.5},
            {"case": "other answers", "ours_ms": 2, "theirs_ms": 3, "ratio": None},
        ],
        everything.kernels: [
            {
                "case": "N=1024",
                "methods": {"ours": sides, "peer": {"seconds": 3.0}},
                "verdicts": {"peer": {"ours": "ours", "ratio": 1.5}},
            }
        ],
        everything.searches: {
            "rows": {"reference form, VGG16": {}, "strict": {"search_s": 2.0, "ratio": 1.5, "begin_s": 1.0}}
        },
        everything.engines: [
            {"case": "masking", "cogattn": {"two_s": 2.0}, "joblib": {"two_s": 3.0}},
            {"case": "between", "lost": 0.1},
        ],
    }
    for read, document in tables.items():
        (row,) = read(document)
        assert (row["ours"], row["theirs"], row["ratio"]) == (2, 3, 1.5)
