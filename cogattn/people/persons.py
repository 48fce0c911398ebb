"""The people that a study brings along, one by one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cogattn.errors import DataError
from cogattn.registry import load_study

if TYPE_CHECKING:
    import pandas as pd


def persons(study: str) -> pd.DataFrame:
    """Return the people that a study brings along.

    Parameters
    ----------
    study : str
        Name of a registered study, or a target ``module:attribute``.

    Returns
    -------
    DataFrame
        Columns person, measure, estimate, se, n, as `cogattn.measures.PEOPLE_COLUMNS` says: a row per person and
        measure.

    Raises
    ------
    DataError
        If all that is known of the study's people are means of groups.
    ConfigError
        If there is no such study.
    """
    found = load_study(study).persons()
    if found is None:
        raise DataError(f"{study} must bring persons along; got group means only")
    return found
