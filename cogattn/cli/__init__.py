"""The command line: a command for each registered study, made from its settings, and a few more.

Exit codes: 0 done; 1 cells failed, or a run's files cannot be used; 2 wrong input; 75 the time of ``--until`` is up
and cells are left; 130 interrupted; 143 terminated. What goes wrong is one sentence on stderr. No module here
imports torch, so that help answers at once.
"""

from __future__ import annotations

import errno
import logging
import os
import sys
from collections.abc import Sequence

from cyclopts import App, CycloptsError, UnusedCliTokensError

from cogattn import __version__
from cogattn.cli import card, compare, data, models, report, runs, studies, sweep, work
from cogattn.errors import CogattnError, RunFailed, StoreError, Terminated, TimeUp
from cogattn.registry import command_entry_points, study_entry_points
from cogattn.reporting.tables import printable
from cogattn.running.executors import keep_freed_memory

HOUSE_COMMANDS = (
    "demo",
    "sweep",
    "runs",
    "compare",
    "models",
    "data",
    "card",
    "report",
    "work",
    "slurm",
    "dashboard",
)
COMPLETION = "--install-completion"
TIME_IS_UP = 75
"""Exit code where cells are left: what sysexits.h calls a failure for the time being, to be tried again."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code.

    Parameters
    ----------
    argv : sequence of str, optional
        The words after ``cogattn``; those of this process by default.
    """
    argv = list(sys.argv[1:] if argv is None else argv)
    logging.basicConfig(level=logging.WARNING, format="cogattn: %(message)s", stream=sys.stderr)
    keep_freed_memory()
    try:
        code = build_app(argv)(argv) or 0
        sys.stdout.flush()
        return code
    except Terminated as interrupt:
        return _complain(str(interrupt) or "terminated", 143)
    except KeyboardInterrupt as interrupt:
        return _complain(str(interrupt) or "interrupted", 130)
    except UnusedCliTokensError as error:
        return _complain(f"{argv[0]} takes flags only; got {' '.join(error.unused_tokens or ())[:80]!r}", 2)
    except CycloptsError as error:
        return _complain(" ".join(str(error).split()), 2)
    except (RunFailed, StoreError) as error:
        return _complain(str(error), 1)
    except TimeUp as error:
        return _complain(str(error), TIME_IS_UP)
    except CogattnError as error:
        return _complain(str(error), 2)
    except BrokenPipeError:  # the reader of a pipe has gone, as `| head` does
        return _without_stdout(1)
    except MemoryError:
        return _complain("there must be enough memory; got none left; fewer --workers need less", 1)
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EIO):
            raise
        _without_stdout(1)
        return _complain(f"the output must be writable; got {error.strerror}", 1)


def _without_stdout(code: int) -> int:
    """Point stdout at nothing, so that Python's own flush at exit does not fail again."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return code


def build_app(argv: Sequence[str]) -> App:
    """Return the application; of the studies, only the one that `argv` names becomes a full command.

    All of them do where completion is installed, whose script knows every flag and runs nothing of ours.
    A first word ``module:attribute`` names a study that is not installed, found from the current folder.
    """
    app = App(
        name="cogattn",
        help="Put models and people through the same study and say, with intervals, how alike they are.",
        version=f"cogattn {__version__}",
        help_format="plaintext",
        result_action="return_value",
        exit_on_error=False,
        print_error=False,
        suppress_keyboard_interrupt=False,
    )
    chosen = argv[0] if argv else ""
    if ":" in chosen:
        sys.path.insert(0, os.getcwd())
        app.command(studies.app(chosen))
    for name in study_entry_points() if chosen not in HOUSE_COMMANDS else ():
        if chosen in (name, COMPLETION):
            app.command(studies.app(name))
        else:
            app.command(studies.listing(name), name=name)
    app.command(studies.demo, name="demo")
    app.command(sweep.command(), name="sweep")
    app.command(runs.app)
    app.command(compare.compare, name="compare")
    app.command(card.card, name="card")
    app.command(report.report, name="report")
    app.command(models.app)
    app.command(work.work, name="work")
    app.command(work.slurm, name="slurm")
    app.command(data.app)
    for name, entry in command_entry_points().items():
        app.command(entry.load(), name=name)
    app.register_install_completion_command(COMPLETION, help="Install tab completion for bash, zsh or fish.")
    return app


def _complain(sentence: str, code: int) -> int:
    print(f"cogattn: {printable(sentence)}", file=sys.stderr)
    return code
