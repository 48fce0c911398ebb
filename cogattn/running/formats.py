"""Tables as bytes, the same bytes for the same table: Parquet for trials, CSV for what people read."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa


def parquet_bytes(table: pd.DataFrame) -> bytes:
    """Return `table` as Parquet: equal tables give equal bytes; index and categories are not kept."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    arrow = pa.Table.from_pandas(table, preserve_index=False)
    sink = io.BytesIO()
    arrow = arrow.cast(
        pa.schema([pa.field(f.name, _plain_type(f.type)) for f in arrow.schema])
    ).combine_chunks()
    pq.write_table(arrow, sink, compression="zstd", version="2.6", store_schema=False, row_group_size=1 << 20)
    return sink.getvalue()


def _plain_type(kind: pa.DataType) -> pa.DataType:
    import pyarrow as pa

    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    return pa.string() if pa.types.is_large_string(kind) else kind


def read_parquet(data: bytes) -> pa.Table:
    """Return the table in `data`; raise ValueError where it is not readable as Parquet."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        return pq.ParquetFile(io.BytesIO(data), thrift_string_size_limit=1 << 24).read(use_threads=False)
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
