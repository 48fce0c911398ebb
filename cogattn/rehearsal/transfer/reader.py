"""People of Holton et al. (2026) from the published trial files, a file a person.

Files are named ``study1_near_sub3.csv`` (study 1 or 2; same, near, far) and have the columns of `COLUMNS`. Rows of
other sections than A1, B and A2 (the debriefing) are left aside. Angles are in radians. A row whose feedback is NaN had
none; the plant of A1 whose winter has none is the one that is tested.

What a file must be like is what the public code relies on: seasons take turns, plant by plant, in blocks of twelve; a
task has six plants, of which each has one place a season; rule A and rule B are one angle each. The files could not be
had where this was written: the reader has been tried on files made in their form, and on nothing else.

Left out, as published: who says to have used a pen, and whose last 24 errors in A1 are not smaller than chance (a
quarter of the ring; one-sided t test at 5 %).

References
----------
Holton et al. (2026), Nature Human Behaviour 10, 111-125; the code's preprocessing
(github.com/eleanorholton/transfer-interference, src/analysis/preprocessing.py).
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

from cogattn.errors import DataError
from cogattn.fetch import data_sets, locate
from cogattn.people.files import Source, need, read_rows, refuse, whole
from cogattn.rehearsal.transfer.design import (
    BLOCK,
    GROUPS,
    N_BLOCKS,
    N_STIMULI,
    PARTS,
    Course,
    Group,
    wrapped,
)
from cogattn.rehearsal.transfer.scoring import Answers, has_two_rules, learnt_rule_b
from cogattn.running.digests import cache_folder, combined, file_digest

Array = NDArray[np.float64]

SETTING = "transfer.path"
COLUMNS = (
    "participant", "stimID", "feature_idx", "task_section", "taskID", "block", "feat_val", "dial_resp",
    "noisy_feedback_value", "resp_error", "debrief_tools",
)  # fmt: skip
FILE = re.compile(r"study[12]_(same|near|far)_sub\d+\.csv")
FORMS = "files as study1_near_sub3.csv, a person each"
PEN = "yes-pen"
N_LAST, CHANCE, ALPHA = 24, math.pi / 2, 0.05
"""Of the exclusion: answers at the end of A1, error at chance, level of the test."""
EQUAL = 1e-4
"""Radians within which places of one plant, and rules of one task, are one."""
N_TRIALS = N_BLOCKS * BLOCK


@dataclass(frozen=True)
class People:
    """Those of the files who can be used, and who cannot.

    Parameters
    ----------
    answers : tuple of Answers
        One a person, in the order of their names.
    pen, chance : tuple of str
        Who used a pen, and who was at chance at the end of A1; both are left out.
    unlearnt : tuple of str
        Who has no interference: rule A was likelier than rule B in part B.
    """

    answers: tuple[Answers, ...]
    pen: tuple[str, ...]
    chance: tuple[str, ...]
    unlearnt: tuple[str, ...]

    @property
    def courses(self) -> tuple[Course, ...]:
        """What each was asked."""
        return tuple(one.course for one in self.answers)


def read_people(path: Path) -> People:
    """Read a folder of trial files, or the data set of that name that was put in place.

    Raises
    ------
    DataError
        If there is none, or a file breaks a rule; the message names the file, and the line where there is one.
    """
    return _read(path, digest(path))


@lru_cache(maxsize=2)
def _read(path: Path, digest: str) -> People:
    """The people of a folder with this digest."""
    kept: list[Answers] = []
    pen: list[str] = []
    chance: list[str] = []
    for file in _files(path):
        rows, source = _rows(file)
        answers = _answers(rows, source)
        name = answers.course.person
        if name in {one.course.person for one in kept} | {*pen, *chance}:
            raise DataError(f"{SETTING} must have one file a person; got {name} twice ({file.name})")
        if (rows["debrief_tools"] == PEN).any():
            pen.append(name)
        elif not _better_than_chance(rows):
            chance.append(name)
        else:
            kept.append(answers)
    if not kept:
        raise DataError(f"{SETTING} must hold people who can be used; got {len(pen) + len(chance)} left out")
    two = [one for one in kept if has_two_rules(one.course)]
    unlearnt = tuple(one.course.person for one in two if not learnt_rule_b(one))
    return People(tuple(kept), tuple(pen), tuple(chance), unlearnt)


def digest(path: Path) -> str:
    """Return the SHA-256 of all trial files, names included; raise as the reader does where there are none."""
    return combined({file.name: file_digest(file) for file in _files(path)})


def _files(path: Path) -> list[Path]:
    data_set = None if path.exists() else data_sets().get(str(path))
    folder = (locate(data_set, cache_folder()) if data_set else None) or path
    if not folder.is_dir():
        raise DataError(f"{SETTING} must be a folder of trial files; got {path} ({FORMS})")
    files = sorted(file for file in folder.iterdir() if FILE.fullmatch(file.name))
    if not files:
        raise DataError(f"{SETTING} must be a folder of trial files; got none in {path} ({FORMS})")
    return files


def _rows(file: Path) -> tuple[pd.DataFrame, Source]:
    """The rows of the three parts, as numbers; their index is the row of the file."""
    source = Source(str(file), SETTING)
    text = read_rows(source)
    need(text, COLUMNS, source, forms=FORMS)
    rows = text[list(COLUMNS)].apply(lambda column: column.str.strip())
    told = set(rows["task_section"])
    if missing := [part for part in PARTS if part not in told]:
        raise DataError(
            f"{SETTING} must have the sections {', '.join(PARTS)}; got no {missing[0]} ({source})"
        )
    tools = rows["debrief_tools"]
    rows = rows[rows["task_section"].isin(PARTS)].reset_index(names="row")
    rows["debrief_tools"] = PEN if (tools == PEN).any() else ""
    for name, most in (("stimID", 2 * N_STIMULI - 1), ("feature_idx", 1), ("taskID", 1)):
        rows[name] = _whole(text, rows, name, most, source)
    rows["block"] = _whole(text, rows, "block", len(PARTS) * N_BLOCKS - 1, source)
    for name in ("feat_val", "dial_resp", "noisy_feedback_value"):
        rows[name] = _angles(text, rows, name, source, empty=name != "feat_val")
    rows["resp_error"] = _angles(text, rows, "resp_error", source, empty=True, least=0.0, most=math.pi)
    return rows, source


def _whole(text: pd.DataFrame, rows: pd.DataFrame, name: str, most: int, source: Source) -> NDArray[np.int64]:
    """A column of whole numbers, of the three parts' rows alone."""
    filled = text.assign(**{name: text[name].where(text.index.isin(rows["row"]), "0")})
    return whole(filled, name, source, least=0, most=most).to_numpy()[rows["row"]]


def _angles(
    text: pd.DataFrame,
    rows: pd.DataFrame,
    name: str,
    source: Source,
    *,
    empty: bool,
    least: float = -2 * math.pi,
    most: float = 2 * math.pi,
) -> Array:
    """A column of radians; where it may be empty, NaN."""
    given = rows[name].where(~rows[name].str.lower().isin(("nan", "na")), "")
    values = pd.to_numeric(given.replace("", "nan"), errors="coerce")
    good = (values >= least - 1e-6) & (values <= most + 1e-6)
    bad = ~good & ~((given == "") & empty)
    rule = f"radians from {least:.4g} to {most:.4g}{' (or nothing)' if empty else ''}"
    whole_column = pd.Series(False, index=text.index)
    whole_column.iloc[rows["row"][bad]] = True
    refuse(whole_column, text, name, rule, source)
    return values.to_numpy(float)


def _answers(rows: pd.DataFrame, source: Source) -> Answers:
    """One person's course and answers; raise DataError where the trials are none of this task."""
    people = rows["participant"].unique()
    if len(people) != 1 or not people[0]:
        raise DataError(
            f"{SETTING} must have one participant a file; got {', '.join(people[:3]) or 'none'} ({source})"
        )
    parts = [rows[rows["task_section"] == part] for part in PARTS]
    counts = [len(part) for part in parts]
    if set(counts) != {N_TRIALS}:
        told = ", ".join(f"{n} in {part}" for n, part in zip(counts, PARTS, strict=True))
        raise DataError(f"{SETTING} must have {N_TRIALS} trials in each section; got {told} ({source})")
    for part, task, own in zip(PARTS, (0, 1, 0), parts, strict=True):
        _check_part(part, task, own, source)
    group: Group = next(name for name in GROUPS if f"_{name}_" in Path(source.file).name)
    course = _course(str(people[0]), group, parts, source)
    given, told, error = (
        np.stack([part[name] for part in parts])
        for name in ("dial_resp", "noisy_feedback_value", "resp_error")
    )
    seen = np.where(np.isnan(told[:, ::2]), course.place[:, ::2], told[:, ::2])
    applied = wrapped(given[:, 1::2] - seen)
    return Answers(course, 1 - error / math.pi, applied.reshape(len(PARTS), N_BLOCKS, N_STIMULI))


def _check_part(part: str, task: int, own: pd.DataFrame, source: Source) -> None:
    """Blocks of all plants, each asked in summer and then in winter; a task's own plants."""
    season, plant = own["feature_idx"].to_numpy(), own["stimID"].to_numpy()
    if (season[::2] != 0).any() or (season[1::2] != 1).any() or (plant[::2] != plant[1::2]).any():
        raise DataError(
            f"{SETTING} must ask for each plant in summer and then in winter (feature_idx 0, 1); "
            f"got other orders in {part} ({source})"
        )
    each = np.sort(plant[::2].reshape(N_BLOCKS, N_STIMULI), axis=1)
    if (each != each[0]).any() or (np.diff(each[0]) == 0).any():
        raise DataError(
            f"{SETTING} must ask for the same six plants in each block; got others in {part} ({source})"
        )
    block = own["block"].to_numpy().reshape(N_BLOCKS, BLOCK)
    if (block != block[:, :1]).any() or (np.diff(block[:, 0]) != 1).any():
        raise DataError(f"{SETTING} must have blocks of {BLOCK} trials; got others in {part} ({source})")
    if (own["taskID"] != task).any():
        raise DataError(f"{SETTING} must have taskID {task} in {part}; got {1 - task} ({source})")


def _course(person: str, group: Group, parts: list[pd.DataFrame], source: Source) -> Course:
    stimulus, season = (np.stack([part[name] for part in parts]) for name in ("stimID", "feature_idx"))
    place = np.stack([part["feat_val"] for part in parts])
    if set(stimulus[0]) != set(stimulus[2]) or set(stimulus[0]) & set(stimulus[1]):
        raise DataError(
            f"{SETTING} must have the plants of A1 in A2 and others in B; got otherwise ({source})"
        )
    rules = [_rule(part, place[k], source) for k, part in enumerate(PARTS)]
    if _apart(rules[0], rules[2]) > EQUAL:
        raise DataError(f"{SETTING} must have one rule in A1 and A2; got two ({source})")
    _check_places(stimulus, season, place, source)
    if (_apart(rules[0], rules[1]) > EQUAL) == (group == "same"):
        raise DataError(
            f"{SETTING} must have one rule in A and B for same, two for near and far; got "
            f"{_apart(rules[0], rules[1]):.3f} radians between them ({source})"
        )
    first = parts[0]
    silent = first[(first["feature_idx"] == 1) & first["noisy_feedback_value"].isna()]["stimID"].unique()
    if len(silent) != 1:
        raise DataError(
            f"{SETTING} must have one plant in A1 whose winter has no feedback; got {len(silent)} ({source})"
        )
    return Course(person, group, stimulus, season, wrapped(place), rules[0], rules[1], int(silent[0]))


def _rule(part: str, place: Array, source: Source) -> float:
    """Winter place less summer place, the same for all plants of a part."""
    rules = wrapped(place[1::2] - place[::2])
    if np.abs(wrapped(rules - rules[0])).max() > EQUAL:
        raise DataError(f"{SETTING} must have one rule in {part}; got several ({source})")
    return float(rules[0])


def _check_places(
    stimulus: NDArray[np.int64], season: NDArray[np.int64], place: Array, source: Source
) -> None:
    """Each plant has one place a season, in all parts."""
    key = (2 * stimulus + season).ravel()
    first = dict(zip(key[::-1].tolist(), place.ravel()[::-1].tolist(), strict=True))
    own = np.array([first[k] for k in key.tolist()])
    if np.abs(wrapped(place.ravel() - own)).max() > EQUAL:
        raise DataError(
            f"{SETTING} must have one place of a plant a season (feat_val); got several ({source})"
        )


def _apart(first: float, second: float) -> float:
    return float(abs(wrapped(np.array(first - second))))


def _better_than_chance(rows: pd.DataFrame) -> bool:
    errors = rows.loc[rows["task_section"] == PARTS[0], "resp_error"].to_numpy(float)[-N_LAST:]
    found = stats.ttest_1samp(errors, CHANCE, alternative="less", nan_policy="omit")
    return not found.pvalue > ALPHA


def exclusions(people: People) -> Iterator[str]:
    """Yield a sentence for each reason that somebody was left out for, with their names."""
    for names, why in (
        (people.pen, "used a pen (debrief_tools)"),
        (people.chance, "were not better than chance at the end of A1"),
    ):
        if names:
            yield f"Left out: {len(names)} who {why}: {', '.join(names)}."
    if people.unlearnt:
        yield (
            f"Without interference: {len(people.unlearnt)} for whom rule A was likelier than rule B in part B: "
            f"{', '.join(people.unlearnt)}."
        )
