"""Two to six runs side by side."""

import streamlit as st

from cae.runs import listing
from cae.runs.run import Run
from state import messages, pages
from state.chosen import as_shown, chosen_run
from views.compare import digits, figures, sweeps
from views.compare.choice import MOST, about_the_same, suggestion


def show(runs: list[Run]) -> None:
    figures.curves(runs)
    figures.table_of(runs)
    shown = chosen_run()
    if shown is not None and shown.epoch is not None and shown.name in [run.name for run in runs]:
        st.caption(
            ":material/history: Curves and figures show each run after its last epoch; digits and maps show "
            f"{shown.name} after epoch {shown.epoch}."
        )
    comparable = about_the_same(runs)
    if len(comparable) < 2:
        st.info("Digits and maps appear side by side once two runs on the same data set have weights.")
        return
    comparable = [as_shown(run) for run in comparable]
    digits.same_digits(comparable)
    digits.maps(comparable)


st.title("Compare")
st.markdown("Choose two to six runs to compare their curves, their figures, the same digits through each, their maps.")
names = listing.names()
if len(names) < 2:
    st.info(
        "There is only one run so far. Train another on the page Train."
        if names
        else "There is no run yet. Train two on the page Train."
    )
else:
    with messages.errors_in_words():
        picked = pages.compared_picker(names, suggestion(names, chosen_run()), MOST)
        if len(picked) < 2:
            st.info("Choose at least two runs.")
        else:
            show([Run.open(name) for name in picked])
sweeps.sweeps()
