"""A process at work, as a page shows it: what it is doing, how far it is, and a button that stops it."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from cae.jobs.process import Job
from shared.asking import stop_button
from shared.markdown import plain


def working(job: Job, what: str, *, on_stop: Callable[[], None] = lambda: None) -> None:
    """Shows a live job; `what` stands before its own words, and `on_stop` is called before it is asked to stop."""
    doing, share = job.told() or ("starting", 0.0)
    st.progress(share, text=plain("Stopping" if job.is_stop_asked() else f"{what}: {doing}"))

    stop_button(job, key=f"stop {job.result.name}", on_stop=on_stop)
