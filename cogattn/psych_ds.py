"""Trials as a Psych-DS data set: a folder that other labs' tools read without being told how.

Required are ``dataset_description.json``, JSON-LD of schema.org with name, description and variableMeasured, which
lists every column, and at least one file in ``data/`` whose name is made of ``keyword-value`` pairs and ends with
``_data.csv``. Keywords here are those of the standard's own list; values are letters and digits.

References
----------
Psych-DS, rules and conventions: https://psychds-docs.readthedocs.io (schema 1.5.1).
"""

from __future__ import annotations

import io
import json
import re
import zipfile
from collections.abc import Mapping
from typing import TYPE_CHECKING

from pydantic import JsonValue

from cogattn.errors import DataError

if TYPE_CHECKING:
    import pandas as pd

DESCRIPTION = "dataset_description.json"
KEYWORDS = ("study", "site", "subject", "session", "task", "condition", "trial", "stimulus", "description")
"""The standard's own, in the order in which names have them."""
CONTEXT = "https://schema.org/"
EPOCH = (1980, 1, 1, 0, 0, 0)
"""Of files in an archive: equal data sets are equal archives."""


def data_name(**keywords: str) -> str:
    """Return the name of a data file: ``data/study-search_subject-1f_task-2v5_data.csv``.

    Parameters
    ----------
    **keywords : str
        Values by keyword (`KEYWORDS`); characters other than letters and digits are left out.

    Raises
    ------
    DataError
        If a keyword is none of the standard's, or nothing is left of a value.
    """
    pairs = []
    for keyword in sorted(keywords, key=lambda word: KEYWORDS.index(word) if word in KEYWORDS else -1):
        value = re.sub(r"[^A-Za-z0-9]", "", keywords[keyword])
        if keyword not in KEYWORDS or not value:
            raise DataError(
                f"keywords must be of {', '.join(KEYWORDS)}, with letters or digits; got {keyword[:40]!r}"
            )
        pairs.append(f"{keyword}-{value}")
    return f"data/{'_'.join(pairs)}_data.csv"


def data_set(
    tables: Mapping[str, pd.DataFrame],
    *,
    name: str,
    description: str,
    variables: Mapping[str, tuple[str, str]],
    readme: str,
    changes: str,
    documentation: Mapping[str, JsonValue],
    more: Mapping[str, JsonValue],
) -> dict[str, bytes]:
    """Return the files of a data set by their paths.

    Parameters
    ----------
    tables : mapping of str to DataFrame
        By names that `data_name` made.
    name, description : str
        Of the data set.
    variables : mapping of str to (str, str)
        What a column means, and its unit; every column needs one.
    readme, changes : str
        For people.
    documentation : mapping of str to JSON
        Kept under ``documentation/``, by file name without ending.
    more : mapping of str to JSON
        Further properties of schema.org.

    Raises
    ------
    DataError
        If a column is not described.
    """
    columns = list(dict.fromkeys(column for table in tables.values() for column in table.columns))
    missing = [column for column in columns if column not in variables]
    if missing:
        raise DataError(f"every column of a data set must be described; got {', '.join(missing)} without")
    about: dict[str, JsonValue] = {
        "@context": CONTEXT,
        "@type": "Dataset",
        "name": name,
        "description": description,
        "variableMeasured": [_variable(column, *variables[column]) for column in columns],
        **more,
    }
    return {
        DESCRIPTION: _json(about),
        "README.md": readme.encode(),
        "CHANGES.md": changes.encode(),
        **{path: table.to_csv(index=False, lineterminator="\n").encode() for path, table in tables.items()},
        **{f"documentation/{stem}.json": _json(value) for stem, value in documentation.items()},
    }


def zipped(files: Mapping[str, bytes]) -> bytes:
    """Return files as one archive, the same for the same files."""
    whole = io.BytesIO()
    with zipfile.ZipFile(whole, "w", zipfile.ZIP_DEFLATED) as archive:
        for path, data in files.items():
            archive.writestr(zipfile.ZipInfo(path, EPOCH), data, zipfile.ZIP_DEFLATED)
    return whole.getvalue()


def _variable(name: str, meaning: str, unit: str) -> dict[str, JsonValue]:
    own: dict[str, JsonValue] = {"@type": "PropertyValue", "name": name, "description": meaning}
    return own | ({"unitText": unit} if unit else {})


def _json(value: JsonValue) -> bytes:
    return (json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n").encode()
