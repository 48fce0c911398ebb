"""What Streamlit runs: the pages and their order."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from cogattn.apps.dashboard.pages import card, compare, launch, observer, run, runs, stimuli

ICON = Path(__file__).with_name("icon.png")
"""Our own file: an icon by name would be fetched from elsewhere."""
st.set_page_config(page_title="cogattn", page_icon=str(ICON), layout="wide")
PAGES = (
    (runs.page, "Runs", "", ":material/table_rows:"),
    (run.page, "Run", "run", ":material/insights:"),
    (compare.page, "Compare", "compare", ":material/compare_arrows:"),
    (card.page, "Card", "card", ":material/badge:"),
    (stimuli.page, "Stimuli", "stimuli", ":material/image:"),
    (observer.page, "Be the observer", "observer", ":material/person:"),
    (launch.page, "Launch", "launch", ":material/play_arrow:"),
)
st.navigation(
    [
        st.Page(page, title=title, url_path=path, icon=icon, default=not path)
        for page, title, path, icon in PAGES
    ]
).run()
