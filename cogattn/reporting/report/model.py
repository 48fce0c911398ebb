"""The report: an observer's card and each of its finished runs, read from a store; nothing is computed but places.

A report is complete in itself, figures included: its page is made of it and of nothing else.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from pydantic import JsonValue

from cogattn.errors import CogattnError, ConfigError, StoreError
from cogattn.reporting.card.model import Card
from cogattn.reporting.report.reading import Missing, RunReport, missing, run_report
from cogattn.running.listing import Survey, survey, surveys
from cogattn.running.store import RunFolder


@dataclass(frozen=True, kw_only=True)
class Report:
    """One observer's card, and its runs.

    Parameters
    ----------
    observer : str
        Name under which it was asked for.
    made : str
        When, ISO 8601 in UTC.
    card : Card or None
        None where no study knows an observer of that name.
    runs : tuple of RunReport
        Its finished runs, by study and start.
    missing : tuple of Missing
        Studies without one.
    problems : tuple of str
        Runs that could not be used, one sentence each.
    """

    observer: str
    made: str
    card: Card | None
    runs: tuple[RunReport, ...]
    missing: tuple[Missing, ...] = ()
    problems: tuple[str, ...] = ()

    @classmethod
    def of(
        cls, observer: str, *, out: str | Path = "runs", runs: Sequence[RunFolder] | None = None
    ) -> Report:
        """Read a report from a store.

        Parameters
        ----------
        observer : str
            A network of timm, ``module:factory``, a decoder, or whoever has rows in a run of the store.
        out : str or Path
            Folder of runs.
        runs : sequence of RunFolder, optional
            Which runs to tell of. Default: those that hold the observer.

        Raises
        ------
        ConfigError
            If no study knows an observer of that name and no run holds it.
        """
        root = Path(out).absolute()
        listed = surveys(root) if runs is None else [survey(run) for run in runs]
        own = listed if runs is not None else [one for one in listed if _holds(one, observer)]
        card, unknown = _card(observer, root)
        if unknown and not own:
            raise ConfigError(
                f"observer must have rows in a run of {out}, or a card; got {observer[:80]!r} ({unknown})"
            )
        told, problems = _told(own)
        return cls(
            observer=observer,
            made=datetime.now(UTC).isoformat(timespec="seconds"),
            card=card,
            runs=tuple(told),
            missing=tuple(missing(observer, {one.study for one in told})),
            problems=tuple(problems),
        )

    def to_html(self) -> str:
        """Return the report as one self-contained page."""
        from cogattn.reporting.report.html import page

        return page(self)


def most_present(runs: Iterable[RunFolder]) -> str:
    """Return the observer whose rows most of these runs have; the first of several, empty where there is none."""
    counted = Counter(name for run in runs for name in survey(run).observers)
    return max(counted, key=counted.__getitem__, default="")


def _holds(one: Survey, observer: str) -> bool:
    """Whether a run is about the observer: by its rows, or, where rows are of schedules, by its settings."""
    return observer in one.observers or observer in _networks(one.settings)


def _networks(settings: Mapping[str, JsonValue]) -> Iterator[JsonValue]:
    for path in ("observer.models", "observer.target"):
        value = settings.get(path)
        yield from value if isinstance(value, list) else [value]


def _card(observer: str, root: Path) -> tuple[Card | None, str]:
    """The card, with whatever settings its runs have; or why there is none."""
    try:
        return Card.of(observer, out=root, any_settings=True), ""
    except CogattnError as error:
        return None, str(error)


def _told(listed: Sequence[Survey]) -> tuple[list[RunReport], list[str]]:
    told, problems = [], []
    for one in sorted(listed, key=lambda one: (one.run.study, one.started)):
        name = f"run {one.run.study}/{one.run.id}"
        if one.state != "finished":
            again = "" if one.state == "damaged" else "; the same command goes on with it"
            problems.append(f"{name} is {one.state} ({one.how_far}){again}")
            continue
        try:
            told.append(run_report(one.run))
        except StoreError as error:
            problems.append(f"{name} cannot be read: {error}")
    return told, problems
