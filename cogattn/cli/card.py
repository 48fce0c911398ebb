"""``cogattn card``: one observer through all studies, placed among people measure by measure."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from cogattn.errors import ConfigError, RunFailed, StoreError

if TYPE_CHECKING:
    from cogattn.reporting.card.model import Card

RUNNING, PRINTED = "Running", "Output"


def _flag(name: str, group: str, text: str) -> Parameter:
    return Parameter(name=name, group=group, help=text, negative="", show_default=False)


def card(
    model: str,
    /,
    *,
    run: Annotated[
        bool, _flag("--run", RUNNING, "Run the studies that have no run under its settings.")
    ] = False,
    dry_run: Annotated[
        bool,
        _flag("--dry-run", RUNNING, "Check what --run would run, print its plan and compute nothing."),
    ] = False,
    any_settings: Annotated[
        bool,
        _flag(
            "--any-settings",
            PRINTED,
            "Where there is no run under the card's settings, take the observer's newest other one; its rows say so.",
        ),
    ] = False,
    json: Annotated[bool, _flag("--json", PRINTED, "Print JSON and nothing else.")] = False,
    html: Annotated[
        list[Path] | None,
        Parameter(
            name="--html",
            consume_multiple=True,
            negative="",
            group=PRINTED,
            show_default=False,
            metavar="FILE",
            help="Write a self-contained page and, beside it, a model hub's model-index; without FILE, print it.",
        ),
    ] = None,
    out: Annotated[Path, Parameter(name="--out", group=RUNNING, help="Folder of runs.")] = Path("runs"),
    workers: Annotated[
        int | None,
        Parameter(
            name="--workers",
            group=RUNNING,
            help="Processes, one thread each; 1 is this one. Default: one a processor, but one with a GPU.",
        ),
    ] = None,
) -> int:
    """Put one observer through all studies and place it among people, measure by measure.

    Read from the folder of runs; what is missing is said, or run with --run.

    Parameters
    ----------
    model
        A network of timm, module:factory, or a decoder of cogattn aad.
    """
    from cogattn.reporting.card.model import Card

    if json and html is not None:
        raise ConfigError("--json and --html must not be given together; got both")
    if html is not None and len(html) > 1:
        raise ConfigError(f"--html must name one file; got {len(html)}")
    if ":" in model:
        sys.path.insert(0, str(Path.cwd()))
    if dry_run:
        return _planned(model, out, workers)
    failures = _filled(model, out, workers) if run else {}
    found = Card.of(model, out=out, any_settings=any_settings)
    if json:
        print(found.json())
    elif html:
        _written(found, html[0])
    elif html is not None:
        print(found.to_html())
    else:
        print(found.text(max(60, min(120, shutil.get_terminal_size((80, 24)).columns))))
    if failures:
        raise RunFailed(failures)
    return 0


def _planned(model: str, out: Path, workers: int | None) -> int:
    from cogattn.reporting.card.filling import plans
    from cogattn.running.execute import Execution
    from cogattn.running.executors import checked_workers

    told, failures = plans(model, out=out, execution=Execution(checked_workers(workers)))
    if not told and not failures:
        print("0 cells to run: every study that applies has its run")
    print("\n\n".join(f"{study}\n{plan}" for study, plan in told.items()))
    if failures:
        raise RunFailed(dict(failures))
    return 0


def _filled(model: str, out: Path, workers: int | None) -> dict[str, str]:
    from cogattn.reporting.card.filling import fill
    from cogattn.running.execute import Execution
    from cogattn.running.executors import checked_workers

    argv = [Path(sys.argv[0]).name, *sys.argv[1:]]
    return dict(fill(model, out=out, execution=Execution(checked_workers(workers)), argv=argv))


def _written(card: Card, page: Path) -> None:
    """Write the page and, beside it, the head of a README.md for a model hub."""
    from cogattn.reporting.card.model_index import front_matter

    fragment = page.with_suffix(".model-index.md")
    try:
        page.write_text(card.to_html(), encoding="utf-8")
        fragment.write_text(front_matter(card), encoding="utf-8")
    except OSError as error:
        raise StoreError(f"--html must be a writable file; got {error.strerror} ({page})") from error
    print(f"written: {page}\nwritten: {fragment}")
