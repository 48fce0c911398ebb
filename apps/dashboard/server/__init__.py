"""The server: Streamlit on this machine alone, its one script, and where its runs are."""
