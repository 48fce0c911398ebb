"""Be the observer: sit a block in the browser, then see your own place among people and models.

The address names the sitting, whose record on the disk holds the seed: a reload draws the same block, and the browser
goes on at its checkpoint. Nothing is begun before the box is ticked, and *withdraw* leaves nothing.
"""

from __future__ import annotations

import math
import platform
import secrets
from importlib.metadata import version

import streamlit as st

from cogattn.answers import MEANINGS, apparatus, marks, read_result, trial_table
from cogattn.apps.dashboard.literal import literal
from cogattn.apps.dashboard.observer import component, consent, own_place
from cogattn.apps.dashboard.observer.exported import downloads
from cogattn.apps.dashboard.server.place import store
from cogattn.errors import CogattnError, ConfigError
from cogattn.observers.observer import Observer
from cogattn.registry import load_study, load_target, study_entry_points
from cogattn.running.sessions import SessionFolder, SittingRecord, seconds_since
from cogattn.sittings import Block, Sitting

QUERY = "sitting"
GONE = "observer-gone"
SECONDS_A_TRIAL = 2.2
MARKS = {
    "blurred": "the window was left in {} trial(s)",
    "anticipations": "{} anticipation(s)",
    "with slow frames": "slow frames in {} trial(s)",
    "resumed": "went on after {} reload(s)",
    "not calibrated": "the screen was not measured: sizes in degrees are not known",
    "short": "a short block",
}


def page() -> None:
    """Draw the page."""
    st.title("Be the observer")
    if gone := st.session_state.pop(GONE, None):
        component.forget(gone)
        st.success("The sitting is deleted from the disk.")
    name = st.query_params.get(QUERY)
    try:
        if name:
            _sitting(SessionFolder(store(), name))
        else:
            _choose()
    except CogattnError as error:
        st.error(literal(str(error)))
        if name:
            st.button("Begin anew", on_click=_leave)


# -- before ------------------------------------------------------------------------------------------------


def _choose() -> None:
    """Which block, how long, and consent."""
    st.write(
        "Sit a block of the lab's own trials and see where you lie among the people of a study and the models in this "
        "store."
    )
    known = _sittings()
    if not known:
        st.info("No study that is installed has a block to sit.")
        return
    chosen = st.radio("Block", list(known), format_func=lambda key: known[key].title, key="block")
    sitting = known[chosen]
    st.write(sitting.about)
    length = sitting.length
    n = st.number_input(
        f"Length: {length.label}", length.least, length.most, length.default, length.step,
        help=f"{length.enough} or more: {length.why}. A shorter block is marked.", key=f"length-{'-'.join(chosen)}",
    )  # fmt: skip
    trials = int(n) * length.trials_each
    st.caption(
        f"{trials} trials, about {max(1, math.ceil(trials * SECONDS_A_TRIAL / 60))} min"
        + ("" if n >= length.enough else f"; a short block: from {length.enough} on, {length.why}")
        + "."
    )
    with st.container(border=True):
        st.subheader(consent.TITLE)
        for paragraph in consent.TEXT:
            st.markdown(paragraph)
        st.caption(f"Version {consent.VERSION}")
    agreed = st.checkbox(consent.TICK, key="consent")
    if st.button("Begin", type="primary", disabled=not agreed) and agreed:
        _begin(*chosen, sitting.checked_length(int(n)))


def _begin(study: str, word: str, n: int) -> None:
    versions = {
        "cogattn": version("cogattn"),
        "streamlit": st.__version__,
        "python": platform.python_version(),
    }
    session = SessionFolder.begin(
        store(),
        study=study,
        word=word,
        seed=secrets.randbelow(2**31),
        n=n,
        consent=consent.VERSION,
        versions=versions,
    )
    st.query_params[QUERY] = session.id
    st.rerun()


@st.cache_resource(show_spinner=False)
def _sittings() -> dict[tuple[str, str], Sitting]:
    """All that installed studies declare; one that cannot be imported is left out."""
    found = {}
    for name in study_entry_points():
        try:
            for word, target in load_study(name).sittings.items():
                sitting = load_target(target)
                if isinstance(sitting, Sitting):
                    found[name, word] = sitting
        except ConfigError as error:
            st.warning(literal(str(error)))
    return found


# -- during ------------------------------------------------------------------------------------------------


def _sitting(session: SessionFolder) -> None:
    record = session.read()
    if record is None:
        raise ConfigError(
            f"sitting must be one of this store; got {session.id}, which is not there (any more)"
        )
    sitting = _sittings().get((record.study, record.word))
    if sitting is None:
        raise ConfigError(f"sitting must be of an installed study; got {record.study}, {record.word}")
    if record.finished:
        _finished(session, record, sitting)
    else:
        _block(session, record, sitting)
    _withdrawal(session)


def _block(session: SessionFolder, record: SittingRecord, sitting: Sitting) -> None:
    block, data = _drawn(record.study, record.word, record.seed, record.n, record.id)
    text = component.mount(data, key=f"block-{record.id}")
    if not isinstance(text, str):
        return
    result = read_result(text, sitting, block, id=record.id, seconds=seconds_since(record.begun))
    trials = trial_table(result, block, trial_type=f"{record.study}-{record.word}")
    session.finish(
        trials,
        marks=dict(marks(result, trials, short=record.n < sitting.length.enough)),
        apparatus=apparatus(result),
    )
    st.rerun()


@st.cache_resource(show_spinner="Drawing the stimuli...", max_entries=4)
def _drawn(study: str, word: str, seed: int, n: int, id: str) -> tuple[Block, bytes]:
    """A sitting's block, made again from its seed, and as it is sent."""
    sitting = _sittings()[study, word]
    block = sitting.block(seed, n)
    return block, component.packed(sitting, block.practice, block.trials, id)


# -- afterwards --------------------------------------------------------------------------------------------


def _finished(session: SessionFolder, record: SittingRecord, sitting: Sitting) -> None:
    component.forget(record.id)
    trials = session.trials()
    counted = trials[trials["phase"] == "block"]
    scored = sitting.score(counted, Observer("you", role="person"))
    st.subheader(f"Your own place: {sitting.title}")
    right = counted["correct"].astype(bool).mean()
    st.write(
        f"{len(counted)} trials, {100 * right:.0f} % right, median reaction time {counted['rt'].median():.0f} ms."
    )
    if record.marks:
        st.warning(
            "Marked: " + "; ".join(MARKS[name].format(value) for name, value in record.marks.items()) + "."
        )
    for remark in scored.remarks:
        st.info(remark)
    own_place.draw(record.study, scored)
    downloads(session, record, sitting, trials, MEANINGS)


def _withdrawal(session: SessionFolder) -> None:
    with st.popover("Withdraw"):
        st.write("Deletes all that the disk holds of this sitting. It cannot be brought back.")
        if st.button("Delete my sitting"):
            session.withdraw()
            st.session_state[GONE] = session.id
            _leave()
            st.rerun()


def _leave() -> None:
    st.query_params.pop(QUERY, None)
