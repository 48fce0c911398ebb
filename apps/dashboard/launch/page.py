"""Launch: a study started from a form, its plan before, its progress after."""

from __future__ import annotations

import inspect
import shlex
import time
from pathlib import Path

import streamlit as st

from cogattn.apps.dashboard import links
from cogattn.apps.dashboard.jobs import jobs
from cogattn.apps.dashboard.launch import asking, watching
from cogattn.apps.dashboard.launch.answers import answers_of, beside, judged, unoffered, words
from cogattn.apps.dashboard.launch.asking import Asked
from cogattn.apps.dashboard.launch.forms import Form, form_of
from cogattn.apps.dashboard.launch.plans import Planned, Planner
from cogattn.apps.dashboard.literal import literal
from cogattn.apps.dashboard.server.place import store
from cogattn.config import StudyConfig
from cogattn.errors import CogattnError
from cogattn.registry import load_study, study_entry_points
from cogattn.running.catalogue import find_run
from cogattn.running.environment import available_cpus
from cogattn.running.execute import open_run
from cogattn.running.records import ConfigRecord
from cogattn.running.store import RunFolder
from cogattn.study import Study

STUDY, NOTE, LOAD, WORKERS = "launch-study", "launch-note", "launch-load", "launch-workers"
POLL_S = 0.5
NOTE_S = 15.0
STAYS = """<style>
@media (min-width: 640px) {
  div[data-testid="stColumn"]:has(.st-key-launch-panel) { position: sticky; top: 4rem; align-self: flex-start; }
}
</style>"""
"""The panel with the buttons stays in view beside a long form."""


def page() -> None:
    """Draw the page."""
    st.title("Launch")
    root = store()
    watching.watch(root)
    names = list(study_entry_points())
    _arrive(root, names)
    _told()
    left, right = st.columns(2, vertical_alignment="bottom")
    key = f"{STUDY}/{st.session_state.get(asking.EPOCH, 0)}"
    begun = str(asking.first(key, st.session_state[STUDY]))
    name = st.session_state[STUDY] = left.selectbox("Study", names, names.index(begun), key=key)
    with right:
        _loader(root)
    try:
        study = load_study(name)
    except CogattnError as error:
        st.error(literal(str(error)))
        return
    st.caption(literal((inspect.getdoc(type(study)) or "").partition("\n")[0]))
    _form(root, study)


def _form(root: Path, study: Study) -> None:
    form = form_of(study.Config)
    asked = asking.ask(study.name, form)
    config, refused = judged(study.Config, form, asked.answers)
    workers = st.session_state.get(WORKERS) or None
    told = _plan_of(root, study, config, workers)
    if told is not None and not told.taken:
        refused = {beside(told.text, set(asked.keys)): told.text}
    st.html(STAYS)
    left, right = st.columns([2, 1], gap="large")
    with left:
        asking.draw(form, asked, refused)
    with right, st.container(key="launch-panel"):
        _panel(root, study, form, asked, config, refused)
    asking.to_address(study.name, form, asked)


def _panel(
    root: Path, study: Study, form: Form, asked: Asked, config: StudyConfig | None, refused: dict[str, str]
) -> None:
    """What the settings would take, the buttons, and the settings to copy."""
    workers = st.selectbox(
        "Workers", range(available_cpus() + 1), key=WORKERS, format_func=lambda n: str(n or "as many as fit"),
        help="Processes at work at once, one thread each; jobs at work share the processors of this machine.",
    )  # fmt: skip
    workers = workers or None
    if refused:
        n = "1 setting is" if len(refused) == 1 else f"{len(refused)} settings are"
        st.error(f"{n} refused: see beside the field.", icon=":material/error:")
        if "" in refused:
            st.error(literal(refused[""]))
    told = _plan_of(root, study, config, workers)
    with st.container(horizontal=True):
        ask = st.button("Plan", help="Check the settings and say what they take.")
        ready = config is not None and told is not None and told.taken
        go = st.button("Launch", type="primary", disabled=not ready, help="After its plan: start the run.")
    if config is None:
        return
    if ask:
        planner(root).ask(study.name, config, workers)
        st.rerun()
    if go and ready:
        _launch(root, study, config, workers)
    run = open_run(study, config, root)
    _there(run)
    _plan(run, study, config, workers)
    _copies(root, study, form, asked, config)


def _plan(run: RunFolder, study: Study, config: StudyConfig, workers: int | None) -> None:
    future = planner(run.root).told(study.name, config, workers)
    if future is None:
        st.caption("Plan first: how many cells, how many are stored, what time and memory the rest takes.")
    elif not future.done():
        st.fragment(_wait, run_every=POLL_S)(run.root, study.name, config, workers)
    elif (told := future.result()).taken:
        job = jobs.look(run)
        if job is None or job.record.started < told.at:
            _sums(told)
        else:
            st.caption("Started since it was planned: plan again for what is left.")


def _there(run: RunFolder) -> None:
    """Say where these settings have been run already, or are being."""
    job = jobs.look(run)
    if job is not None and job.at_work:
        st.info("This run is on its way; see above.", icon=":material/play_circle:")
    elif run.finished:
        links.link("run", "This run is finished: open it", run=links.name_of(run))


def _wait(root: Path, study: str, config: StudyConfig, workers: int | None) -> None:
    future = planner(root).told(study, config, workers)
    if future is None or future.done():
        st.rerun(scope="app")
    st.info("Planning: the settings are checked and the cells counted.", icon=":material/hourglass_top:")


def _sums(told: Planned) -> None:
    sums = told.sums
    if sums:
        cells, stored = st.columns(2)
        cells.metric("Cells", sums["cells"])
        stored.metric("Stored", sums["stored"])
        st.markdown(f"To compute: {literal(sums['missing'])} cells, about {literal(sums['times'])}.")
        st.markdown(f"Memory: {literal(sums['memory'])}.")
    with st.expander("The plan in full"):
        st.code(told.text, language=None)


def _copies(root: Path, study: Study, form: Form, asked: Asked, config: StudyConfig) -> None:
    told = words(study.name, form, asked.answers) or ["cogattn", study.name, "--config", "settings.toml"]
    st.markdown("The same on the command line")
    st.code(shlex.join([*told, "--out", str(root)]), language="bash", wrap_lines=True)
    with st.expander("All settings as TOML"):
        st.code(config.to_toml(), language="toml")


def _launch(root: Path, study: Study, config: StudyConfig, workers: int | None) -> None:
    try:
        job, new = jobs.start(root, study.name, config, workers=workers)
        name = links.name_of(job.run)
        sentence = f"{name} was started." if new else f"{name} is on its way already: one run for both."
        _note(sentence, well=True)
    except CogattnError as error:
        _note(str(error), well=False)
    st.rerun()


def _arrive(root: Path, names: list[str]) -> None:
    """Take study and settings from the address or from the run that it names."""
    if (run := st.query_params.get("run")) is not None:
        del st.query_params["run"]
        _load(root, run)
    elif (study := asking.from_address()) in names:
        st.session_state[STUDY] = study
    st.session_state.setdefault(STUDY, names[0])


def _loader(root: Path) -> None:
    with st.form(LOAD, border=False), st.container(horizontal=True, vertical_alignment="bottom"):
        name = st.text_input("Settings of run", placeholder="study/id, or the start of an id", max_chars=200)
        if st.form_submit_button("Load") and name:
            st.query_params.from_dict({"run": name})
            st.rerun()


def _load(root: Path, name: str) -> None:
    """Fill the form with the settings of a stored run; say why not where it cannot be."""
    try:
        run = find_run(root, name[:200])
        study = load_study(run.study) if run.study in study_entry_points() else None
        record = run.read(ConfigRecord)
        if study is None or record is None:
            what = "a registered study" if study is None else "settings"
            _note(f"run {links.name_of(run)} must have {what}; got none", well=False)
            return
        config, form = study.Config.parse(record.config), form_of(study.Config)
    except CogattnError as error:
        _note(str(error), well=False)
        return
    asking.fill(run.study, answers_of(form, config))
    st.session_state[STUDY] = run.study
    sentence = f"These are the settings of {links.name_of(run)}"
    if missing := unoffered(form, config):
        sentence += f", but for {', '.join(missing)}, which names code and is for the command line"
    _note(f"{sentence}.", well=True)


def _told() -> None:
    """Say for a while what the last click or the address has done."""
    well, sentence, at = st.session_state.get(NOTE, (True, "", 0.0))
    if sentence and time.monotonic() - at < NOTE_S:
        (st.success if well else st.error)(literal(sentence))


def _note(sentence: str, *, well: bool) -> None:
    st.session_state[NOTE] = (well, sentence, time.monotonic())


def _plan_of(root: Path, study: Study, config: StudyConfig | None, workers: int | None) -> Planned | None:
    if config is None:
        return None
    future = planner(root).told(study.name, config, workers)
    return future.result() if future is not None and future.done() and not future.cancelled() else None


@st.cache_resource
def planner(root: Path) -> Planner:
    """Return the server's own planner."""
    return Planner(root)
