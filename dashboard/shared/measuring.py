"""The measuring of a run: what it will be, the button that starts it, and how far it is."""

from __future__ import annotations

import streamlit as st

from cae.latent import evaluate
from cae.runs.run import Run
from server.ticking import ticking
from shared.markdown import plain
from shared.working import working
from state import messages
from who import visitor

SECONDS_BETWEEN_TICKS = 0.5


def measuring(run: Run) -> None:
    """Starts the process that judges the run, or shows how far it is; ticks while it works."""
    live = evaluate.job(run).is_live()
    ticking(SECONDS_BETWEEN_TICKS, while_=live)(_measuring)(run, live)


def _measuring(run: Run, was_live: bool) -> None:
    with messages.errors_in_words():
        work = evaluate.job(run)
        if work.is_live():
            working(work, "Measuring")
            return
        if was_live:
            st.rerun()  # it has ended
        if failure := work.failure():
            st.error(plain(failure))
        told, button = st.columns([5, 1.2], vertical_alignment="center")
        told.markdown(
            "To be measured, once, in a minute or so: the error by three measures and class by class, how well classes "
            "can be told from the codes, what each number of a code does, and how far its map can be trusted."
        )
        if button.button("Judge this run", type="primary", width="stretch"):
            work.start(visitor.me())
            st.rerun()
