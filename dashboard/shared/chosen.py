"""What all pages about a run have in common."""

from collections.abc import Callable

import streamlit as st

from cae.errors import CaeError
from cae.runs.run import Run
from server.ticking import ticking
from state import chosen, messages


def show_chosen_run(show: Callable[[Run], None]) -> None:
    """Shows the chosen run, or a sentence that says why there is nothing to show."""
    run = chosen.chosen_run()
    if run is None:
        st.info("There is no run yet. Train one on the page Train.")
        return
    with messages.errors_in_words():
        if run.is_live() and not run.weights_file().exists():
            _wait_for(run)
            return
        say_when(run)
        show(run)


def _wait_for(run: Run) -> None:
    """Draws the page again as soon as the run has weights."""
    st.info(
        f"{run.name} has not finished an epoch yet. This page shows it as soon as it has.", icon=":material/hourglass:"
    )

    def look() -> None:
        now = run.again()
        if now.weights_file().exists() or not now.is_live():
            st.rerun()

    ticking(1.0, while_=True)(look)()


def say_when(run: Run) -> None:
    """Says which epoch of the run the page shows."""
    try:
        last = run.last_epoch()
    except CaeError:  # what shows the history says what is wrong with it
        return
    when = "before its first training step" if run.epoch == 0 else f"after epoch {run.epoch}"
    if run.epoch is not None:
        st.caption(f":material/history: {run.name} **{when}**; its last epoch is {last}.")
    elif last:
        st.caption(f":material/history: {run.name} after its last epoch, {last}.")
    elif run.weights_file().exists():
        st.caption(f":material/history: {run.name} as it was imported.")
