"""Tables and data dictionaries of BIDS."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from cogattn.eeg.aad.plan import TABLES as AAD_TABLES
from cogattn.eeg.derivatives import aad, efr
from cogattn.eeg.derivatives.tables import Column, dictionary, tsv
from cogattn.eeg.efr.tables import TABLES as EFR_TABLES
from cogattn.errors import DataError


def test_what_is_missing_is_said_and_nothing_breaks_a_line() -> None:
    table = pd.DataFrame(
        {
            "text": ["a\tb\nc", "", None],
            "number": [0.1 + 0.2, np.nan, np.inf],
            "count": [1, 2, 3],
            "truth": [True, False, True],
        }
    )
    assert tsv(table).decode() == (
        "text\tnumber\tcount\ttruth\na b c\t0.30000000000000004\t1\ttrue\nn/a\tn/a\t2\tfalse\nn/a\tinf\t3\ttrue\n"
    )


def test_a_dictionary_tells_meaning_unit_and_levels_of_the_columns_there_are() -> None:
    columns = {
        "lag_s": Column("Lag.", "s"),
        "kind": Column("Kind.", levels={"a": "first"}),
        "other": Column("No."),
    }
    told = json.loads(
        dictionary(pd.DataFrame(columns=["lag_s", "kind"]), columns, more={"Description": "All."})
    )
    assert told == {
        "Description": "All.",
        "lag_s": {"Description": "Lag.", "Units": "s"},
        "kind": {"Description": "Kind.", "Levels": {"a": "first"}},
    }


def test_a_column_that_nobody_described_is_refused() -> None:
    with pytest.raises(DataError, match="every column of a derivative must be described; got x without"):
        dictionary(pd.DataFrame(columns=["x"]), {})


@pytest.mark.parametrize(
    ("schema", "columns"),
    [
        (AAD_TABLES["window"], aad.DECISIONS),
        (AAD_TABLES["trial"], aad.TRIALS),
        (AAD_TABLES["feature"], aad.FEATURES),
        (EFR_TABLES["detection"], efr.DETECTION),
        (EFR_TABLES["amplitude"], efr.amplitude("V")),
        (EFR_TABLES["growth"], efr.GROWTH),
        (EFR_TABLES["pitch_score"], efr.PITCH),
        (EFR_TABLES["spectrum"], efr.spectrum("V")),
        (EFR_TABLES["band"], efr.BANDS),
    ],
)
def test_every_column_of_the_trial_tables_is_described_and_no_other(schema: dict, columns: dict) -> None:
    assert set(columns) == set(schema) - {"listener", "observer"}
