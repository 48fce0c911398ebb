"""Tables as bytes, the same bytes for the same table: Parquet for trials, CSV for what people read."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from cogattn.errors import DataError

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

    from cogattn.study import Schema

MAX_VALUES = 400_000_000
"""Rows times columns of one table; a small file can claim far more than a machine holds."""


def conforming(table: pd.DataFrame, schema: Schema, *, name: str) -> pd.DataFrame:
    """Return `table` if it has exactly the columns of `schema`, in order, with values of their types.

    Raises
    ------
    DataError
        Naming the table and what differs.
    """
    if list(table.columns) != list(schema):
        raise DataError(
            f"trial table {name} must have the columns {', '.join(schema)}; "
            f"got {', '.join(map(str, table.columns)) or 'none'}"
        )
    for column, kind in schema.items():
        if not _holds(table[column], kind):
            raise DataError(
                f"column {column} of trial table {name} must be {kind}; got {table[column].dtype}"
            )
    return table.reset_index(drop=True).astype(dict(schema))


def _holds(column: pd.Series, kind: str) -> bool:
    from pandas.api import types

    match kind:
        case "str":
            return len(column) == 0 or types.infer_dtype(column, skipna=False) in ("string", "categorical")
        case "bool":
            return types.is_bool_dtype(column) and not column.isna().any()
        case "int64":
            return types.is_integer_dtype(column) and not column.isna().any()
        case _:
            return types.is_float_dtype(column) or types.is_integer_dtype(column)


def parquet_bytes(table: pd.DataFrame) -> bytes:
    """Return `table` as Parquet: equal tables give equal bytes; index and categories are not kept."""
    import pyarrow.parquet as pq

    sink = io.BytesIO()
    pq.write_table(plain(table), sink, **PARQUET)
    return sink.getvalue()


def parquet_of(parts: Iterable[pd.DataFrame], schema: Schema) -> bytes:
    """Return tables of one schema as one Parquet table, whole or not at once in memory."""
    import pandas as pd
    import pyarrow.parquet as pq

    empty = plain(pd.DataFrame({name: pd.Series(dtype=kind) for name, kind in schema.items()}))
    sink = io.BytesIO()
    options = {name: value for name, value in PARQUET.items() if name != "row_group_size"}
    with pq.ParquetWriter(sink, empty.schema, **options) as writer:
        for rows in _groups(parts):
            writer.write_table(plain(rows.astype(dict(schema))).cast(empty.schema))
    return sink.getvalue()


def _groups(parts: Iterable[pd.DataFrame]) -> Iterator[pd.DataFrame]:
    """Put small tables together to groups of about a hundred thousand rows."""
    import pandas as pd

    waiting: list[pd.DataFrame] = []
    for rows in parts:
        waiting.append(rows)
        if sum(map(len, waiting)) >= ROWS_OF_GROUP:
            yield pd.concat(waiting, ignore_index=True)
            waiting = []
    if waiting:
        yield pd.concat(waiting, ignore_index=True)


ROWS_OF_GROUP = 100_000
PARQUET = {"compression": "zstd", "version": "2.6", "store_schema": False, "row_group_size": 1 << 20}


def plain(table: pd.DataFrame) -> pa.Table:
    """Return `table` for Arrow with plain types: no index, categories or large strings."""
    import pyarrow as pa

    arrow = pa.Table.from_pandas(table, preserve_index=False)
    schema = pa.schema([pa.field(f.name, _plain_type(f.type)) for f in arrow.schema])
    return arrow.cast(schema).combine_chunks()


def _plain_type(kind: pa.DataType) -> pa.DataType:
    import pyarrow as pa

    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    return pa.string() if pa.types.is_large_string(kind) or pa.types.is_null(kind) else kind


def read_parquet(data: bytes) -> pa.Table:
    """Return the table in `data`; raise ValueError where it is not readable as Parquet or too large to hold."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        file = pq.ParquetFile(io.BytesIO(data), thrift_string_size_limit=1 << 24)
        if file.metadata.num_rows * max(1, file.metadata.num_columns) > MAX_VALUES:
            raise ValueError(f"it claims more than {MAX_VALUES:,} values")
        return file.read(use_threads=False)
    except (pa.ArrowException, OSError, MemoryError) as error:
        raise ValueError(
            f"unreadable Parquet: {(str(error) or type(error).__name__).splitlines()[0]}"
        ) from error


def csv_bytes(table: pd.DataFrame) -> bytes:
    """Return `table` as CSV with every digit that a float needs; the index is not kept."""
    return table.to_csv(index=False, lineterminator="\n").encode()


def read_csv(data: bytes) -> pd.DataFrame:
    """Return the table that `csv_bytes` wrote: floats exact, empty cells missing, text as it stands."""
    import pyarrow as pa
    from pyarrow import csv

    options = csv.ConvertOptions(null_values=[""], strings_can_be_null=True)
    table = csv.read_csv(io.BytesIO(data), convert_options=options)
    empty = [pa.field(f.name, pa.float64() if pa.types.is_null(f.type) else f.type) for f in table.schema]
    return table.cast(pa.schema(empty)).to_pandas()
