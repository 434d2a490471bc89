"""What every page about a run has in common."""

from collections.abc import Callable

import streamlit as st

import state
from cae.runs import Run


def show_chosen_run(show: Callable[[Run], None]) -> None:
    """Shows the chosen run, or says that there is none; what goes wrong is said in a sentence."""
    run = state.chosen_run()
    if run is None:
        st.info("There is no run yet: train one on the page Train.")
        return
    with state.errors_in_words():
        show(run)
