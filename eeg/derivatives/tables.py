"""Tables as BIDS has them: tab-separated, ``n/a`` for what is missing, and every column described beside it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field

import pandas as pd
from pydantic import JsonValue

from cogattn.errors import DataError

MISSING = "n/a"


@dataclass(frozen=True)
class Column:
    """What a column means.

    Parameters
    ----------
    about : str
        In a sentence.
    unit : str
        As BIDS writes units: ``s``, ``Hz``, ``dB``, ``V``; empty for a pure number or a text.
    levels : mapping of str to str
        What each value means, where there are few.
    """

    about: str
    unit: str = ""
    levels: Mapping[str, str] = field(default_factory=dict)

    @property
    def described(self) -> dict[str, JsonValue]:
        """As a data dictionary has it."""
        unit: dict[str, JsonValue] = {"Units": self.unit} if self.unit else {}
        levels: dict[str, JsonValue] = {"Levels": dict(self.levels)} if self.levels else {}
        return {"Description": self.about, **unit, **levels}


Columns = Mapping[str, Column]


def tsv(table: pd.DataFrame) -> bytes:
    """Return a table as bytes of a TSV file.

    Numbers keep every digit; infinite ones are ``inf``, truth values ``true`` and ``false``; tabs and line breaks in
    texts become blanks, and an empty text is missing.
    """
    told = table.copy()
    for name, column in table.items():
        if column.dtype == bool:
            told[name] = column.map({True: "true", False: "false"})
        elif not pd.api.types.is_numeric_dtype(column):
            told[name] = column.map(_one_line).replace("", None)
    return told.to_csv(sep="\t", index=False, na_rep=MISSING, lineterminator="\n").encode()


def dictionary(
    table: pd.DataFrame, columns: Columns, *, more: Mapping[str, JsonValue] | None = None
) -> bytes:
    """Return the data dictionary of a table as bytes of a JSON file.

    Parameters
    ----------
    table : DataFrame
        Whose columns are described.
    columns : mapping of str to Column
        What they mean; more may be told than the table has.
    more : mapping of str to JSON, optional
        Of the table as a whole.

    Raises
    ------
    DataError
        If a column is not described.
    """
    missing = [str(name) for name in table.columns if name not in columns]
    if missing:
        raise DataError(f"every column of a derivative must be described; got {', '.join(missing)} without")
    return as_json({**(more or {}), **{str(name): columns[str(name)].described for name in table.columns}})


def as_json(value: Mapping[str, JsonValue]) -> bytes:
    """Return a mapping as bytes of a JSON file."""
    return (json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n").encode()


def _one_line(value: object) -> str:
    return "" if pd.isna(value) else " ".join(str(value).split())
