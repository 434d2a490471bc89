"""What every page about a run has in common."""

from collections.abc import Callable

import streamlit as st

from cae.errors import CaeError
from cae.runs.run import Run
from server.ticking import ticking
from state import chosen, messages


def show_chosen_run(show: Callable[[Run], None]) -> None:
    """Shows the chosen run, or says that there is none; what goes wrong is said in a sentence."""
    run = chosen.chosen_run()
    if run is None:
        st.info("There is no run yet: train one on the page Train.")
        return
    with messages.errors_in_words():
        if run.is_live() and not run.weights_file().exists():
            _wait_for(run)
            return
        say_when(run)
        show(run)


def _wait_for(run: Run) -> None:
    """Says that there is nothing to show yet, and shows the page as soon as there is."""
    st.info(
        f"{run.name} has not finished an epoch yet. As soon as it has, this page shows it.", icon=":material/hourglass:"
    )

    def look() -> None:
        now = run.again()
        if now.weights_file().exists() or not now.is_live():
            st.rerun()

    ticking(1.0, while_=True)(look)()


def say_when(run: Run) -> None:
    """Says after which epoch the run is looked at."""
    try:
        last = run.last_epoch()
    except CaeError:  # what is wrong with its history is said where that is shown
        return
    when = "before the first step of its training" if run.epoch == 0 else f"after epoch {run.epoch}"
    if run.epoch is not None:
        st.caption(f":material/history: {run.name} as it was **{when}**, of {last} in all.")
    elif last:
        st.caption(f":material/history: {run.name} after its last epoch, {last}.")
    elif run.weights_file().exists():
        st.caption(f":material/history: {run.name} as it was loaded.")
