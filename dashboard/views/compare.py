"""Two to six runs beside each other."""

import streamlit as st

import state
from cae import listing
from cae.runs import Run
from sections import comparing, sweeps


def show(chosen: list[Run]) -> None:
    comparing.curves(chosen)
    comparing.figures_of(chosen)
    shown = state.chosen_run()
    if shown is not None and shown.epoch is not None and shown.name in [run.name for run in chosen]:
        st.caption(
            f":material/history: Curves and figures are those after the last epoch of each run; digits and maps of "
            f"{shown.name} are those after epoch {shown.epoch}."
        )
    same = comparing.alike(chosen)
    if len(same) < 2:
        st.info("Digits and maps stand side by side as soon as two runs about the same data set have weights.")
        return
    same = [state.as_shown(run) for run in same]
    comparing.same_digits(same)
    comparing.side_by_side(same)


st.title("Compare")
st.markdown("Choose two to six runs: their curves, their figures, the same digits through each, and their maps.")
names = listing.names()
if len(names) < 2:
    st.info(
        "There is only one run so far: train another on the page Train."
        if names
        else "There is no run yet: train two on the page Train."
    )
else:
    with state.errors_in_words():
        picked = state.compared_picker(names, comparing.suggestion(names, state.chosen_run()), comparing.MOST)
        if len(picked) < 2:
            st.info("Choose at least two runs.")
        else:
            show([Run.open(name) for name in picked])
sweeps.sweeps()
