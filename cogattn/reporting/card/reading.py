"""A card as a store has it: for each study the run, its rows, where they are from, and what could not be used."""

from __future__ import annotations

import shlex
from dataclasses import dataclass, replace
from pathlib import Path

from cogattn.errors import StoreError
from cogattn.reporting.card.chosen import Chosen, choose, wanted_of
from cogattn.reporting.card.placed import corrected, rows_of
from cogattn.reporting.card.row import CardRow, JointRow, RunProvenance, SelfCheck
from cogattn.reporting.card.self_check import self_check
from cogattn.running.records import ConfigRecord, Provenance
from cogattn.running.store import RunFolder

OTHER_SETTINGS = "other settings than the card's"


@dataclass(frozen=True)
class Reading:
    """What `read` found: the parts of a card, see `cogattn.Card`."""

    rows: tuple[CardRow, ...]
    joint: tuple[JointRow, ...]
    check: tuple[SelfCheck, ...]
    provenance: tuple[RunProvenance, ...]
    problems: tuple[str, ...]


def read(model: str, *, out: Path, any_settings: bool = False) -> Reading:
    """Read the card of an observer from a store; nothing is computed but places among people.

    Parameters
    ----------
    model : str
        Name of the observer.
    out : Path
        Folder of runs; one that is not there holds none.
    any_settings : bool
        Where there is no run under the card's own settings, take the newest other one that holds the observer.

    Raises
    ------
    ConfigError, ObserverError
        If no study knows an observer of that name.
    """
    wanted, problems = wanted_of(model)
    rows: list[CardRow] = []
    joint: list[JointRow] = []
    provenance: list[RunProvenance] = []
    for one in wanted:
        chosen = choose(one, out.absolute(), any_settings=any_settings)
        problems += chosen.problems
        try:
            own, together = _rows(chosen, model)
            source = _provenance(chosen, model)
        except StoreError as error:
            problems.append(str(error))
            own, together, source = [_empty(Chosen(one), model)], [], None
        rows, joint = rows + own, joint + together
        provenance += [source] if source else []
    tested = corrected(rows)
    return Reading(tested, tuple(joint), self_check(tested), tuple(provenance), tuple(problems))


def _rows(chosen: Chosen, model: str) -> tuple[list[CardRow], list[JointRow]]:
    if chosen.run is None or chosen.config is None:
        return [_empty(chosen, model)], []
    study = chosen.wanted.study
    rows, joint = rows_of(study, chosen.config, chosen.run, chosen.wanted.observer)
    if not rows:
        run = f"{chosen.run.study}/{chosen.run.id}"
        note = "the run has none of the card's measures"
        return [CardRow(study=study.name, kind=study.kind, status="not run", run=run, note=note)], []
    said = "" if chosen.matches else OTHER_SETTINGS
    other = chosen.wanted.observer if chosen.wanted.observer != model else ""
    notes = (said, f"measured as {other}" if other else "")
    return [replace(row, note="; ".join(filter(None, (*notes, row.note)))) for row in rows], joint


def _empty(chosen: Chosen, model: str) -> CardRow:
    """The one row of a study that has no measure to show."""
    study = chosen.wanted.study
    if chosen.wanted.config is None:
        note = f"{study.name} does not apply to {model}"
        return CardRow(study=study.name, kind=study.kind, status="does not apply", note=note)
    note = (
        "; ".join(chosen.problems)
        or f"no run under the card's settings; cogattn card {shlex.quote(model)} --run"
    )
    return CardRow(study=study.name, kind=study.kind, status="not run", note=note)


def _provenance(chosen: Chosen, model: str) -> RunProvenance | None:
    run = chosen.run
    if run is None or chosen.config is None:
        return None
    sessions = (run.read(Provenance) or Provenance()).sessions
    return RunProvenance(
        study=run.study,
        run=f"{run.study}/{run.id}",
        settings=chosen.config.canonical(),
        matches=chosen.matches,
        command=_command(run) if not chosen.matches else f"cogattn card {shlex.quote(model)} --run",
        started=sessions[0].started if sessions else "",
        version=(sessions[-1].versions.get("cogattn") or "") if sessions else "",
        code=sessions[-1].code if sessions else "",
        remarks=run.remarks(),
    )


def _command(run: RunFolder) -> str:
    """What makes the run again, from its own record of settings."""
    config = run.path(ConfigRecord.file)
    place = config.relative_to(Path.cwd()) if config.is_relative_to(Path.cwd()) else config
    return f"cogattn {run.study} --config {shlex.quote(str(place))}"
