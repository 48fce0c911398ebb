"""The command of each study, and ``cogattn demo``, which runs all of them small."""

from __future__ import annotations

import importlib
import inspect
import shutil
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import redirect_stdout
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, cast

from cyclopts import App, Parameter

from cogattn.cli.flags import flag_parameters, nested, seconds
from cogattn.config import StudyConfig, merge, read_settings
from cogattn.errors import CogattnError, ConfigError, LeftOut, RunFailed, Terminated
from cogattn.registry import load_study, study_entry_points
from cogattn.reporting.plan import checked_plan
from cogattn.reporting.progress import progress_bar
from cogattn.reporting.tables import rows_json, summary_text
from cogattn.running.engines import POOL, checked_engine
from cogattn.running.execute import Execution, checked_shelf, open_run, run_study, withheld_remarks
from cogattn.running.executors import checked_workers
from cogattn.running.hardware import checked_hardware
from cogattn.running.identity import make_plan
from cogattn.running.partaking import partaking
from cogattn.running.store import FIGURES, RunFolder
from cogattn.study import Study

RUNNING = "Running"
Start = Callable[..., RunFolder]
"""`run_study`, or what takes the same."""


def _option(name: str, text: str, *, flag: bool = False) -> Parameter:
    if flag:
        return Parameter(name=name, group=RUNNING, help=text, negative="", show_default=False)
    return Parameter(name=name, group=RUNNING, help=text)


Config = Annotated[
    Path | None, _option("--config", "TOML file of settings, or a run's config.json; flags come on top.")
]
Out = Annotated[Path, _option("--out", "Folder of runs.")]
Workers = Annotated[
    int | None,
    _option(
        "--workers",
        "Processes, one thread each; 1 is this one. Default: one a processor, but one with a GPU.",
    ),
]
AsJson = Annotated[bool, _option("--json", "Print the summary rows as JSON and nothing else.", flag=True)]
DryRun = Annotated[
    bool, _option("--dry-run", "Check the settings, print the plan and compute nothing.", flag=True)
]
Mix = Annotated[
    bool,
    _option("--mix", "Take stored cells that other library versions or hardware have made.", flag=True),
]
Code = Annotated[
    str, _option("--code", "Take stored cells that this other code has made: the start of its digest.")
]
Device = Annotated[
    list[str] | None,
    Parameter(
        name="--device",
        group=RUNNING,
        consume_multiple=True,
        negative="",
        help="What networks compute on: auto (a GPU where there is one), cpu, cuda, cuda:1, mps; several GPUs, "
        "cuda:0 cuda:1, take cells by turns.",
    ),
]
Batch = Annotated[
    int | None, _option("--batch", "Images that a network takes at once. Default: 4 on a CPU, 256 on a GPU.")
]
Precision = Annotated[
    str | None, _option("--precision", "Of networks' layers: fp32 (default), tf32, bf16 or fp16.")
]
Loaders = Annotated[
    int | None,
    _option(
        "--loaders",
        "Threads that load images and make stimuli ahead of a network. Default: 1 on a CPU, up to 8 a GPU.",
    ),
]
ShelfGb = Annotated[
    float | None,
    _option(
        "--shelf-gb",
        "Most disk for stimuli that several observers share, in gigabytes; 0 keeps none. Default: 8 where a run "
        "has several.",
    ),
]
KeepGoing = Annotated[
    bool,
    _option(
        "--keep-going",
        "Leave out observers that cannot take part, run the others, and exit with 1.",
        flag=True,
    ),
]
Timeout = Annotated[float | None, _option("--cell-timeout", "Longest time for one cell, in seconds.")]
Memory = Annotated[int | None, _option("--cell-memory", "Most memory for one cell, in megabytes.")]
Until = Annotated[
    str,
    _option(
        "--until",
        "Begin no cell after so long, as 55m or 3h, and exit with 75 if some are left; 0s makes the run for others "
        "to work on.",
    ),
]

ExecutorName = Annotated[
    str | None,
    _option(
        "--executor",
        "Where cells run: pool (default: processes of this machine), dask, or an executor that an installed package "
        "announces.",
    ),
]
Scheduler = Annotated[
    str | None,
    _option("--scheduler", "With --executor dask: address of a Dask scheduler, as tcp://host:8786."),
]
Cluster = Annotated[
    str | None,
    _option(
        "--cluster",
        "With --executor dask: start a cluster for this run: local, or slurm as Dask's jobqueue.yaml says.",
    ),
]


def execution_of(
    *,
    workers: Workers = None,
    mix: Mix = False,
    code: Code = "",
    cell_timeout: Timeout = None,
    cell_memory: Memory = None,
    until: Until = "",
    device: Device = None,
    batch: Batch = None,
    precision: Precision = None,
    loaders: Loaders = None,
    shelf_gb: ShelfGb = None,
    executor: ExecutorName = None,
    scheduler: Scheduler = None,
    cluster: Cluster = None,
) -> Execution:
    """Return the execution that flags ask for: these parameters are flags of every command that computes cells."""
    elsewhere = executor not in (None, POOL)
    hardware = checked_hardware(
        device, batch=batch, precision=precision, loaders=loaders, elsewhere=elsewhere
    )
    n = checked_workers(workers, hardware) if workers is not None or cluster is not None else None
    return Execution(
        engine=checked_engine(executor, scheduler=scheduler, cluster=cluster, workers=n, hardware=hardware),
        workers=checked_workers(workers, hardware),
        mix=mix,
        code=code,
        cell_timeout_s=_above_zero("--cell-timeout", cell_timeout),
        cell_memory_mb=cell_memory,
        until=time.monotonic() + seconds(until, flag="--until") if until else None,
        hardware=hardware,
        shelf_gb=checked_shelf(shelf_gb),
    )


def parameters_of(function: Callable[..., object]) -> list[inspect.Parameter]:
    """Return a function's own parameters, annotations evaluated, without ``**flags``."""
    found = inspect.signature(function, eval_str=True).parameters.values()
    return [one for one in found if one.kind is not inspect.Parameter.VAR_KEYWORD]


def execution_and_rest(flags: Mapping[str, object]) -> tuple[Execution, dict[str, object]]:
    """Return the execution that some of the flags ask for, and the other flags."""
    names = [one.name for one in parameters_of(execution_of)]
    asked = {name: value for name, value in flags.items() if name in names}
    make = cast("Callable[..., Execution]", execution_of)
    return make(**asked), {name: value for name, value in flags.items() if name not in names}


def with_flags(run: Callable[..., int], parameters: Sequence[inspect.Parameter]) -> Callable[..., int]:
    """Give a command that takes ``**flags`` the parameters that cyclopts is to see for them."""
    setattr(run, "__signature__", inspect.Signature(parameters))  # noqa: B010 - a function's type has no such field
    run.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    return run


def app(name: str) -> App:
    """Return the study's command, with those that the study adds below it (`Study.commands`)."""
    study = load_study(name)
    whole = App(name=name, default_command=command(name), help=inspect.getdoc(type(study)), version_flags=())
    for word, place in study.commands.items():
        module, _, function = place.partition(":")
        whole.command(getattr(importlib.import_module(module), function), name=word)
    return whole


def command(name: str) -> Callable[..., int]:
    """Return the command of the study registered as `name`, with a flag for each of its settings."""
    study = load_study(name)

    def run(
        *,
        config: Config = None,
        out: Out = Path("runs"),
        json: AsJson = False,
        dry_run: DryRun = False,
        keep_going: KeepGoing = False,
        **flags: object,
    ) -> int:
        execution, own = execution_and_rest(flags)
        settings = study.Config.parse(merge(read_settings(config) if config else {}, nested(own)))
        left_out: dict[str, str] = {}
        if keep_going:
            settings, left_out = partaking(study, settings)
        if dry_run:
            return _print_plan(study, settings, out, execution, left_out)
        return run_and_print(study, settings, out=out, execution=execution, as_json=json, left_out=left_out)

    run.__doc__ = inspect.getdoc(type(study))
    return with_flags(
        run, [*parameters_of(run), *parameters_of(execution_of), *flag_parameters(study.Config)]
    )


def listing(name: str) -> Callable[[], int]:
    """Return a stand-in for a study that this call of the program does not run: its line in the help."""

    def stand_in() -> int:
        raise AssertionError(f"{name} was not the command")

    try:
        stand_in.__doc__ = (inspect.getdoc(type(load_study(name))) or "").partition("\n")[0]
    except CogattnError as error:
        stand_in.__doc__ = f"Not available: {error}"
    return stand_in


def demo(*, out: Out = Path("runs"), workers: Workers = None, json: AsJson = False) -> int:
    """Run every study small, on its offline defaults; print a table for each, and write a report of all of them."""
    import pandas as pd

    summaries, failures, done = [], {}, []
    for name in study_entry_points():
        try:
            study = load_study(name)
            run = _run(study, study.demo(), out=out, execution=Execution(checked_workers(workers)))
        except CogattnError as error:
            failures[name] = str(error)
            continue
        done.append(run)
        summary = run.summary()
        if json:
            summaries.append(summary.assign(study=name))
        else:
            title = f"{name}: {_purpose(study)}"
            print(summary_text(summary, run.remarks(), place=run.place(), title=title, width=_width()))
            print()
    if json:
        print(rows_json(pd.concat(summaries, ignore_index=True) if summaries else pd.DataFrame()))
    elif done:
        _tell_of_the_demo(done, out)
    if failures:
        raise RunFailed(failures)
    return 0


def _tell_of_the_demo(runs: Sequence[RunFolder], out: Path) -> None:
    """Name the folders of figures, and write the report of these runs, with the card of whom most of them hold."""
    from cogattn.cli.report import PAGE, written
    from cogattn.reporting.report.model import Report, most_present

    print("figures:")
    for run in runs:
        print(f"  {near(run.folder / FIGURES)}")
    page = written(Report.of(most_present(runs), out=out, runs=runs), out / PAGE)
    print(f"report, for a browser: {near(page)}")


def near(folder: Path) -> Path:
    """Return the path from the current folder where it is below, else as it is."""
    return folder.relative_to(Path.cwd()) if folder.is_relative_to(Path.cwd()) else folder


def _purpose(study: Study) -> str:
    return (inspect.getdoc(type(study)) or "").partition("\n")[0].rstrip(".")


def _width() -> int:
    return max(60, min(120, shutil.get_terminal_size((80, 24)).columns))


def _above_zero(flag: str, value: float | None) -> float | None:
    if value is not None and not value > 0:
        raise ConfigError(f"{flag} must be above 0; got {value:g}")
    return value


def _print_plan(
    study: Study, config: StudyConfig, out: Path, execution: Execution, left_out: dict[str, str]
) -> int:
    print(checked_plan(study, config, out, execution))
    if left_out:
        raise LeftOut(left_out)
    return 0


def run_and_print(
    study: Study,
    config: StudyConfig,
    *,
    out: Path,
    execution: Execution,
    as_json: bool,
    left_out: Mapping[str, str] = MappingProxyType({}),
    start: Start = run_study,
) -> int:
    """Have a run computed by `start`, and print its tables; what went wrong is raised after that."""
    failure: RunFailed | None = None
    try:
        run = _run(study, config, out=out, execution=execution, start=start)
    except KeyboardInterrupt as interrupt:
        raise type(interrupt)(_stored_so_far(interrupt, study, config, out, execution)) from None
    except RunFailed as error:
        failure, run = error, open_run(study, config, out)
        if not run.finished:
            raise
    if as_json:
        print(rows_json(run.summary()))
    else:
        remarks = (*withheld_remarks(left_out), *run.remarks())
        print(summary_text(run.summary(), remarks, place=run.place(), width=_width()))
        print(f"run: {near(run.folder)}")
    if left_out:
        raise LeftOut(dict(left_out), failure.failures if failure else None)
    if failure is not None:
        raise failure
    return 0


def _run(
    study: Study, config: StudyConfig, *, out: Path, execution: Execution, start: Start = run_study
) -> RunFolder:
    """Run a study with a progress bar on stderr, where everything goes that a study prints."""
    argv = [Path(sys.argv[0]).name, *sys.argv[1:]]
    with redirect_stdout(sys.stderr), progress_bar(study.name) as on_progress:
        return start(study, config, out=out, execution=execution, argv=argv, on_progress=on_progress)


def _stored_so_far(
    interrupt: KeyboardInterrupt, study: Study, config: StudyConfig, out: Path, execution: Execution
) -> str:
    run = open_run(study, config, out)
    names = [planned.name for planned in make_plan(study, config, execution.hardware).cells]
    stored = sum(map(run.cells.has, names))
    word = "terminated" if isinstance(interrupt, Terminated) else "interrupted"
    return (
        f"{word}; {stored} of {len(names)} cells are stored and the same command resumes ({near(run.folder)})"
    )
