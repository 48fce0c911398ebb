"""Equal tables, equal bytes; and tables come back as they were."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from cogattn.running.formats import csv_bytes, parquet_bytes, read_csv, read_parquet

TABLE = pd.DataFrame(
    {
        "observer": ["a", "b", "b"],
        "trial": [0, 1, 2],
        "correct": [True, False, True],
        "rt_s": [0.1, np.nan, 1 / 3],
    }
)


@pytest.mark.parametrize(
    "variant",
    [
        TABLE.copy(),
        TABLE.set_axis([5, 6, 7]),
        TABLE.astype({"observer": object}),
        TABLE.astype({"observer": "category"}),
        pd.concat([TABLE[:1], TABLE[1:]]),
        TABLE.set_index("trial", drop=False),
    ],
    ids=["copy", "index", "object", "category", "pieces", "named index"],
)
def test_equal_tables_give_equal_parquet(variant: pd.DataFrame) -> None:
    assert parquet_bytes(variant) == parquet_bytes(TABLE)


def test_another_value_gives_other_bytes() -> None:
    assert parquet_bytes(TABLE.assign(rt_s=[0.1, np.nan, np.nextafter(1 / 3, 1)])) != parquet_bytes(TABLE)


def test_parquet_holds_no_word_of_pandas() -> None:
    assert b"pandas" not in parquet_bytes(TABLE)


def test_trials_come_back_from_parquet() -> None:
    again = read_parquet(parquet_bytes(TABLE)).to_pandas()
    pd.testing.assert_frame_equal(again, TABLE, check_dtype=False)
    assert read_parquet(parquet_bytes(TABLE[:0])).num_rows == 0


@pytest.mark.parametrize(
    "data", [b"", b"PAR1", b"PAR1PAR1", b"PAR1" + b"\xff" * 100 + b"PAR1", parquet_bytes(TABLE)[:-9]]
)
def test_what_is_no_parquet_is_a_value_error(data: bytes) -> None:
    with pytest.raises(ValueError, match="unreadable Parquet"):
        read_parquet(data)


def test_csv_keeps_every_digit_of_every_float() -> None:
    values = np.random.default_rng(0).integers(0, 2**64, 20_000, dtype=np.uint64).view(float)
    table = pd.DataFrame({"x": values[np.isfinite(values)]})
    assert (read_csv(csv_bytes(table))["x"].to_numpy() == table["x"].to_numpy()).all()


def test_csv_tells_missing_from_text_that_looks_missing() -> None:
    table = pd.DataFrame(
        {"note": ["", "nan", "None", 'a "b", c'], "x": [1.0, np.inf, -np.inf, np.nan], "none": [np.nan] * 4}
    )
    again = read_csv(csv_bytes(table))
    assert list(again["note"][1:]) == ["nan", "None", 'a "b", c']
    assert pd.isna(again["note"][0])
    np.testing.assert_array_equal(again[["x", "none"]].to_numpy(), table[["x", "none"]].to_numpy())
    assert again["none"].dtype == float


def test_columns_of_one_table_may_differ_in_which_are_missing() -> None:
    pieces = [
        read_parquet(parquet_bytes(pd.DataFrame({"a": [1], "b": [None]}))),
        read_parquet(parquet_bytes(pd.DataFrame({"a": [2], "b": ["x"]}))),
    ]
    whole = pa.concat_tables(pieces, promote_options="permissive").to_pandas()
    assert whole["b"].isna().tolist() == [True, False]
