"""``cogattn aad benchmark``: the frozen benchmark table."""

from __future__ import annotations

import sys
import textwrap
from collections.abc import Iterator, Sequence
from contextlib import redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter

from cogattn.eeg.datasets import BENCHMARK

if TYPE_CHECKING:
    from cogattn.eeg.aad.benchmark import Outcome

SHOWN_S = (1.0, 5.0, 10.0, 30.0, 40.0, 60.0)
"""Windows of the printed table; the CSV holds all."""
NOT_COMPARABLE = {
    "simulated": "Simulated listeners: no published number is comparable; they say whether decoders work.",
    "av-gc-aad": "No published means on this data set ship with cogattn.",
}


def benchmark(
    *,
    only: Annotated[tuple[str, ...], Parameter(negative="", show_default=False)] = (),
    validation: Literal["trial", "subject"] = "trial",
    version: str = BENCHMARK,
    out: Path = Path("runs"),
    workers: int | None = None,
    csv: Path | None = None,
    json: Annotated[bool, Parameter(negative="", show_default=False)] = False,
) -> int:
    """Run the frozen settings on every data set in place, and print one table beside published numbers.

    Simulated listeners always take part unless others are named, so that it runs without any data. Runs are kept in
    the store as any other; a finished one is not computed again.

    Parameters
    ----------
    only
        Data sets, as ``cogattn data list`` shows them, or ``simulated``; all that are in place when empty.
    validation
        ``trial``: decoders of the listener's other trials; ``subject``: of other listeners.
    version
        Of the frozen settings.
    out
        Folder of runs.
    workers
        Processes, one thread each.
    csv
        Write all rows here as well.
    json
        Print all rows as JSON and nothing else.
    """
    from cogattn.eeg.aad.benchmark import entries, run_entries
    from cogattn.eeg.aad.config import AadConfig
    from cogattn.eeg.aad.study import AadStudy
    from cogattn.reporting.progress import progress_bar
    from cogattn.reporting.tables import rows_json
    from cogattn.running.digests import cache_folder
    from cogattn.running.execute import Execution, run_study
    from cogattn.running.executors import checked_workers
    from cogattn.running.store import RunFolder

    found, missing = entries(only, cache_folder(), version=version, validation=validation)

    def run(config: AadConfig) -> RunFolder:
        execution = Execution(checked_workers(workers))
        argv = [Path(sys.argv[0]).name, *sys.argv[1:]]
        with redirect_stdout(sys.stderr), progress_bar("aad") as on_progress:
            return run_study(
                AadStudy(), config, out=out, execution=execution, argv=argv, on_progress=on_progress
            )

    outcome = run_entries(found, run)
    if csv is not None:
        outcome.table.to_csv(csv, index=False)
    if json:
        text = rows_json(outcome.table)
    else:
        trained = "the listener's other trials" if validation == "trial" else "other listeners"
        title = f"cogattn aad benchmark {version}: decoders of {trained}"
        text = "\n".join([title, *_lines(outcome, missing)])
    if json or outcome.remarks:
        sys.stdout.write(text + "\n")
    for sentence in outcome.failed:
        sys.stderr.write(f"failed: {sentence}\n")
    return 1 if outcome.failed else 0


def _lines(outcome: Outcome, missing: Sequence[str]) -> Iterator[str]:
    """The table, and below it what a reader must know."""
    from cogattn.eeg.aad.benchmark import wide
    from cogattn.reporting.tables import aligned

    table = outcome.table
    windows_s = [w for w in SHOWN_S if f"accuracy.{w:g}s" in set(table["measure"])]
    header = ("data set", "decoder", "whose", "n", *(f"{w:g} s" for w in windows_s), "MESD, s")
    yield "accuracy in % with 95 % interval over n listeners\n"
    yield aligned(header, wide(table, windows_s))
    for line in _below(outcome, missing):
        yield textwrap.fill(line, 100, initial_indent="* ", subsequent_indent="  ")
    for name, folder in outcome.folders.items():
        yield f"run of {name}: {folder}"


def _below(outcome: Outcome, missing: Sequence[str]) -> list[str]:
    """What a reader must know: how published numbers differ, each run's remarks, what was left out."""
    table, remarks = outcome.table, outcome.remarks
    lines = [NOT_COMPARABLE[name] for name in remarks if name in NOT_COMPARABLE]
    published = table[table["whose"] == "published"]
    for (name, note), own in published.groupby(["data_set", "note"], sort=False):
        decoders = ", ".join(dict.fromkeys(own["decoder"]))
        lines.append(f"{name}, published {decoders}: not like for like: {note}")
    lines += [f"{name}: {remark}" for name, said in remarks.items() for remark in said]
    return [*lines, *(f"left out: {sentence}" for sentence in missing)]
