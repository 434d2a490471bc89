"""Two to six runs beside each other."""

import streamlit as st

from cae.runs import listing
from cae.runs.run import Run
from state import messages, pages
from state.chosen import as_shown, chosen_run
from views.compare import runs, sweeps


def show(chosen: list[Run]) -> None:
    runs.curves(chosen)
    runs.figures_of(chosen)
    shown = chosen_run()
    if shown is not None and shown.epoch is not None and shown.name in [run.name for run in chosen]:
        st.caption(
            f":material/history: Curves and figures are those after the last epoch of each run; digits and maps of "
            f"{shown.name} are those after epoch {shown.epoch}."
        )
    same = runs.alike(chosen)
    if len(same) < 2:
        st.info("Digits and maps stand side by side as soon as two runs about the same data set have weights.")
        return
    same = [as_shown(run) for run in same]
    runs.same_digits(same)
    runs.side_by_side(same)


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
    with messages.errors_in_words():
        picked = pages.compared_picker(names, runs.suggestion(names, chosen_run()), runs.MOST)
        if len(picked) < 2:
            st.info("Choose at least two runs.")
        else:
            show([Run.open(name) for name in picked])
sweeps.sweeps()
