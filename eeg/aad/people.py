"""The persons of the attended-speaker study: those of a table, or its own listeners, each with an accuracy by window.

People neither take the decoder's task nor beat it; a listener's accuracy says how well this person's attention can be
read. It is that of the first decoder in the settings.
"""

from __future__ import annotations

import pandas as pd

from cogattn.eeg.aad.config import AadConfig
from cogattn.eeg.aad.measures import ALL, accuracy_at, share_error
from cogattn.eeg.aad.significance import dispersion_of
from cogattn.measures import people_table
from cogattn.people.tables import read_persons


def read_people(config: AadConfig) -> pd.DataFrame | None:
    """Return the listeners that the settings name; None where they name none.

    Raises
    ------
    DataError
        If their table cannot be read or breaks a rule of `cogattn.people.tables.read_persons`.
    """
    return read_persons(config.humans, known=ALL) if config.humans else None


def persons(config: AadConfig, counts: pd.DataFrame) -> pd.DataFrame | None:
    """Return every listener's accuracy at each window.

    Parameters
    ----------
    config : AadConfig
        Its first decoder is the one that is read.
    counts : DataFrame
        Columns decoder, listener, window_s, n (decisions), correct.

    Returns
    -------
    DataFrame or None
        As `cogattn.measures.people_table` makes it, ``n`` counting decisions; None where nobody was decoded.
    """
    own = counts[counts["decoder"] == config.decoders[0]]
    if own.empty:
        return None
    spread = dispersion_of(config.validation)
    return people_table(
        (
            row.listener,
            accuracy_at(row.window_s),
            row.correct / row.n,
            share_error(row.correct, row.n, dispersion=spread),
            row.n,
        )
        for row in own.itertuples()
    )
