"""Jobs on the page: how far each is, its log, and a button that ends it, looked at anew every second."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import streamlit as st

from cogattn.apps.dashboard import links
from cogattn.apps.dashboard.jobs import jobs
from cogattn.apps.dashboard.jobs.jobs import Job
from cogattn.apps.dashboard.literal import literal
from cogattn.errors import CogattnError
from cogattn.reporting.plan import duration
from cogattn.running.store import RunFolder

BUSY_S, IDLE_S = 1.0, 5.0
"""How often jobs are looked at while one is at work, and else."""
N_ENDED = 5
"""Of the jobs that have ended, the last so many are shown."""
ASKED = "launch-asked"
"""Which job this tab was asked to cancel, and has not been told yes or no."""
ICONS = {
    "starting": ":material/hourglass_top:",
    "running": ":material/play_circle:",
    "cancelling": ":material/hourglass_bottom:",
    "finished": ":material/check_circle:",
    "failed": ":material/error:",
    "cancelled": ":material/cancel:",
    "died": ":material/dangerous:",
}
MEANINGS = {
    "starting": "starting",
    "running": "running",
    "cancelling": "ending: cells under way are stored first",
    "finished": "finished",
    "failed": "failed",
    "cancelled": "cancelled; what is stored stays, and launching it again resumes",
    "died": "died without a word; what is stored stays, and launching it again resumes",
}


def watch(root: Path) -> None:
    """Draw the store's jobs, and again and again."""
    busy = any(job.at_work for job in jobs.jobs(root))
    st.fragment(_draw, run_every=BUSY_S if busy else IDLE_S)(root, busy)


def _draw(root: Path, busy: bool) -> None:
    found = jobs.jobs(root)
    if any(job.at_work for job in found) != busy:
        st.rerun(scope="app")
    if not found:
        return
    st.subheader("Jobs")
    ended = [job for job in found if not job.at_work]
    for job in [job for job in found if job.at_work] + ended[:N_ENDED]:
        with st.container(border=True):
            _job(job)
    if len(ended) > N_ENDED:
        st.caption(f"{len(ended) - N_ENDED} earlier jobs are not shown.")


def _job(job: Job) -> None:
    name = links.name_of(job.run)
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(f"{ICONS[job.state]} **{literal(name)}**: {MEANINGS[job.state]}{_code(job)}")
        if job.run.folder.is_dir():
            links.link("run", "Open the run", run=name)
        _buttons(job, name)
    if job.at_work:
        share = job.n_stored / job.n_cells if job.n_cells else 0.0
        st.progress(share, text=_how_far(job))
    elif job.state != "finished" and job.n_cells:
        st.caption(f"{job.n_stored} of {job.n_cells} cells are stored.")
    if tail := jobs.log_tail(job.run):
        with st.expander("Log", expanded=job.state in ("failed", "died")):
            st.code(tail, language=None, wrap_lines=True)


def _how_far(job: Job) -> str:
    started = datetime.fromisoformat(job.record.started)
    elapsed = duration((datetime.now(UTC) - started).total_seconds())
    workers = f"{job.record.workers} worker{'s' if job.record.workers > 1 else ''}"
    if not job.n_cells:
        return f"checking the settings, {elapsed} so far, {workers}"
    if job.n_stored == job.n_cells:
        return f"{job.n_stored} of {job.n_cells} cells; writing tables and figures, {elapsed} so far"
    left = jobs.remaining_s(job)
    rest = "" if left is None else f", about {duration(left)} left"
    return f"{job.n_stored} of {job.n_cells} cells, {elapsed} so far{rest}, {workers}"


def _code(job: Job) -> str:
    return f" (exit code {job.code})" if job.state == "failed" else ""


def _buttons(job: Job, name: str) -> None:
    if job.state == "cancelling":
        return
    if not job.at_work:
        if st.button("Forget", key=f"forget-{name}", help="Remove the job and its log; the run stays."):
            _do(jobs.forget, job)
    elif st.session_state.get(ASKED) != name:
        if st.button("Cancel", key=f"cancel-{name}", help="Asks once more."):
            st.session_state[ASKED] = name
            st.rerun(scope="fragment")
    else:
        st.markdown("End this job? Its stored cells stay.")
        sure = st.button("Yes, end it", key=f"sure-{name}", type="primary")
        if st.button("No, let it run", key=f"not-{name}") or sure:
            del st.session_state[ASKED]
            _do(jobs.cancel if sure else None, job)


def _do(what: Callable[[RunFolder], None] | None, job: Job) -> None:
    """Do something to a job, if anything, and draw again."""
    try:
        if what is not None:
            what(job.run)
    except CogattnError as error:
        st.error(literal(str(error)))
        return
    st.rerun(scope="fragment")
