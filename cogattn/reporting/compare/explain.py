"""Does one measure explain another over observers, beyond a control?

Measures that are compared by ratios enter as base-2 logarithms, those in octaves (logarithms already) and all others
as they are. An observer that lacks a value is left out, counted, and named with the reason.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from cogattn.errors import DataError
from cogattn.reporting.compare.selection import Reasons, lacking, wide
from cogattn.seeds import Streams
from cogattn.statistics.relations import RELATION_COLUMNS, logged, relate

LETTERS = re.compile(r"[A-Za-z]+")


@dataclass(frozen=True, eq=False)
class Explained:
    """A relation over observers.

    Parameters
    ----------
    outcome, by, control
        Keys of measures.
    relations : DataFrame
        Columns `cogattn.statistics.relations.RELATION_COLUMNS`.
    observers : DataFrame
        Index observer; the measures as they are, of all that entered.
    reasons : dict of str to str
        Who was left out for want of a value, and why.
    logs : tuple of str
        Measures that entered as base-2 logarithms.
    about : DataFrame
        Index measure; label, unit and scale.
    """

    outcome: str
    by: tuple[str, ...]
    control: tuple[str, ...]
    relations: pd.DataFrame
    observers: pd.DataFrame
    reasons: Reasons
    logs: tuple[str, ...]
    about: pd.DataFrame

    @property
    def entered(self) -> pd.DataFrame:
        """The measures of all that entered on the scale on which they entered."""
        return _entering(self.observers, self.logs)


def explain(
    values: pd.DataFrame,
    outcome: str,
    *,
    by: Sequence[str],
    control: Sequence[str] = (),
    leave_out_families: bool = False,
    families: Mapping[str, str] | None = None,
    n_left_out: int = 0,
    seed: int = 0,
) -> Explained:
    """Relate an outcome to measures over all observers that have them, from whatever sources.

    Parameters
    ----------
    values : DataFrame
        As `cogattn.reporting.compare.values.pool` makes it.
    outcome : str
        Key of the measure that is to be explained.
    by, control : sequence of str
        Keys of what explains it, and of what is to be held constant.
    leave_out_families : bool
        Also predict each family from the others.
    families : mapping of str to str, optional
        Family by observer; the letters that its name begins with for all others.
    n_left_out : int
        Observers that were left out already.
    seed : int
        Of the stream that draws observers.

    Returns
    -------
    Explained

    Raises
    ------
    DataError
        If a measure is not there, is named twice, or an observer has it from two sources.
    """
    model = [outcome, *by, *control]
    if not by:
        raise DataError("--explain needs the measures that explain, --by; got none")
    if twice := [name for name in model if model.count(name) > 1]:
        raise DataError(f"a measure must be named once in a relation; got {twice[0]} twice")
    table = wide(values, model, what="a relation")
    about = values.drop_duplicates("measure").set_index("measure").loc[model, ["label", "unit", "scale"]]
    logs = tuple(name for name in model if logged(scale=about.at[name, "scale"], unit=about.at[name, "unit"]))
    reasons = lacking(table)
    observers = table[[name not in reasons for name in table.index]]
    known = families or {}
    relations = relate(
        _entering(observers, logs),
        outcome,
        predictors=tuple(by),
        control=tuple(control),
        families=[known.get(n) or _letters(n) for n in observers.index] if leave_out_families else None,
        rng=Streams(seed).generator("compare", "relations", *model),
    )
    relations = relations.assign(n_left_out=len(reasons) + n_left_out)[list(RELATION_COLUMNS)]
    return Explained(outcome, tuple(by), tuple(control), relations, observers, reasons, logs, about)


def _entering(observers: pd.DataFrame, logs: Sequence[str]) -> pd.DataFrame:
    return observers.assign(**{name: np.log2(observers[name]) for name in logs})


def _letters(name: str) -> str:
    """Family of an observer whose table names none: resnet for resnet50_swsl."""
    found = LETTERS.match(name)
    return found[0].lower() if found else name
