"""Stimuli: what a study shows, made anew by its own generators as controls move.

The address names the study, the exhibit and every control that is not at its default. What is shown has a SHA-256 on
the page: a fresh process that makes the same has the same.
"""

from __future__ import annotations

import pprint
from collections.abc import Mapping
from functools import cache
from typing import Literal

import streamlit as st

from cogattn.apps.dashboard.drawing import drawn
from cogattn.apps.dashboard.literal import literal
from cogattn.errors import CogattnError, ConfigError
from cogattn.exhibits import Control, Exhibit, Picture, Series, Shown, Value
from cogattn.registry import load_study, load_target, study_entry_points

BIND: Literal["query-params"] = "query-params"
"""Of widgets whose value is in the address."""
FIXATION = "fixation"
"""A control of this name counts fixations: it is what Play moves."""
FIXATIONS = "fixations"
"""The page's own slider where an exhibit has no such control."""
DENSITY = "density"
PLAYING, LAST, TOGGLED = "stimuli-playing", "stimuli-last", "stimuli-toggled"
EVERY_S = 0.7
"""Between two fixations while they are played."""
SNIPPET = """from cogattn.registry import load_study, load_target

exhibit = load_target(load_study({study!r}).exhibits[{title!r}])
shown = exhibit.make(**{values})
assert shown.digest() == {digest!r}
"""


def page() -> None:
    """Draw the page."""
    st.title("Stimuli")
    studies = _studies()
    if not studies:
        st.info("No study that is installed has stimuli to look at.")
        return
    left, right = st.columns(2)
    study = left.selectbox("Study", list(studies), key="study", bind=BIND, on_change=_first_exhibit)
    titles = list(studies[study])
    title = right.selectbox("Exhibit", titles, key="exhibit", bind=BIND)
    try:
        exhibit = _exhibit(studies[study][title])
    except ConfigError as error:
        st.error(literal(str(error)))
        return
    st.write(exhibit.about)
    every_s = EVERY_S if _is_playing(study, title) else None
    st.fragment(_stage, run_every=every_s)(study, title, exhibit)


def _stage(study: str, title: str, exhibit: Exhibit) -> None:
    """Controls, and what they make; run again by itself, without the rest of the page."""
    if st.session_state.pop(TOGGLED, False):
        st.rerun()  # of the whole page, which alone starts and stops the clock
    controls, stage, beside = st.columns([1.1, 2.2, 1], gap="medium")
    moved = next((control for control in exhibit.controls if control.name == FIXATION), None)
    if moved is not None and _is_playing(study, title):
        _step(FIXATION, int(moved.high))
    with controls:
        values = {control.name: _widget(control) for control in exhibit.controls}
    try:
        shown = _made(study, title, values)
    except CogattnError as error:
        stage.error(literal(str(error)))
        return
    if moved is not None and _is_playing(study, title):
        _stop_where_nothing_changes(shown)
    with controls:
        n_points = _player(study, title, shown, moved)
        density = _switch(shown)
    with stage:
        _drawn(shown, n_points, density)
    with beside:
        _told(study, title, values, shown)


def _drawn(shown: Shown, n_points: int | None, density: bool) -> None:
    """Pictures in a row, then lines."""
    pictures = [part for part in shown.parts if isinstance(part, Picture)]
    if pictures:
        st.html(drawn.pictures(pictures, n_points=n_points, density=density))
    for part in shown.parts:
        if isinstance(part, Series):
            st.altair_chart(drawn.chart(part), width="stretch")
            st.caption(part.caption)


def _told(study: str, title: str, values: Mapping[str, Value], shown: Shown) -> None:
    """Facts, the digest, and how to have the same elsewhere."""
    if shown.facts:
        st.html(drawn.table(shown.facts))
    digest = shown.digest()
    st.caption(f"SHA-256 of what is shown: `{digest}`")
    with st.expander("The same in Python"):
        text = pprint.pformat(dict(values), sort_dicts=False, width=60)
        st.code(SNIPPET.format(study=study, title=title, values=text, digest=digest), language="python")
    pictures = [part for part in shown.parts if isinstance(part, Picture)]
    name = f"{study}-{digest[:12]}"
    with st.container(horizontal=True):
        if pictures:
            data = drawn.png(drawn.codes(pictures[0].pixels))
            st.download_button(
                "PNG", data, f"{name}.png", "image/png", help="The first picture, pixel by pixel."
            )
        st.download_button(
            "NPZ", drawn.npz(shown), f"{name}.npz", "application/octet-stream", help="All arrays and facts."
        )


# ---- what there is


def _first_exhibit() -> None:
    """Of another study nothing is known of the last one's exhibit: the address must not go on naming it."""
    st.session_state["exhibit"] = next(iter(_studies()[st.session_state["study"]]))


@cache
def _studies() -> dict[str, dict[str, str]]:
    """Targets of exhibits by study and title; a study that does not load has none."""
    found: dict[str, dict[str, str]] = {}
    for name in study_entry_points():
        try:
            exhibits = dict(load_study(name).exhibits)
        except ConfigError:
            continue
        if exhibits:
            found[name] = exhibits
    return found


def _exhibit(target: str) -> Exhibit:
    """Return the exhibit at a target that a study declares; raise ConfigError where there is none."""
    found = load_target(target)
    if not isinstance(found, Exhibit):
        raise ConfigError(f"{target} must be an Exhibit; got {type(found).__name__}")
    return found


def _made(study: str, title: str, values: Mapping[str, Value]) -> Shown:
    return _kept(study, title, tuple(values.items()))


@st.cache_data(max_entries=64, show_spinner="Making the stimulus ...")
def _kept(study: str, title: str, values: tuple[tuple[str, Value], ...]) -> Shown:
    return _exhibit(_studies()[study][title]).make(**dict(values))


# ---- controls


def _widget(control: Control) -> Value:
    """A choice, a switch or a slider, whose value is in the address."""
    key, about, default = control.name, control.help or None, control.default
    if control.choices:
        choices = list(control.choices)
        place = choices.index(str(default))
        return st.selectbox(control.label, choices, index=place, key=key, help=about, bind=BIND)
    if isinstance(default, bool):
        return st.toggle(control.label, value=default, key=key, help=about, bind=BIND)
    if isinstance(default, int):
        low, high, step = int(control.low), int(control.high), int(control.step)
        return st.slider(control.label, low, high, default, step, key=key, help=about, bind=BIND)
    bounds = float(control.low), float(control.high), float(default), float(control.step)
    return st.slider(control.label, *bounds, key=key, help=about, bind=BIND)


def _switch(shown: Shown) -> bool:
    """Whether densities are drawn, where there are any."""
    dense = any(isinstance(part, Picture) and part.weights is not None for part in shown.parts)
    return dense and st.toggle("Density over the picture", value=True, key=DENSITY, bind=BIND)


# ---- fixations in order


def _player(study: str, title: str, shown: Shown, moved: Control | None) -> int | None:
    """The slider of fixations and its button; return how many fixations to draw, None for all.

    Nothing moves before the button is pressed, whatever the reader's system says of motion.
    """
    n = max((len(part.points) for part in shown.parts if isinstance(part, Picture)), default=0)
    if moved is None and n < 2:
        return None
    playing, number = _is_playing(study, title), None
    if moved is None:
        st.session_state[FIXATIONS] = min(st.session_state.get(FIXATIONS, n), n)
        if playing:
            _step(FIXATIONS, n)
        number = st.slider("Fixations drawn", 0, n, key=FIXATIONS)
    st.button(
        "Pause" if playing else "Play",
        icon=":material/pause:" if playing else ":material/play_arrow:",
        on_click=_toggle,
        args=(study, title, FIXATION if moved else FIXATIONS, playing),
        help="Fixations one after the other.",
    )
    return number


def _is_playing(study: str, title: str) -> bool:
    return st.session_state.get(PLAYING) == (study, title)


def _toggle(study: str, title: str, key: str, playing: bool) -> None:
    st.session_state[PLAYING], st.session_state[LAST] = None if playing else (study, title), None
    st.session_state[TOGGLED] = True
    if not playing:
        st.session_state[key] = -1  # the first step makes it 0


def _step(key: str, last: int) -> None:
    """One fixation further, or the end of playing after the last."""
    if st.session_state.get(key, 0) >= last:
        st.session_state[PLAYING] = None
        st.rerun()
    st.session_state[key] = st.session_state.get(key, 0) + 1


def _stop_where_nothing_changes(shown: Shown) -> None:
    """After a path's last fixation a higher number shows the same."""
    digest = shown.digest()
    if st.session_state.get(LAST) == digest:
        st.session_state[PLAYING] = None
        st.rerun()
    st.session_state[LAST] = digest
