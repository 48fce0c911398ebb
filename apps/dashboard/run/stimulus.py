"""What was shown in one trial of a run: made again by the run's own generator, drawn, and what was answered."""

from __future__ import annotations

import json
from collections.abc import Mapping

import streamlit as st

from cogattn.apps.dashboard.drawing import drawn
from cogattn.apps.dashboard.literal import literal
from cogattn.apps.dashboard.run.reading import Reading
from cogattn.errors import CogattnError
from cogattn.exhibits import Picture, Series, Shown
from cogattn.registry import load_study

ANSWERS = ("response", "correct", "category", "texture", "n_fixations", "bits", "rank", "score")
"""Columns of a trial that are told below its picture."""
UNKNOWN = "What was shown is not known here, or the row is of many trials: nothing single was shown."


def made(reading: Reading, task: str, trial: Mapping[str, object]) -> Shown | str:
    """Return what was shown in a trial of a table, or a sentence that says why it cannot be made again here."""
    if reading.study is None or reading.settings is None or reading.config is None:
        return (
            "The study of this run is not installed here, or takes other settings: no stimulus can be made."
        )
    try:
        settings = json.dumps(reading.settings.config, sort_keys=True)
        found = _made(reading.run.study, settings, task, json.dumps(_plain(trial), sort_keys=True))
    except (CogattnError, OSError) as error:
        return f"The stimulus cannot be made again here: {error}"
    return UNKNOWN if found is None else found


def draw(shown: Shown | str) -> None:
    """Draw what was shown with its facts, or say why it is not there."""
    if isinstance(shown, str):
        st.caption(literal(shown))
        return
    pictures = [part for part in shown.parts if isinstance(part, Picture)]
    if pictures:
        st.html(drawn.pictures(pictures))
    for part in shown.parts:
        if isinstance(part, Series):
            st.altair_chart(drawn.chart(part), width="stretch")
            st.caption(literal(part.caption))
    st.html(drawn.table(shown.facts))


def answers(trial: Mapping[str, object]) -> None:
    """Say what was answered in a trial."""
    st.caption(" · ".join(literal(f"{name}: {_short(trial[name])}") for name in ANSWERS if name in trial))


def _short(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


@st.cache_data(max_entries=64, show_spinner="Making the stimulus again")
def _made(study: str, settings: str, task: str, trial: str) -> Shown | None:
    """A trial's stimulus by the run's own generator; the last ones are kept."""
    loaded = load_study(study)
    return loaded.stimulus(loaded.Config.parse(json.loads(settings)), task, json.loads(trial))


def _plain(trial: Mapping[str, object]) -> dict[str, object]:
    """A trial's values as JSON has them."""
    return {str(name): getattr(value, "item", lambda value=value: value)() for name, value in trial.items()}
