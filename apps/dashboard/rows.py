"""Places side by side, row by row: on a telephone, where columns come one below the other, the order stays."""

from __future__ import annotations

from collections.abc import Iterator

import streamlit as st
from streamlit.delta_generator import DeltaGenerator


def places(n: int, *, across: int = 2) -> Iterator[DeltaGenerator]:
    """Yield `n` places, `across` in a row; a single one is as wide as the page."""
    for first in range(0, n, across):
        row = st.columns(across) if n > 1 else [st.container()]
        yield from row[: n - first]
