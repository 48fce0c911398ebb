"""What a list of runs says of each: how far it is, whose numbers it holds, in which settings it differs from others."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from pydantic import JsonValue

from cogattn.errors import ConfigError, StoreError
from cogattn.running.catalogue import list_runs
from cogattn.running.records import CellList, ConfigRecord, Provenance, Session
from cogattn.running.store import TABLES, RunFolder

State = Literal["finished", "unfinished", "damaged"]
PEOPLE_ROLE = "person"


@dataclass(frozen=True, eq=False)
class Survey:
    """One run of a list.

    Parameters
    ----------
    run : RunFolder
        Which.
    state : {"finished", "unfinished", "damaged"}
        Whether it has tables and figures, or a record that cannot be read.
    how_far : str
        The same in words: ``finished without resnet50``, ``7 of 8 cells``.
    observers : tuple of str
        Whose rows its summary has; of an unfinished run, whose cells it lists.
    settings : mapping of str to value
        By dotted path.
    sessions : tuple of Session
        Starts that computed something.
    """

    run: RunFolder
    state: State
    how_far: str
    observers: tuple[str, ...] = ()
    settings: Mapping[str, JsonValue] = field(default_factory=dict)
    sessions: tuple[Session, ...] = ()

    @property
    def started(self) -> str:
        """When it was first started, ISO 8601 in UTC; empty where that is not recorded."""
        return self.sessions[0].started if self.sessions else ""

    @property
    def version(self) -> str:
        """Of cogattn, when it was last started; empty where that is not recorded."""
        return (self.sessions[-1].versions.get("cogattn") or "") if self.sessions else ""


@dataclass(frozen=True)
class Filters:
    """Which runs to list; what is empty lets all pass.

    Parameters
    ----------
    study : str
        Name of the study.
    observer : str
        Part of an observer's id, in whatever case.
    since : str
        ISO date, or date and time, from which on it was started; UTC unless it says otherwise.
    state : str
        See `Survey`.
    where : sequence of str
        ``path=value``, all of which must hold; of a list of values, one that it holds.
    """

    study: str = ""
    observer: str = ""
    since: str = ""
    state: State | Literal[""] = ""
    where: Sequence[str] = ()


def survey(run: RunFolder) -> Survey:
    """Read what a list says of one run."""
    try:
        state, how_far = state_of(run)
        if state == "damaged":
            return Survey(run, state, how_far)
        config = run.read(ConfigRecord)
        settings = dict(_flat(config.config)) if config else {}
        sessions = (run.read(Provenance) or Provenance()).sessions
        return Survey(run, state, how_far, _observers(run), settings, sessions)
    except StoreError:
        return Survey(run, "damaged", "damaged")


def surveys(root: Path, filters: Filters = Filters()) -> list[Survey]:
    """Return the runs of a store that pass, by study and id.

    Raises
    ------
    ConfigError
        If a filter cannot be read, or names a setting that no run of the store has.
    """
    return passing([survey(run) for run in list_runs(root) if filters.study in ("", run.study)], filters)


def passing(listed: Sequence[Survey], filters: Filters) -> list[Survey]:
    """Return those of the runs that pass; raise ConfigError as `surveys` does."""
    since = _moment(filters.since) if filters.since else None
    wanted = [_path_and_value(text) for text in filters.where]
    found = [one for one in listed if filters.study in ("", one.run.study)]
    for path, _ in wanted:
        if found and not any(path in one.settings for one in found):
            raise ConfigError(f"--where must name a setting of a listed run; got {path[:80]!r}")
    return [one for one in found if _passes(one, filters, since, wanted)]


def differing(listed: Sequence[Survey]) -> list[dict[str, JsonValue]]:
    """Return, for each run, those of its settings that are not the same in all listed runs of its study."""
    common: dict[str, dict[str, JsonValue]] = {}
    for one in listed:
        if one.settings:
            same = common.setdefault(one.run.study, dict(one.settings))
            for path in [path for path, value in same.items() if _differs(one.settings, path, value)]:
                del same[path]
    return [
        {path: value for path, value in one.settings.items() if path not in common.get(one.run.study, {})}
        for one in listed
    ]


def _differs(settings: Mapping[str, JsonValue], path: str, value: JsonValue) -> bool:
    return path not in settings or settings[path] != value


def state_of(run: RunFolder) -> tuple[State, str]:
    """Return how far a run is, as a word and in words."""
    try:
        if run.finished:
            withheld = run.manifest().withheld
            return "finished", f"finished without {', '.join(withheld)}" if withheld else "finished"
        cells = run.read(CellList)
        stored = sum(run.cells.has(cell.name) for cell in cells.cells) if cells else 0
    except StoreError:
        return "damaged", "damaged"
    return "unfinished", f"{stored} of {len(cells.cells) if cells else '?'} cells"


def short(value: JsonValue) -> str:
    """Return a setting's value as a reader would type it."""
    if isinstance(value, list):
        return ",".join(map(short, value))
    if value is None or isinstance(value, bool):
        return str(value).lower()
    return f"{value:g}" if isinstance(value, float) else str(value)


def _observers(run: RunFolder) -> tuple[str, ...]:
    if not run.finished:
        cells = run.read(CellList)
        return tuple(dict.fromkeys(cell.observer for cell in cells.cells)) if cells else ()
    text = run.listed_bytes(f"{TABLES}/summary.csv").decode()
    rows = list(csv.DictReader(io.StringIO(text, newline="")))
    own = [row for row in rows if row.get("role") != PEOPLE_ROLE] or rows
    return tuple(dict.fromkeys(row.get("observer", "") for row in own))


def _flat(values: Mapping[str, JsonValue], group: str = "") -> Iterator[tuple[str, JsonValue]]:
    for name, value in values.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{group}{name}.")
        else:
            yield f"{group}{name}", value


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise ConfigError(f"--since must be a date such as 2026-05-31; got {text[:80]!r}") from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _path_and_value(text: str) -> tuple[str, str]:
    path, equals, value = text.partition("=")
    if not (path and equals):
        raise ConfigError(f"--where must be setting=value; got {text[:80]!r}")
    return path.replace("-", "_"), value


def _passes(one: Survey, filters: Filters, since: datetime | None, wanted: Sequence[tuple[str, str]]) -> bool:
    part = filters.observer.casefold()
    return (
        filters.state in ("", one.state)
        and (not part or any(part in name.casefold() for name in one.observers))
        and (since is None or (bool(one.started) and _moment(one.started) >= since))
        and all(path in one.settings and _is(one.settings[path], value) for path, value in wanted)
    )


def _is(value: JsonValue, text: str) -> bool:
    """Whether a setting is what somebody typed."""
    if short(value) == text or (isinstance(value, list) and any(_is(item, text) for item in value)):
        return True
    if isinstance(value, int | float) and not isinstance(value, bool):
        try:
            return float(text) == value
        except ValueError:
            return False
    return False
