"""What Streamlit runs: the dashboard's frame, and in it the page that the address names.

It does not lie beside `dashboard.pages`: Streamlit takes a folder of that name beside its script for scripts, and would
run the module that a server's first address names by itself.
"""

from __future__ import annotations

import streamlit as st

from cogattn.apps.dashboard.links import pages
from cogattn.apps.dashboard.serve import ICON

st.set_page_config(page_title="cogattn", page_icon=str(ICON), layout="wide")
st.navigation(pages(), position="top").run()
