"""The card: one observer through all studies, placed among people measure by measure.

A card is read from a store (`Card.of`) and is complete in itself: text, JSON, HTML and the fragment for a model hub are
made of it and of nothing else. It has no overall mean and no cap: what can be counted are statuses, with Holm's
correction over the rows that were tested. It also tests itself: each person of a study's table, left out and placed
among the others, comes out outside as often as the level says, or the card is not to be believed.
"""

from __future__ import annotations

import dataclasses
import json
import math
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from cogattn.reporting.card.row import LEVEL as LEVEL
from cogattn.reporting.card.row import STATUSES as STATUSES
from cogattn.reporting.card.row import TARGET_POWER as TARGET_POWER
from cogattn.reporting.card.row import CardRow as CardRow
from cogattn.reporting.card.row import JointRow as JointRow
from cogattn.reporting.card.row import RunProvenance as RunProvenance
from cogattn.reporting.card.row import SelfCheck as SelfCheck
from cogattn.reporting.card.row import Status as Status

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, kw_only=True)
class Card:
    """One observer through all six studies, read from a store.

    Parameters
    ----------
    observer : str
        Name under which it was asked for.
    store : str
        Folder of runs.
    made : str
        When, ISO 8601 in UTC.
    rows : tuple of CardRow
        In the order of the studies; a study without a measure to show has one row that says why.
    joint : tuple of JointRow
        Of studies that place an observer jointly.
    check : tuple of SelfCheck
        Of every row with people one by one.
    provenance : tuple of RunProvenance
        Of every run that rows are from.
    problems : tuple of str
        Runs that could not be used, one sentence each.

    Examples
    --------
    >>> cogattn.Card.of("tf_efficientnet_lite0", out="runs").text(80)  # doctest: +SKIP
    """

    observer: str
    store: str
    made: str
    rows: tuple[CardRow, ...]
    joint: tuple[JointRow, ...] = ()
    check: tuple[SelfCheck, ...] = ()
    provenance: tuple[RunProvenance, ...] = ()
    problems: tuple[str, ...] = ()

    @classmethod
    def of(cls, model: str, *, out: str | Path = "runs", any_settings: bool = False) -> Card:
        """Read a card from a store.

        Parameters
        ----------
        model : str
            Name of an observer: a network of timm, or a target ``module:factory``.
        out : str or Path
            Folder of runs.
        any_settings : bool
            Where there is no run under the card's own settings, take the newest finished one that holds the observer.

        Raises
        ------
        ConfigError, ObserverError
            If there is no observer of that name.
        """
        from cogattn.reporting.card.reading import read

        found = read(model, out=Path(out), any_settings=any_settings)
        made = datetime.now(UTC).isoformat(timespec="seconds")
        return cls(
            observer=model, store=str(out), made=made, rows=found.rows, joint=found.joint, check=found.check,
            provenance=found.provenance, problems=found.problems,
        )  # fmt: skip

    @property
    def counts(self) -> dict[Status, int]:
        """Return how many rows have each status, in the order of `STATUSES`."""
        found = Counter(row.status for row in self.rows)
        return {status: found[status] for status in STATUSES if found[status]}

    @property
    def table(self) -> pd.DataFrame:
        """Return the rows as a table, one column for each field but the people."""
        import pandas as pd

        columns = [field.name for field in dataclasses.fields(CardRow) if field.name != "people"]
        return pd.DataFrame([[getattr(row, name) for name in columns] for row in self.rows], columns=columns)

    def json(self) -> str:
        """Return everything as JSON; what is NaN or infinite is null."""
        return json.dumps(_plain(dataclasses.asdict(self) | {"counts": self.counts}), indent=2)

    def text(self, width: int = 80) -> str:
        """Return the card as a page of text.

        Parameters
        ----------
        width : int
            Columns.
        """
        from cogattn.reporting.card.text import text

        return text(self, width)

    def to_html(self) -> str:
        """Return the card as one self-contained page."""
        from cogattn.reporting.card.html import page

        return page(self)

    def model_index(self) -> dict[str, object]:
        """Return the fragment ``model-index`` of a model card on Hugging Face."""
        from cogattn.reporting.card.model_index import model_index

        return model_index(self)


def _plain(value: object) -> object:
    if isinstance(value, dict):
        return {str(key): _plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
