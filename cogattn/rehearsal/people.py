"""Who the persons of this study are: those who learnt two rules about trees (Flesch), or tasks A, B and A (Holton)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cogattn.rehearsal import plan
from cogattn.rehearsal.config import RehearsalConfig

if TYPE_CHECKING:
    import pandas as pd


def people(config: RehearsalConfig) -> pd.DataFrame | None:
    """Return the persons of the settings' scenario.

    Parameters
    ----------
    config : RehearsalConfig
        Settings; pictures and other packages' scenarios have no persons.

    Returns
    -------
    DataFrame or None
        As `cogattn.measures.people_table`; None where there are none.
    """
    scenario = plan.scenario_of(config)
    if scenario == plan.TREES:
        from cogattn.rehearsal.trees import summary as trees

        return trees.people(config)
    if scenario == plan.TRANSFER:
        from cogattn.rehearsal.transfer import summary as transfer

        return transfer.people(config)
    return None
