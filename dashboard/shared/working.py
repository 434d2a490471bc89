"""A job as a part of a page: the button that starts it, how far it is, and the button that stops it."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from cae.jobs.job import Job
from server.ticking import ticking
from shared.asking import stop_button
from shared.markdown import plain
from state import messages
from who import visitor

SECONDS_BETWEEN_TICKS = 0.5


def job_part(job: Callable[[], Job], doing: str, offer: Callable[[], bool]) -> None:
    """Shows how far the job is while it works, and what it is for otherwise.

    `doing` says in a word or two what the job does. `offer` draws what it is for and a button, and returns whether
    that was clicked. The page is drawn again when the job ends.
    """
    live = job().is_live()
    ticking(SECONDS_BETWEEN_TICKS, while_=live)(_job_part)(job, doing, offer, live)


@messages.errors_in_words()
def _job_part(job: Callable[[], Job], doing: str, offer: Callable[[], bool], was_live: bool) -> None:
    now = job()
    if now.is_live():
        working(now, doing)
        return
    if was_live:
        st.rerun()
    say_failure(now)
    if offer():
        start(now)


def working(job: Job, doing: str, *, on_stop: Callable[[], None] = lambda: None) -> None:
    """Shows a live job and its stop button, which calls `on_stop` first."""
    step, share = job.told() or ("starting", 0.0)
    st.progress(share, text=plain("Stopping" if job.is_stop_asked() else f"{doing}: {step}"))
    stop_button(job, key=f"stop {job.result.name}", on_stop=on_stop)


def say_failure(job: Job) -> None:
    """Shows why the job failed, if it did."""
    if failure := job.failure():
        st.error(plain(failure))


def start(job: Job) -> None:
    """Starts the job for this visitor and draws the page again, or shows why that is impossible."""
    with messages.errors_in_words():
        job.start(visitor.me())
        st.rerun()
