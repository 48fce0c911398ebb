"""The command of each study, and ``cogattn demo``, which runs all of them small."""

from __future__ import annotations

import inspect
import sys
import tempfile
from collections.abc import Callable, Generator
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from cogattn.cli.flags import flag_parameters, nested
from cogattn.config import StudyConfig, merge, read_toml
from cogattn.errors import CogattnError, ConfigError, RunFailed
from cogattn.registry import load_study, study_entry_points
from cogattn.reporting.tables import rows_json, summary_text
from cogattn.running.execute import OnProgress, Progress, open_run, plan, run_study
from cogattn.running.executors import default_workers
from cogattn.running.store import Run
from cogattn.study import Study

RUNNING = "Running"
Config = Annotated[
    Path | None, Parameter(name="--config", group=RUNNING, help="TOML file of settings; flags come on top.")
]
Out = Annotated[Path, Parameter(name="--out", group=RUNNING, help="Folder of runs.")]
Workers = Annotated[
    int | None,
    Parameter(
        name="--workers",
        group=RUNNING,
        help="Processes, one thread each; 1 is this one. Default: one a processor, but one with a GPU.",
    ),
]
AsJson = Annotated[
    bool,
    Parameter(
        name="--json",
        negative="",
        show_default=False,
        group=RUNNING,
        help="Print the summary rows as JSON and nothing else.",
    ),
]
Mix = Annotated[
    bool,
    Parameter(
        name="--mix",
        negative="",
        show_default=False,
        group=RUNNING,
        help="Resume a run begun by another version of cogattn or torch.",
    ),
]


def command(name: str) -> Callable[..., int]:
    """Return the command of the study registered as `name`, with a flag for each of its settings."""
    study = load_study(name)

    def run(
        *,
        config: Config = None,
        out: Out = Path("runs"),
        workers: Workers = None,
        json: AsJson = False,
        mix: Mix = False,
        **flags: object,
    ) -> int:
        values = merge(read_toml(config) if config else {}, nested(flags))
        settings = study.Config.parse(values)
        return _run_and_print(name, settings, out=out, workers=_checked(workers), as_json=json, mix=mix)

    *house, _ = inspect.signature(run, eval_str=True).parameters.values()
    parameters = [*house, *flag_parameters(study.Config)]
    setattr(run, "__signature__", inspect.Signature(parameters))  # noqa: B010 - a function's type has no such field
    run.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    run.__doc__ = inspect.getdoc(type(study))
    return run


def listing(name: str) -> Callable[[], int]:
    """Return a stand-in for a study that this call of the program does not run: its line in the help."""

    def stand_in() -> int:
        raise AssertionError(f"{name} was not the command")

    try:
        stand_in.__doc__ = (inspect.getdoc(type(load_study(name))) or "").partition("\n")[0]
    except CogattnError as error:
        stand_in.__doc__ = f"Not available: {error}"
    return stand_in


def demo(*, out: Out | None = None, workers: Workers = None, json: AsJson = False) -> int:
    """Run every study small, on its offline defaults, and print one table."""
    import pandas as pd

    summaries, failures = [], {}
    with _folder(out) as folder:
        for name in study_entry_points():
            try:
                config = load_study(name).demo()
                run = _run(name, config, out=folder, workers=_checked(workers))
                summary = run.summary()
                summary.insert(0, "study", name)
                summaries.append(summary)
            except (CogattnError, RunFailed) as error:
                failures[name] = str(error)
    table = pd.concat(summaries, ignore_index=True) if summaries else pd.DataFrame()
    if json:
        print(rows_json(table))
    elif len(table):
        print(summary_text(table))
        print(f"runs: {out}" if out else "pass --out FOLDER to keep the runs")
    if failures:
        raise RunFailed(failures)
    return 0


def _run_and_print(
    name: str, config: StudyConfig, *, out: Path, workers: int, as_json: bool, mix: bool
) -> int:
    try:
        run = _run(name, config, out=out, workers=workers, mix=mix)
    except KeyboardInterrupt:
        raise KeyboardInterrupt(_stored_so_far(load_study(name), name, config, out)) from None
    if as_json:
        print(rows_json(run.summary()))
        return 0
    print(summary_text(run.summary(), run.remarks()))
    print(f"run: {_near(run.folder)}")
    return 0


def _run(name: str, config: StudyConfig, *, out: Path, workers: int, mix: bool = False) -> Run:
    """Run a study with a progress bar on stderr, where everything goes that a study prints."""
    argv = [Path(sys.argv[0]).name, *sys.argv[1:]]
    with redirect_stdout(sys.stderr), _progress_bar(name) as on_progress:
        run, _ = run_study(
            name, config, out=out, workers=workers, mix=mix, argv=argv, on_progress=on_progress
        )
    return run


@contextmanager
def _progress_bar(name: str) -> Generator[OnProgress]:
    from tqdm import tqdm

    bars: list[tqdm] = []

    def tell(progress: Progress) -> None:
        done = progress.stored + progress.failed
        if not bars:
            bars.append(tqdm(total=progress.total, initial=done, desc=name, unit="cell", disable=None))
        bars[0].set_postfix_str(progress.label, refresh=False)
        bars[0].update(done - bars[0].n)

    try:
        yield tell
    finally:
        for bar in bars:
            bar.close()


@contextmanager
def _folder(out: Path | None) -> Generator[Path]:
    if out is not None:
        yield out
        return
    with tempfile.TemporaryDirectory(prefix="cogattn-demo-") as folder:
        yield Path(folder)


def _stored_so_far(study: Study, name: str, config: StudyConfig, out: Path) -> str:
    keys = [cell.key for cell in plan(study, config)]
    run = open_run(name, config, out)
    stored = sum(map(run.has_cell, keys))
    place = _near(run.folder)
    return f"interrupted; {stored} of {len(keys)} cells are stored and the same command resumes ({place})"


def _checked(workers: int | None) -> int:
    if workers is not None and not 1 <= workers <= 1024:
        raise ConfigError(f"--workers must be from 1 to 1024; got {workers}")
    return workers or default_workers()


def _near(folder: Path) -> Path:
    """The path from the current folder where it is below, else as it is."""
    return folder.relative_to(Path.cwd()) if folder.is_relative_to(Path.cwd()) else folder
