"""The published trials of Flesch et al. (2018): who met what, and what they answered.

``allData_exp1a.mat`` and ``allData_exp1b.mat`` hold a struct ``allData`` whose fields are arrays (600 trials, persons):
``expt_contextIDX`` (garden), ``expt_branchIDX``, ``expt_leafIDX``, ``expt_rewardIDX`` (points for planting),
``expt_catIDX``, ``expt_sessIDX`` (1 training, 2 test), ``resp_category`` (1 planted, NaN missed), ``resp_correct``,
``resp_reactiontime`` (s). ``subCodes`` (7, persons) has in its first row the curriculum (3: interleaved, else the
garden that was first), in the fifth the trials that a garden stays, in the sixth 0 for cardinal, 1 for diagonal rules.

As in the published analysis no answer within 5 s is a wrong one. With that, the published F(3, 172) = 5.06 over groups
and t(93) = 2.32 of B200 against interleaved (1a) come out. Names and words of persons in the files are not kept: a
person is called by the column.

References
----------
Flesch, Balaguer, Dekker, Nili, Summerfield (2018), PNAS 115, E10313-E10322. Trials: github.com/TimoFlesch/
Flesch_etal_2018, CC BY-NC-SA.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cogattn.errors import DataError
from cogattn.rehearsal.trees.design import (
    GROUPS,
    HIGHEST_REWARD,
    INTERLEAVED,
    N_GARDENS,
    N_LEVELS,
    N_TEST,
    N_TRAINING,
    N_TRIALS,
    RUNS,
    Course,
    Experiment,
    Ints,
    rewards,
)

LATEST_S = 5.0
"""An answer later than this is a miss."""
CODES = 7
CURRICULUM, STAYS, RULES = 0, 4, 5
"""Rows of the codes of persons."""
MIXED = 3
"""Code of the interleaved curriculum."""

Bools = NDArray[np.bool_]
Struct = Mapping[str, NDArray]


@dataclass(frozen=True, eq=False)
class People:
    """What people met, and whether they were right.

    Parameters
    ----------
    course : Course
        Their trials.
    correct : array of bool, shape (n_persons, N_TRIALS)
        False on a miss; without meaning on the boundary.
    missed : array of bool, shape (n_persons, N_TRIALS)
        No answer, or none within 5 s.
    """

    course: Course
    correct: Bools
    missed: Bools


def file_of(folder: Path, experiment: Experiment) -> Path:
    """Return the file of an experiment's trials in the folder of the published ones."""
    return folder / f"allData_exp{experiment}.mat"


def read(folder: Path, experiment: Experiment) -> People:
    """Read the trials of an experiment.

    Raises
    ------
    DataError
        If the file is missing, damaged, or not what the published one is: the message says what.
    """
    file = file_of(folder, experiment)
    try:
        stamp = file.stat()
    except OSError as error:
        raise DataError(
            f"trees.path must be a folder with {file.name}; got {folder}: {error.strerror}"
        ) from error
    return _read(file, experiment, stamp.st_size, stamp.st_mtime_ns)


@lru_cache(maxsize=4)
def _read(file: Path, experiment: Experiment, size: int, changed_ns: int) -> People:
    """Kept, because every cell and the summary read it."""
    fields = _fields(file)
    codes = _whole(fields, "subCodes", file, lowest=0)
    course = _course(fields, codes, file, experiment)
    category, planted = course.category, _answers(fields, file)
    late = fields["resp_reactiontime"].astype(np.float64).T > LATEST_S
    correct = _whole(fields, "resp_correct", file, lowest=0, highest=1).T == 1
    clear = np.isfinite(planted) & (category != 0)
    if (correct != ((planted == 1) == (category == 1)))[clear].any() or correct[np.isnan(planted)].any():
        raise _foreign(file, "resp_correct that agrees with resp_category and expt_catIDX")
    missed = np.isnan(planted) | late
    return People(course, correct & ~missed, missed)


def _course(fields: Struct, codes: Ints, file: Path, experiment: Experiment) -> Course:
    """Trials as the design has them, each rule checked."""
    garden = _whole(fields, "expt_contextIDX", file, lowest=1, highest=N_GARDENS).T - 1
    branch = _whole(fields, "expt_branchIDX", file, lowest=1, highest=N_LEVELS).T - 1
    leaf = _whole(fields, "expt_leafIDX", file, lowest=1, highest=N_LEVELS).T - 1
    reward = _whole(fields, "expt_rewardIDX", file).T / HIGHEST_REWARD
    n = len(garden)
    width = len(str(n))
    course = Course(
        experiment,
        tuple(f"{experiment}-{number:0{width}d}" for number in range(1, n + 1)),
        _groups(codes, file),
        garden,
        branch,
        leaf,
        reward,
    )
    _check_rules(course, codes, file)
    _check_sessions(fields, file)
    _check_order(course, file)
    if (course.category != _whole(fields, "expt_catIDX", file, lowest=-1, highest=1).T).any():
        raise _foreign(file, "expt_catIDX that is the sign of expt_rewardIDX")
    return course


def _groups(codes: Ints, file: Path) -> tuple[str, ...]:
    by_run = {run: group for group, run in RUNS.items()}
    groups = [
        INTERLEAVED if curriculum == MIXED else by_run.get(int(stays), "")
        for curriculum, stays in zip(codes[CURRICULUM], codes[STAYS], strict=True)
    ]
    if set(groups) != set(GROUPS):
        raise _foreign(file, f"persons of the curricula {', '.join(GROUPS)} in subCodes, and no others")
    return tuple(groups)


def _check_rules(course: Course, codes: Ints, file: Path) -> None:
    """Rewards follow the experiment's rules, each upwards or downwards the whole time."""
    expected = rewards(course.experiment, course.garden, course.branch, course.leaf)
    diagonal = int(course.experiment == "1b")
    for which in range(N_GARDENS):
        there = course.garden == which
        up = (course.reward == expected) | ~there
        down = (course.reward == -expected) | ~there
        if not (up.all(axis=1) | down.all(axis=1)).all() or (codes[RULES] != diagonal).any():
            raise _foreign(file, f"rewards by the rules of experiment {course.experiment}")


def _check_sessions(fields: Struct, file: Path) -> None:
    session = _whole(fields, "expt_sessIDX", file)
    if (session[:N_TRAINING] != 1).any() or (session[N_TRAINING:] != 2).any():
        raise _foreign(file, f"{N_TRAINING} trials of training and {N_TEST} of the test in expt_sessIDX")


def _check_order(course: Course, file: Path) -> None:
    """Gardens stay as long as the curriculum says, and every tree is met as often in each."""
    first = course.garden[:, :1]
    for group, run in RUNS.items():
        own = np.array(course.groups) == group
        expected = (np.arange(N_TRAINING) // run + first[own]) % N_GARDENS
        if (course.garden[own, :N_TRAINING] != expected).any():
            raise _foreign(file, f"gardens in runs of {run} trials for persons of {group}")
    tree = (course.garden * N_LEVELS + course.branch) * N_LEVELS + course.leaf
    n_trees = N_GARDENS * N_LEVELS**2
    for part, n in ((tree[:, :N_TRAINING], N_TRAINING), (tree[:, N_TRAINING:], N_TEST)):
        if (np.sort(part, axis=1) != np.arange(n) // (n // n_trees)).any():
            raise _foreign(file, f"every tree {n // n_trees} times in each garden among {n} trials")


def _answers(fields: Struct, file: Path) -> NDArray[np.float64]:
    """1 planted, 0 not, NaN missed, shape (n_persons, N_TRIALS)."""
    planted = fields["resp_category"].astype(np.float64).T
    if not (np.isnan(planted) | (planted == 0) | (planted == 1)).all():
        raise _foreign(file, "0, 1 or NaN in resp_category")
    return planted


NEEDED = (
    "expt_contextIDX", "expt_branchIDX", "expt_leafIDX", "expt_rewardIDX", "expt_catIDX", "expt_sessIDX",
    "resp_category", "resp_correct", "resp_reactiontime", "subCodes",
)  # fmt: skip


def _fields(file: Path) -> dict[str, NDArray]:
    """The numeric fields of the struct that are needed, of the shapes that they must have."""
    from scipy.io import loadmat
    from scipy.io.matlab import MatReadError

    try:
        found = loadmat(file, variable_names=["allData"]).get("allData")
    except (  # what scipy raises on damaged files
        OSError, ValueError, TypeError, LookupError, AttributeError, NameError, EOFError, ArithmeticError, MemoryError,
        RuntimeError, MatReadError, zlib.error,
    ) as error:  # fmt: skip
        raise DataError(f"{file} must be a MATLAB file of Flesch et al. (2018); got {error}") from error
    if not isinstance(found, np.ndarray) or found.shape != (1, 1) or not found.dtype.names:
        raise _foreign(file, "one struct allData")
    missing = [name for name in NEEDED if name not in found.dtype.names]
    if missing:
        raise _foreign(file, f"the fields {', '.join(NEEDED)} (without {', '.join(missing)})")
    fields = {name: np.asarray(found[name][0, 0]) for name in NEEDED}
    n = fields["subCodes"].shape[-1] if fields["subCodes"].ndim == 2 else 0
    for name, values in fields.items():
        rows = CODES if name == "subCodes" else N_TRIALS
        if values.shape != (rows, n) or values.dtype.kind not in "iufb" or not n:
            raise _foreign(file, f"numbers of shape ({rows}, persons) in {name}; it has {values.shape}")
    return fields


def _whole(
    fields: Struct,
    name: str,
    file: Path,
    *,
    lowest: int | None = None,
    highest: int | None = None,
) -> Ints:
    """A field of whole numbers within bounds, shape (rows, n_persons)."""
    values = fields[name].astype(np.float64)
    low = -np.inf if lowest is None else lowest
    high = np.inf if highest is None else highest
    with np.errstate(invalid="ignore"):
        fine = np.isfinite(values) & (values == np.rint(values)) & (values >= low) & (values <= high)
    if not fine.all():
        raise _foreign(file, f"whole numbers from {low:g} to {high:g} in {name}")
    return values.astype(np.int64)


def _foreign(file: Path, rule: str) -> DataError:
    return DataError(f"{file} must hold {rule}; got another file, or a damaged one")
