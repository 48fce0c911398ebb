"""Trial-level answers of people who name images: the 17 sets of model-vs-human, and tables of one's own.

Four to ten people a set chose one of 16 categories for each image (Geirhos et al. 2018, 2019, 2021), in files
``<set>/<set>_subject-01_session_1.csv``. What their makers' files hold, found by reading all 90 (85,120 trials):

- The column of the session is ``session`` in the five texture-shape sets (cue-conflict, edge, silhouette, sketch,
  stylized) and ``Session`` in the others.
- ``object_response`` is ``na``, with a reaction time ``NaN``, where no answer came within 1.5 s (597 trials: at most
  3.1 % of a person's, but 30 of 160 of person 09 in edge). Times go up to 1.5005 s.
- ``imagename`` begins with trial, experiment, person, condition, category and a number, all equal to the columns;
  what follows is the image, the same for all people of a set. Nobody saw an image twice, nor in another condition than
  the others did, so a trial is known by its image.
- ``category`` is that of the shape in cue-conflict; in 80 of its 1,280 images shape and texture are of one category.

References
----------
Geirhos, Narayanappa, Mitzkus, Thieringer, Bethge, Wichmann, Brendel (2021), Partial success in closing the gap between
human and machine vision, NeurIPS; github.com/bethgelab/model-vs-human.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from cogattn.errors import DataError
from cogattn.people.files import Source, need, read_rows, refuse
from cogattn.vision.images.categories import CATEGORIES

SETS = (
    "colour", "contrast", "cue-conflict", "edge", "eidolonI", "eidolonII", "eidolonIII", "false-colour", "high-pass",
    "low-pass", "phase-scrambling", "power-equalisation", "rotation", "silhouette", "sketch", "stylized",
    "uniform-noise",
)  # fmt: skip
"""Names of the sets of model-vs-human."""
COLUMNS = ("person", "image", "category", "response", "condition", "session", "rt_s")
NEEDED = COLUMNS[:4]
THEIRS = {
    "subj": "person", "imagename": "image", "object_response": "response", "rt": "rt_s", "Session": "session",
}  # fmt: skip
"""What model-vs-human calls the columns."""
FORMS = f"either {', '.join(NEEDED)}, or subj, imagename, category, object_response"
TRIAL = ["person", "session", "condition", "image"]
"""What tells two trials apart."""
SHOWN = ["condition", "image"]
"""What has one right answer: a condition may change it, a person may not."""
NO_ANSWER = ("", "na", "nan", "none")
FILES = "*_subject-*.csv"
"""People's files among those of networks, which lie in the same folders."""
_PREFIX = re.compile(r"\d+_[a-z0-9]+_(?:s\d+|dnn)_([^_]+)_([a-z]+)_\d+_(?=.)")
_ENDING = re.compile(r"\.(png|jpe?g)$", re.IGNORECASE)


def read_answers(
    place: str | Path,
    set_name: str = "",
    *,
    setting: str = "people",
    categories: Sequence[str] = CATEGORIES,
) -> pd.DataFrame:
    """Return the answers of people, one row a trial.

    Parameters
    ----------
    place : str or Path
        A CSV file, or a folder: the data set's with a `set_name`, one set's, or one of CSV files of one's own. Columns
        are those of model-vs-human or those returned here, of which person, image, category and response are needed.
    set_name : str
        One of `SETS`, for the folder of all.
    setting : str
        What named the place, for the start of an error.
    categories : sequence of str
        What may be answered.

    Returns
    -------
    DataFrame
        Columns `COLUMNS`: ``image`` without folder, trial prefix and ending (copies come as PNG and JPEG), ``category``
        the right one, ``response`` "" where none was given, ``rt_s`` in seconds, NaN where there is none.

    Raises
    ------
    DataError
        If there is no such set or file, or a file breaks a rule; the message names file and line.
    """
    files = files_of(place, set_name, setting=setting)
    answers = pd.concat([_read(file, setting, categories) for file in files], keys=range(len(files)))
    again = answers.index[answers.duplicated(TRIAL)]
    if len(again):
        raise DataError(
            f"{setting} must have each image once per person, session and condition; got "
            f"{answers.loc[again[0], 'image']} again ({_line(files, again[0])})"
        )
    first = answers.groupby(SHOWN)["category"].transform("first")
    other = answers.index[answers["category"] != first]
    if len(other):
        row = answers.loc[other[0]]
        raise DataError(
            f"{setting} must have one category for an image in a condition, whoever names it; got {row['category']} "
            f"for {row['image']}, which is {first[other[0]]} before ({_line(files, other[0])})"
        )
    return answers.reset_index(drop=True)


def files_of(place: str | Path, set_name: str = "", *, setting: str = "people") -> list[Path]:
    """Return the CSV files of people's trials at a place, sorted; raise DataError where there are none."""
    if set_name and set_name not in SETS:
        raise DataError(f"{setting} must be one of {', '.join(SETS)}; got {set_name}")
    folder = Path(place) / set_name if set_name else Path(place)
    if not folder.is_dir():
        return [folder]
    found = sorted(folder.glob(FILES)) or sorted(folder.glob("*.csv"))
    if not found:
        raise DataError(f"{setting} must hold CSV files of people's trials; got none ({folder})")
    return found


def image_name(path: str) -> str:
    """Return an image's name by which copies and trials of it join: no folder, no trial prefix, no ending.

    Examples
    --------
    >>> image_name("0002_s5n_s01_0_bird_00_bird2-clock3.png"), image_name("bird/bird2-clock3.jpg")
    ('bird2-clock3', 'bird2-clock3')
    """
    return _ENDING.sub("", _PREFIX.sub("", _file_name(path), count=1))


def named_condition(path: str) -> str | None:
    """Return the condition that an image's name begins with, as published files do; None where it has no such prefix.

    Examples
    --------
    >>> named_condition("session-1/0001_cop_dnn_c30_knife_10_n03041632_7380.png")
    'c30'
    """
    found = _PREFIX.match(_file_name(path))
    return found[1] if found else None


def named_category(path: str) -> str | None:
    """Return the category that an image's name begins with, after its condition; None as for `named_condition`."""
    found = _PREFIX.match(_file_name(path))
    return found[2] if found else None


def _file_name(path: str) -> str:
    return path.replace("\\", "/").rpartition("/")[2]


def _line(files: Sequence[Path], place: tuple[int, int]) -> str:
    """File and line of a row by the number of its file and its own; the header is line 1."""
    number, row = place
    return f"{files[number]}, line {row + 2}"


def _read(file: Path, setting: str, categories: Sequence[str]) -> pd.DataFrame:
    """One file, checked; its columns are named in errors as they are in the file."""
    source = Source(str(file), setting)
    rows = read_rows(source)
    called = {ours: theirs for theirs, ours in THEIRS.items() if theirs in rows and ours not in rows}
    need(rows, tuple(called.get(name, name) for name in NEEDED), source, forms=FORMS)
    blank = pd.Series("", index=rows.index)
    text = {name: rows.get(called.get(name, name), blank).str.strip() for name in COLUMNS}
    response = text["response"].mask(text["response"].str.lower().isin(NO_ANSWER), "")
    times = pd.to_numeric(text["rt_s"], errors="coerce")
    one_of = f"one of {', '.join(categories)}"
    for name, bad, rule in (
        ("person", text["person"] == "", "a name"),
        ("image", text["image"] == "", "a name"),
        ("category", ~text["category"].isin(categories), one_of),
        ("response", ~response.isin([*categories, ""]), f"{one_of}, or nothing"),
        ("rt_s", ~text["rt_s"].str.lower().isin(NO_ANSWER) & ~(times > 0), "seconds above 0, or nothing"),
    ):
        refuse(bad, rows, called.get(name, name), rule, source)
    image = text["image"].map(image_name)
    return pd.DataFrame(text | {"image": image, "response": response, "rt_s": times})
