"""Streamlit, started with the first page's modules read, so that the first visitor does not wait for them.

``python -m cogattn.apps.dashboard.server.boot run frame.py ...`` takes the words of ``streamlit``.
"""

from __future__ import annotations

from streamlit.web.cli import main

from cogattn.apps.dashboard.runs import page as page

if __name__ == "__main__":
    main(prog_name="streamlit")
