"""What Streamlit runs: the dashboard's frame, and in it the page that the address names.

It does not lie beside `dashboard.pages`: Streamlit takes a folder of that name beside its script for scripts, and would
run the module that a server's first address names by itself.
"""

from __future__ import annotations

from base64 import b64encode

import streamlit as st

from cogattn.apps.dashboard.links import pages
from cogattn.apps.dashboard.serve import ICON

PICTURE = b64encode(ICON.read_bytes()).decode()
# In the page itself: a file's address would end with the session that first asked for it.
st.set_page_config(page_title="cogattn", page_icon=f"data:image/png;base64,{PICTURE}", layout="wide")
st.navigation(pages(), position="top").run()
