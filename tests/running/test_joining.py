"""A run is joined: by other drivers, from the command line, in a Slurm array, until the time is up."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import replace
from pathlib import Path

import pytest

from cogattn.cli import TIME_IS_UP, main
from cogattn.cli.flags import seconds
from cogattn.cli.work import slurm_seconds
from cogattn.errors import ConfigError, RunFailed, TimeUp
from cogattn.observers import live
from cogattn.registry import load_study
from cogattn.running import crew, execute
from cogattn.running.catalogue import list_runs, verify
from cogattn.running.crew import OnProgress, Progress
from cogattn.running.execute import Execution, Task, open_run, run_stored_cell, run_study
from cogattn.running.executors import InlineExecutor
from cogattn.running.identity import make_plan, target_of
from cogattn.running.joining import as_listed, hardware_flags, join_run, settings_of
from cogattn.running.leases import Leases
from cogattn.running.records import CellList, ConfigRecord, Provenance
from cogattn.running.store import RunFolder
from cogattn.testing.coin import CoinConfig
from tests.running.counted_coins import COUNTED, CountedCoins

COIN = "cogattn.testing.coin:CoinStudy"
BEAT_S = 0.1


@pytest.fixture(autouse=True)
def _fresh() -> None:
    CountedCoins.seen.clear()
    CountedCoins.failing.clear()


def counts() -> Counter[str]:
    """How often each cell was computed."""
    return Counter(label for label, _ in CountedCoins.seen)


def driver(**options: object) -> Execution:
    """One that computes in its own thread; several of them are several drivers."""
    return Execution(make_executor=lambda _: InlineExecutor(), beat_s=BEAT_S, **options)  # type: ignore[arg-type]


def together(n: int, work: Callable[[int], object]) -> list[object]:
    """What `work` returns, or raises, in `n` threads at once."""
    found: list[object] = [None] * n
    barrier = threading.Barrier(n)

    def one(i: int) -> None:
        barrier.wait()
        try:
            found[i] = work(i)
        except Exception as error:  # noqa: BLE001 - told by the assertion that follows
            found[i] = error

    threads = [threading.Thread(target=one, args=(i,)) for i in range(n)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return found


def answers(run: RunFolder) -> dict[str, bytes]:
    return {name: (run.folder / name).read_bytes() for name in run.manifest().files}


# -- drivers at once ---------------------------------------------------------------------------------------


def test_drivers_at_once_compute_each_cell_once_and_write_one_answer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    concluded: list[str] = []
    conclude = execute.conclude

    def counted(*arguments: object) -> None:
        concluded.append("x")
        conclude(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(execute, "conclude", counted)
    config = CoinConfig(n_cells=8, seconds_per_cell=0.01)
    study = COUNTED
    runs = together(3, lambda _: run_study(study, config, out=tmp_path / "shared", execution=driver()))
    assert set(counts().values()) == {1}
    assert len(CountedCoins.seen) == 16
    assert len({thread for _, thread in CountedCoins.seen}) > 1
    assert len(concluded) == 1
    alone = run_study(study, config, out=tmp_path / "alone")
    assert runs[0] == runs[1] == runs[2]
    assert answers(runs[0]) == answers(alone)  # type: ignore[arg-type]
    assert verify(runs[0]) == []  # type: ignore[arg-type]


def test_each_driver_tries_a_failing_cell_once_and_reports_it(tmp_path: Path) -> None:
    CountedCoins.failing.add(2)
    config = CoinConfig(n_cells=4, coins={"n": 1}, seconds_per_cell=0.01)
    study = COUNTED
    found = together(2, lambda _: run_study(study, config, out=tmp_path, execution=driver()))
    assert all(isinstance(error, RunFailed) for error in found)
    assert [set(error.failures) for error in found] == [{"coin 0, part 2"}] * 2  # type: ignore[union-attr]
    found = counts()
    assert found.pop("coin 0, part 2") == 2
    assert set(found.values()) == {1}


def test_who_waits_says_for_whom_and_goes_on_when_they_have_died(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    config = CoinConfig(n_cells=3, coins={"n": 1})
    run = open_run(COIN, config, tmp_path)
    plan = make_plan(load_study(COIN), config)
    told: list[Progress] = []
    other = Leases(run.cells, beat_s=0.5)
    other.__enter__()
    other.take(plan.cells[0].name)
    other.take(plan.cells[1].name)
    other._pulse._end.set()  # it counts no more
    run_study(COIN, config, out=tmp_path, execution=driver(), on_progress=told.append)
    sentence = f"2 cells are being computed by {other.holder}"
    assert sentence in {progress.label for progress in told}
    assert [record.message for record in caplog.records].count(sentence) == 1
    assert told[-1].stored == 3
    assert list((tmp_path / "leases" / "coin").iterdir()) == []


def test_a_cell_that_another_is_computing_is_left_for_the_end(tmp_path: Path) -> None:
    config = CoinConfig(n_cells=4, coins={"n": 1})
    study = CountedCoins()
    run = open_run(study, config, tmp_path)
    plan = make_plan(study, config)
    told: list[str] = []

    def tell(progress: Progress) -> None:
        told.append(progress.label)
        if progress.stored == 3:
            other.release(plan.cells[1].name)

    with Leases(run.cells, beat_s=60) as other:
        other.take(plan.cells[1].name)
        run_study(study, config, out=tmp_path, execution=driver(), on_progress=tell)
    assert [label for label, _ in CountedCoins.seen] == [f"coin 0, part {part}" for part in (0, 2, 3, 1)]


def test_a_cell_that_was_stored_between_two_looks_is_not_computed(tmp_path: Path) -> None:
    """Another driver publishes and gives back after this one has asked the store, and before it has the lease."""
    config = CoinConfig(n_cells=2, coins={"n": 1})
    study = CountedCoins()
    run_study(study, config, out=tmp_path / "other")
    CountedCoins.seen.clear()
    run = open_run(study, config, tmp_path / "here")
    plan = make_plan(study, config)
    take = Leases.take

    def late(self: Leases, name: str) -> object:
        if name == plan.cells[0].name:
            record, outcome, _ = open_run(study, config, tmp_path / "other").cells.read(name)
            run.cells.write(record, outcome, study.tables)
        return take(self, name)

    submitted: list[object] = []

    class Counting(InlineExecutor):
        def submit(self, fn, /, *args, **kwargs):
            submitted.extend([fn] if fn is not int else [])
            return super().submit(fn, *args, **kwargs)

    execution = replace(driver(), make_executor=lambda _: Counting())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Leases, "take", late)
        run_study(study, config, out=tmp_path / "here", execution=execution)
    assert len(submitted) == 1
    assert [label for label, _ in CountedCoins.seen] == ["coin 0, part 1"]


def test_a_lease_is_given_back_as_soon_as_its_cell_is_stored_or_has_failed(tmp_path: Path) -> None:
    CountedCoins.failing.add(1)
    left: list[int] = []

    def tell(progress: Progress) -> None:
        if progress.label.startswith("coin"):
            left.append(len(list((tmp_path / "leases" / "counted").iterdir())))

    with pytest.raises(RunFailed):
        run_study(COUNTED, CoinConfig(n_cells=3), out=tmp_path, execution=driver(), on_progress=tell)
    assert left == [0] * 6


def test_a_stored_cell_that_is_asked_for_again_costs_nothing(tmp_path: Path) -> None:
    study, config = CountedCoins(), CoinConfig(n_cells=1, coins={"n": 1})
    run_study(study, config, out=tmp_path)
    (planned,) = make_plan(study, config).cells
    CountedCoins.seen.clear()
    assert run_stored_cell(Task(target_of(study), planned, tmp_path)) is None
    assert CountedCoins.seen == []


def test_a_driver_that_comes_when_another_has_just_finished_reopens_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = CoinConfig(n_cells=1)
    begin = execute.begin

    def late(*arguments: object, **options: object) -> bool:
        monkeypatch.setattr(execute, "begin", begin)
        run_study(COIN, config, out=tmp_path)
        return begin(*arguments, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(execute, "begin", late)
    run = run_study(COIN, config, out=tmp_path)
    assert run.finished
    assert len(run.read(Provenance).sessions) == 1


def test_a_run_tells_who_works_on_it_and_takes_leases_along_when_it_is_deleted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    study, config = load_study(COIN), CoinConfig(n_cells=3, coins={"n": 1})
    with pytest.raises(TimeUp):
        run_study(COIN, config, out=tmp_path, execution=Execution(until=0.0))
    run, plan = open_run(study, config, tmp_path), make_plan(study, config)
    with Leases(run.cells) as own:
        for planned in plan.cells[:2]:
            own.take(planned.name)
        assert main(["runs", "show", run.id, "--out", str(tmp_path)]) == 0
        assert f"at work on 2 cell(s): {own.holder}\n" in capsys.readouterr().out
        assert list_runs(tmp_path) == [run]
        assert main(["runs", "verify", "--out", str(tmp_path)]) == 0
        assert main(["runs", "delete", run.id, "--yes", "--out", str(tmp_path)]) == 0
        assert list((tmp_path / "leases" / "coin").iterdir()) == []


def test_no_study_has_the_name_of_the_leases(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"none of cells, .*leases"):
        RunFolder(tmp_path, "leases", "0" * 12)


# -- until -------------------------------------------------------------------------------------------------


@pytest.fixture
def an_hour_after(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], OnProgress]:
    """Callers of progress that let an hour pass when so many cells are stored or have failed."""

    def make(n: int) -> OnProgress:
        monotonic = time.monotonic

        def tell(progress: Progress) -> None:
            if progress.stored + progress.failed == n:
                monkeypatch.setattr(crew.time, "monotonic", lambda: monotonic() + 3600)

        return tell

    return make


def test_no_cell_is_begun_after_the_time_is_up(
    tmp_path: Path, an_hour_after: Callable[[int], OnProgress]
) -> None:
    config = CoinConfig(n_cells=9, coins={"n": 1})
    for n_before, n_left in ((0, 6), (3, 1)):
        until = time.monotonic() + 1800
        with pytest.raises(
            TimeUp, match=rf"^the time is up; {n_left} of 9 cells of run [0-9a-f]{{12}} are left"
        ) as up:
            run_study(
                COUNTED,
                config,
                out=tmp_path,
                execution=driver(until=until),
                on_progress=an_hour_after(9 - n_left),
            )
        assert up.value.n_left == n_left
        assert len(CountedCoins.seen) == 9 - n_left > n_before
        assert len(list((tmp_path / "cells").rglob("*.zip"))) == 9 - n_left
    assert run_study(COUNTED, config, out=tmp_path, execution=driver(until=time.monotonic() + 9e9)).finished
    assert set(counts().values()) == {1}


def test_none_is_begun_either_while_others_are_under_way(
    tmp_path: Path, an_hour_after: Callable[[int], OnProgress]
) -> None:
    until, late, held = time.monotonic() + 1800, [], []
    an_hour_passes = an_hour_after(2)

    class Slow(InlineExecutor):
        """Keeps back what the first cell says."""

        def submit(self, fn, /, *args, **kwargs):
            done = super().submit(fn, *args, **kwargs)
            if fn is int:
                return done
            late.append(time.monotonic() > until)
            held.append(Future() if not held else done)
            return held[-1]

    def tell(progress: Progress) -> None:
        an_hour_passes(progress)
        if progress.stored == 2:
            threading.Timer(0.3, held[0].set_result, [None]).start()

    execution = replace(driver(until=until, workers=2), make_executor=lambda _: Slow())
    config = CoinConfig(n_cells=9, coins={"n": 1})
    with pytest.raises(TimeUp, match="6 of 9 cells"):
        run_study(COUNTED, config, out=tmp_path, execution=execution, on_progress=tell)
    assert late == [False] * 3


def test_what_failed_is_told_with_what_is_left(
    tmp_path: Path, an_hour_after: Callable[[int], OnProgress]
) -> None:
    CountedCoins.failing.add(0)
    config = CoinConfig(n_cells=9, coins={"n": 1})
    execution = driver(until=time.monotonic() + 1800)
    with pytest.raises(
        TimeUp, match=r"7 of 9 cells.*; 1 cell\(s\) failed:\n  coin 0, part 0: ValueError: broken"
    ):
        run_study(COUNTED, config, out=tmp_path, execution=execution, on_progress=an_hour_after(2))


@pytest.mark.parametrize(("text", "expected"), [("55m", 3300), ("3h", 10_800), ("1.5h", 5400), ("0s", 0)])
def test_times_are_read(text: str, expected: float) -> None:
    assert seconds(text, flag="--until") == expected


@pytest.mark.parametrize("text", ["55", "-1m", "1d", "1h30m", "nan", "m", ""])
def test_other_times_are_refused(text: str) -> None:
    with pytest.raises(ConfigError, match=r"^--until must be a time such as 3600s, 55m or 3h; got"):
        seconds(text, flag="--until")


# -- the command -------------------------------------------------------------------------------------------


@pytest.fixture
def begun(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> RunFolder:
    """A run that was begun for others to work on."""
    monkeypatch.chdir(tmp_path)
    config = CoinConfig(n_cells=3, coins={"n": 1})
    assert (
        main([COIN, "--coins.n", "1", "--n-cells", "3", "--workers", "1", "--until", "0s"])
        == TIME_IS_UP
        == 75
    )
    return open_run(COIN, config, tmp_path / "runs")


def test_a_run_is_joined_by_the_start_of_its_id(begun: RunFolder, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["work", begun.id[:5], "--study", COIN, "--workers", "1"]
    assert main([*words, "--until", "0s"]) == TIME_IS_UP
    assert f"3 of 3 cells of run {begun.id} are left" in capsys.readouterr().err
    assert main([*words, "--json"]) == 0
    (row,) = json.loads(capsys.readouterr().out)
    assert row["n"] == 150
    assert len(begun.read(Provenance).sessions) == 3
    assert main([*words, "--json"]) == 0
    assert len(begun.read(Provenance).sessions) == 3
    assert verify(begun) == []


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["nothing"], "run must be the start of one stored id"),
        (["{id}"], "study must be a registered name; got coin"),
        (
            ["{id}", "--study", COUNTED],
            "--study must be the study of run {id}, coin; got counted",
        ),
        (["{id}", "--study", COIN, "--until", "soon"], "--until must be a time such as"),
        (["{id}", "--study", COIN, "--beat", "0"], "--beat must be from 0.05 to 3600 s; got 0"),
        (["{id}", "--study", COIN, "--device", "cuda:9"], "--device must be one that this machine has"),
    ],
)
def test_what_is_wrong_with_joining_is_one_sentence(
    begun: RunFolder, capsys: pytest.CaptureFixture[str], words: list[str], sentence: str
) -> None:
    capsys.readouterr()
    assert main(["work", *(word.format(id=begun.id) for word in words)]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert sentence.format(id=begun.id) in err


def test_cells_that_fail_are_told_as_by_the_study_s_command(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    CountedCoins.failing.add(1)
    config = CoinConfig(n_cells=2)
    with pytest.raises(RunFailed):
        run_study(COUNTED, config, out=tmp_path)
    run = open_run(COUNTED, config, tmp_path)
    words = ["work", run.id, "--study", COUNTED, "--out", str(tmp_path), "--workers", "1"]
    assert main(words) == 1
    assert "2 cell(s) failed" in capsys.readouterr().err
    CountedCoins.failing.clear()
    assert main(words) == 0


def test_other_code_than_the_run_s_is_refused(begun: RunFolder) -> None:
    study, config = load_study(COIN), CoinConfig(n_cells=3, coins={"n": 1})
    plan = make_plan(study, config)
    assert as_listed(plan, begun) == plan
    for changes, sentence in (
        ({"code": "e" * 64}, rf"got other code \(eeeeeeee here, {plan.code.sha256[:8]} there\)"),
        ({"libraries": {"numpy": "1"}}, "got other versions of libraries, or another kind of hardware"),
        ({"contents": {"weights": "1"}}, "got other data, weights or settings"),
    ):
        cells = [replace(cell, record=_changed(cell.record, changes)) for cell in plan.cells]
        with pytest.raises(ConfigError, match=sentence):
            as_listed(replace(plan, cells=tuple(cells)), begun)
    with pytest.raises(ConfigError, match="got 3 listed and 2 planned"):
        as_listed(replace(plan, cells=plan.cells[:2]), begun)
    assert join_run(study, config, begun, execution=driver()).finished


def _changed(record, changes: dict[str, object]):
    return type(record)(**{**record.model_dump(), **changes})


def test_cells_that_the_run_took_from_other_code_are_taken_by_who_joins(begun: RunFolder) -> None:
    study, config = load_study(COIN), CoinConfig(n_cells=3, coins={"n": 1})
    run_study(study, config, out=begun.root)
    listed = begun.read(CellList)
    record, outcome, _ = begun.cells.read(listed.cells[0].name)
    other = _changed(record, {"code": "e" * 64})
    begun.cells.write(other, outcome, study.tables)
    first = listed.cells[0].model_copy(update={"name": other.name, "code": other.code})
    begun.write(CellList(cells=(first, *listed.cells[1:])))
    plan = as_listed(make_plan(study, config), begun)
    assert [cell.name for cell in plan.cells] == [other.name, *(cell.name for cell in listed.cells[1:])]


def test_settings_that_are_another_run_here_are_refused(begun: RunFolder) -> None:
    record = begun.read(ConfigRecord)
    assert settings_of(begun, load_study(COIN)) == CoinConfig(n_cells=3, coins={"n": 1})
    begun.write(record.model_copy(update={"config": {**record.config, "seed": 9}}))
    with pytest.raises(
        ConfigError, match=f"run {begun.id} must have the same settings on this host; got those of"
    ):
        settings_of(begun, load_study(COIN))


def test_hardware_is_of_the_kind_that_the_run_was_started_on(begun: RunFolder) -> None:
    assert hardware_flags(begun)["device"] == ["cpu"]
    sessions = begun.read(Provenance).sessions
    on_gpus = sessions[-1].model_copy(
        update={"devices": ("cuda:1", "cuda:2"), "batch": 64, "precision": "bf16"}
    )
    begun.write(Provenance(sessions=(*sessions, on_gpus)))
    assert hardware_flags(begun) == {"device": ["cuda"], "batch": 64, "precision": "bf16"}


def test_a_live_network_s_run_is_refused_where_the_network_is_not(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    torch = pytest.importorskip("torch")
    network = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(3 * 16 * 16, 1000))
    observer = live.register(network, name="mine", image_size=16)
    study = load_study("masking")
    config = study.Config.parse({"observer": observer.model_dump(mode="json")})
    run = open_run(study, config, tmp_path)
    run.create(config)
    live.forget(observer.digest)
    assert main(["work", run.id, "--out", str(tmp_path), "--workers", "1"]) == 2
    err = capsys.readouterr().err
    assert err.count("\n") == 1
    assert "must be of a network that this process holds" in err


# -- slurm -------------------------------------------------------------------------------------------------


@pytest.fixture
def blank(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> RunFolder:
    """A run in a folder whose name a shell would take for something else."""
    folder = tmp_path / "my $(touch x) 'runs' & more"
    folder.mkdir()
    monkeypatch.chdir(folder)
    config = CoinConfig(n_cells=2, coins={"n": 1})
    with pytest.raises(TimeUp):
        run_study(COIN, config, out=folder / "out put", execution=Execution(until=0.0))
    return open_run(COIN, config, folder / "out put")


def printed(capsys: pytest.CaptureFixture[str], run: RunFolder, *words: str) -> str:
    capsys.readouterr()
    code = main(["slurm", run.id[:6], "--out", str(run.root), "--study", COIN, *words])
    assert code == 0
    return capsys.readouterr().out


def test_a_script_for_slurm_says_what_each_task_gets(
    blank: RunFolder, capsys: pytest.CaptureFixture[str]
) -> None:
    script = printed(
        capsys, blank, "--array", "64", "--gpus", "2", "--time", "02:00:00", "--partition", "gpu,long"
    )
    lines = script.splitlines()
    assert lines[0] == "#!/bin/bash"
    assert [line.removeprefix("#SBATCH ") for line in lines if line.startswith("#SBATCH")] == [
        f"--job-name=cogattn-{blank.id}", "--array=0-63", "--time=02:00:00", "--cpus-per-task=2", "--gpus=2",
        "--partition=gpu,long", "--signal=B:TERM@60",
    ]  # fmt: skip
    words = shlex.split(lines[-1])
    assert words[:3] == ["exec", sys.executable, "-m"]
    assert words[words.index("--out") + 1] == str(blank.root)
    assert words[words.index("--until") + 1] == "6600s"
    assert words[words.index("--workers") + 1] == "2"


@pytest.mark.slow
def test_the_script_s_body_does_the_work(
    blank: RunFolder, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    path = tmp_path / "job.sh"
    path.write_text(printed(capsys, blank, "--array", "2"))
    assert subprocess.run(["bash", "-n", path]).returncode == 0
    environment = {**os.environ, "SLURM_ARRAY_TASK_ID": "1"}
    done = subprocess.run(
        ["bash", path], capture_output=True, text=True, env=environment, cwd="/", timeout=120
    )
    assert done.returncode == 0, done.stderr
    assert blank.finished
    assert not list(tmp_path.rglob("x"))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("90", 5400),
        ("30:00", 1800),
        ("01:02:03", 3723),
        ("1-12", 129_600),
        ("1-00:30", 88_200),
        ("2-01:00:05", 176_405),
    ],
)
def test_times_are_read_as_sbatch_reads_them(text: str, expected: int) -> None:
    assert slurm_seconds(text) == expected


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--array", "0"], "--array must be from 1 to 100000; got 0"),
        (["--array", "2", "--gpus", "-1"], "--gpus must be from 0 to 1024; got -1"),
        (["--array", "2", "--gpus", "4", "--workers", "2"], "--workers must be from 4 to 1024; got 2"),
        (["--array", "2", "--time", "00:02:00"], "--time must be more than 120 s; got 00:02:00"),
        (["--array", "2", "--time", "an hour"], "--time must be a time as sbatch takes it"),
        (["--array", "2", "--partition", "a b\n#SBATCH"], "--partition must be letters"),
    ],
)
def test_a_script_that_would_not_do_is_refused(
    blank: RunFolder, capsys: pytest.CaptureFixture[str], words: Sequence[str], sentence: str
) -> None:
    capsys.readouterr()
    assert main(["slurm", blank.id, "--out", str(blank.root), "--study", COIN, *words]) == 2
    out, err = capsys.readouterr()
    assert (out, sentence in err) == ("", True), err
