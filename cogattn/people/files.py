"""Tables of people as CSV files: all cells read as text, and rules whose breach is told with column and line."""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from cogattn.errors import DataError
from cogattn.running.digests import file_digest

if TYPE_CHECKING:
    import pandas as pd

MAX_BYTES = 1 << 30
"""A larger file is refused before it is read."""
MAX_HEADER_BYTES = 1 << 16


@dataclass(frozen=True)
class Source:
    """A table of people as a setting names it.

    Parameters
    ----------
    file : str
        Where it is.
    setting : str
        What named it, for the start of an error.
    shipped : tuple of str
        Names that would have done instead of a file.
    """

    file: str
    setting: str
    shipped: tuple[str, ...] = ()

    def __str__(self) -> str:
        return self.file

    def unreadable(self, cause: str) -> DataError:
        """Return the error that says that there is no such table, and what would do."""
        one_of = f"one of {', '.join(self.shipped)} or " if self.shipped else ""
        return DataError(f"{self.setting} must be {one_of}a readable CSV file; got {self} ({cause})")


def read_rows(source: Source) -> pd.DataFrame:
    """Return all cells of a CSV file as text.

    Raises
    ------
    DataError
        If it cannot be read, is too large, not UTF-8 or no CSV, or has no row.
    """
    import pandas as pd

    text = io.StringIO(_text(source))
    try:
        rows = pd.read_csv(text, dtype=str, keep_default_na=False, skipinitialspace=True)
    except (pd.errors.ParserError, pd.errors.EmptyDataError) as error:
        raise DataError(
            f"{source.setting} must be a CSV file with a header; got {source} ({str(error).strip()})"
        ) from None
    if rows.empty:
        raise DataError(f"{source.setting} must hold at least one row; got none ({source})")
    return rows


def header_of(source: Source) -> list[str]:
    """Return the names of the columns; nothing where the file cannot be read, which its reader will say."""
    try:
        with Path(source.file).open("rb") as file:
            line = file.readline(MAX_HEADER_BYTES).decode("utf-8-sig")
    except (OSError, ValueError):
        return []
    return [name.strip().strip('"') for name in line.strip().split(",")]


def digest(source: Source) -> str:
    """Return the file's SHA-256 in hex; raise DataError where it cannot be read."""
    try:
        return file_digest(Path(source.file))
    except DataError as error:
        raise source.unreadable(str(error.__cause__ or error)) from None


def need(rows: pd.DataFrame, names: tuple[str, ...], source: Source, *, forms: str) -> None:
    """Raise DataError for the first column that is missing; `forms` says what a table may look like."""
    missing = [name for name in names if name not in rows]
    if missing:
        raise DataError(
            f"{source.setting} must have the column {missing[0]}; got {', '.join(map(str, rows.columns))} ({source}; "
            f"{forms})"
        )


def refuse(bad: pd.Series, rows: pd.DataFrame, name: str, rule: str, source: Source) -> None:
    """Raise DataError for the first row that is bad; the header is line 1."""
    if bad.any():
        row = int(np.argmax(bad.to_numpy()))
        raise DataError(
            f"{source.setting} must have {rule} in column {name}; got {rows[name].iloc[row]!r} "
            f"({source}, line {row + 2})"
        )


def whole(rows: pd.DataFrame, name: str, source: Source, *, least: int, most: int) -> pd.Series:
    """Return a column of whole numbers; raise DataError for the first that is none or out of range."""
    import pandas as pd

    values = pd.to_numeric(rows[name], errors="coerce")
    bad = ~((values >= least) & (values <= most) & (values == values.round()))
    refuse(bad, rows, name, f"a whole number from {least} to {most}", source)
    return values.astype(np.int64)


def _text(source: Source) -> str:
    path = Path(source.file)
    try:
        if not path.is_file():
            raise OSError(2, "no such file")
        if path.stat().st_size > MAX_BYTES:
            raise DataError(
                f"{source.setting} must be a table of at most {MAX_BYTES >> 20} MB; got {path.stat().st_size >> 20} "
                f"MB ({source})"
            )
        data = path.read_bytes()
    except (OSError, ValueError) as error:
        raise source.unreadable(getattr(error, "strerror", None) or str(error)) from None
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise DataError(
            f"{source.setting} must be a CSV file in UTF-8; got the byte 0x{data[error.start]:02x} "
            f"({source}, line {line}); save it as UTF-8"
        ) from None
