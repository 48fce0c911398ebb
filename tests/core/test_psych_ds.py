"""Psych-DS: the standard's required files, keywords and names, as its rules and conventions have them."""

from __future__ import annotations

import csv
import io
import json
import re
import zipfile

import pandas as pd
import pytest

from cogattn.errors import DataError
from cogattn.psych_ds import KEYWORDS, data_name, data_set, zipped

NAME = re.compile(r"data/([a-z]+-[A-Za-z0-9]+)(_[a-z]+-[A-Za-z0-9]+)*_data\.csv")


def problems(files: dict[str, bytes]) -> list[str]:
    """What the rules of https://psychds-docs.readthedocs.io (rules and conventions) forbid, written from their text."""
    found = []
    about = json.loads(files["dataset_description.json"])
    if about.get("@context") not in ("https://schema.org", "https://schema.org/", "http://schema.org/"):
        found.append("namespace")
    if about.get("@type") not in ("Dataset", "https://schema.org/Dataset"):
        found.append("type")
    found += [key for key in ("name", "description", "variableMeasured") if not about.get(key)]
    listed = [one if isinstance(one, str) else one["name"] for one in about["variableMeasured"]]
    objects = [one for one in about["variableMeasured"] if isinstance(one, dict)]
    found += ["property" for one in objects if one["@type"] != "PropertyValue"]
    data = [path for path in files if path.startswith("data/")]
    found += [] if data else ["no data"]
    for path in data:
        if not NAME.fullmatch(path):
            found.append(f"name {path}")
        keywords = [pair.partition("-")[0] for pair in path[5:].removesuffix("_data.csv").split("_")]
        found += [f"keyword {word}" for word in keywords if word not in KEYWORDS]
        rows = list(csv.reader(io.StringIO(files[path].decode("utf-8"))))
        found += [f"column {column}" for column in rows[0] if column not in listed]
        found += ["ragged" for row in rows if len(row) != len(rows[0])]
        found += ["twice" for column in rows[0] if rows[0].count(column) > 1]
    found += [file for file in ("README.md", "CHANGES.md") if not files.get(file)]
    return found


def made(**changes: object) -> dict[str, bytes]:
    table = pd.DataFrame({"rt": [1.5, 2.0], "stimulus": ["a, b", 'c"d']})
    given = {
        "name": "n", "description": "d", "variables": {"rt": ("time", "ms"), "stimulus": ("picture", "")},
        "readme": "r", "changes": "c", "documentation": {"apparatus": {"n": 1}}, "more": {"keywords": ["x"]},
    }  # fmt: skip
    tables = {data_name(study="search", subject="1f", task="2v5"): table}
    return data_set(tables, **(given | changes))  # ty: ignore[invalid-argument-type]


def test_a_data_set_has_the_files_keys_and_names_that_the_standard_requires() -> None:
    files = made()
    assert problems(files) == []
    assert "data/study-search_subject-1f_task-2v5_data.csv" in files


def test_the_checker_of_this_test_finds_what_is_wrong() -> None:
    files = made()
    files["data/sub-1_data.csv"] = b"rt,other\n1\n"
    assert {"keyword sub", "column other", "ragged"} <= set(problems(files))


def test_units_and_meanings_are_told_and_other_properties_kept() -> None:
    about = json.loads(made()["dataset_description.json"])
    assert about["variableMeasured"][0] == {
        "@type": "PropertyValue", "name": "rt", "description": "time", "unitText": "ms",
    }  # fmt: skip
    assert about["keywords"] == ["x"]


def test_values_are_letters_and_digits_and_keywords_the_standards_own_in_its_order() -> None:
    assert data_name(task="a_b-c/..", study="m") == "data/study-m_task-abc_data.csv"
    with pytest.raises(DataError, match="keywords must be of study"):
        data_name(sub="1")
    with pytest.raises(DataError, match="keywords must be of study"):
        data_name(subject="../")


def test_a_column_without_a_meaning_is_refused() -> None:
    with pytest.raises(DataError, match="every column of a data set must be described; got stimulus without"):
        made(variables={"rt": ("time", "ms")})


def test_equal_data_sets_are_equal_archives() -> None:
    archive = zipped(made())
    assert archive == zipped(made())
    with zipfile.ZipFile(io.BytesIO(archive)) as read:
        assert set(read.namelist()) == set(made())
