"""People of tasks A, B and A as rows of the trial tables, and as persons among whom networks are placed."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import pandas as pd

from cogattn.measures import people_table
from cogattn.rehearsal.columns import ANSWERS, PERSONS, TABLES
from cogattn.rehearsal.transfer import measures, scoring
from cogattn.rehearsal.transfer.reader import digest, read_people

PEOPLE = "people"
NO_BUDGET = 0.0
"""People's in the tables: nobody set one."""


def person_rows(path: Path) -> pd.DataFrame:
    """Return what is measured of the people of a folder, with the columns of ``persons``."""
    return _person_rows(path, digest(path)).copy()


@lru_cache(maxsize=2)
def _person_rows(path: Path, digest: str) -> pd.DataFrame:
    """Those of a folder with this digest: mixtures take their time."""
    records = [
        (PEOPLE, NO_BUDGET, one.course.person, one.course.group, measure.key, *rest)
        for one in read_people(path).answers
        for measure, *rest in scoring.measured(one, learnt_only=True)
    ]
    return _table(PERSONS, records)


def block_rows(path: Path) -> pd.DataFrame:
    """Return the accuracy of the people of a folder block by block, with the columns of ``answers``."""
    records = [
        (PEOPLE, NO_BUDGET, one.course.person, one.course.group, *row)
        for one in read_people(path).answers
        for row in scoring.blocks(one)
    ]
    return _table(ANSWERS, records)


def persons(path: Path) -> pd.DataFrame:
    """Return the people of a folder as `cogattn.measures.people_table`; measures are of a group: ``transfer.near``."""
    by_key = {one.key: one for one in measures.OF_PERSONS}
    found = person_rows(path)
    columns = (found[name] for name in ("person", "measure", "group", "estimate", "se", "n"))
    return people_table(
        (str(person), measures.of_group(by_key[key], group), float(estimate), float(se), int(n))
        for person, key, group, estimate, se, n in zip(*columns, strict=True)
    )


def _table(name: str, records: Sequence[tuple[object, ...]]) -> pd.DataFrame:
    schema = dict(TABLES[name])
    return pd.DataFrame(records, columns=list(schema)).astype(schema)
