"""What a card has not: its command, and for each study the form that starts it under the card's own settings."""

from __future__ import annotations

import shlex

import streamlit as st

from cogattn.apps.dashboard import links
from cogattn.apps.dashboard.launch.answers import answers_of, unoffered
from cogattn.apps.dashboard.launch.asking import address_of
from cogattn.apps.dashboard.launch.forms import form_of
from cogattn.apps.dashboard.server.place import store
from cogattn.errors import CogattnError
from cogattn.registry import load_study
from cogattn.reporting.card.model import Card


def offer(name: str, card: Card) -> None:
    """Draw how the studies that are not run can be run; nothing where none is missing."""
    studies = list(dict.fromkeys(row.study for row in card.rows if row.status == "not run"))
    if not studies:
        return
    st.markdown("Run what is missing, by the command or one by one:")
    st.code(command(name), language="bash", wrap_lines=True)
    with st.container(horizontal=True):
        for study in studies:
            query = launch_query(study, name)
            if query is not None:
                links.link("launch", study, icon=":material/play_arrow:", **query)


def command(name: str) -> str:
    """Return what to type so that all studies of a card are run in this store."""
    return f"cogattn card {shlex.quote(name)} --run --out {shlex.quote(str(store()))}"


def launch_query(study_name: str, model: str) -> dict[str, str] | None:
    """Return the address of the form that has the card's own settings; None where a form does not offer them."""
    try:
        study = load_study(study_name)
        config = study.carded(model)
    except CogattnError:
        return None
    form = form_of(study.Config)
    if config is None or unoffered(form, config):
        return None
    return address_of(study_name, form, answers_of(form, config))
