"""What Streamlit runs: the dashboard's frame, and in it the page that the address names.

Streamlit puts the folder of its script first among the places of imports: here lie three modules and no more.
"""

from __future__ import annotations

from base64 import b64encode

import streamlit as st

from cogattn.apps.dashboard import theme
from cogattn.apps.dashboard.links import pages
from cogattn.apps.dashboard.server.serve import ICON

PICTURE = b64encode(ICON.read_bytes()).decode()
# In the page itself: a file's address would end with the session that first asked for it.
st.set_page_config(page_title="cogattn", page_icon=f"data:image/png;base64,{PICTURE}", layout="wide")
st.html(theme.STYLE)
st.navigation(pages(), position="top").run()
