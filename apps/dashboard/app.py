"""What Streamlit runs: the frame, and in it the page that the address names."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from cogattn.apps.dashboard.links import pages

ICON = Path(__file__).with_name("icon.png")
"""Our own file: an icon by name would be fetched from elsewhere."""
st.set_page_config(page_title="cogattn", page_icon=str(ICON), layout="wide")
st.navigation(pages(), position="top").run()
