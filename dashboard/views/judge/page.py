"""How good the chosen network is: compared with what, by which measures, and why."""

import streamlit as st

from cae.runs.run import Run
from resources import measured
from shared.chosen import show_chosen_run
from shared.measuring import measuring
from views.judge import dimensions, figures


def show(run: Run) -> None:
    if not run.weights_file().exists():
        st.info(f"{run.name} has not finished an epoch yet: there is nothing to judge. Watch it on the page Train.")
        return
    found = measured.judgement(run)
    if found is None:
        measuring(run)
        figures.compared_with_what(run)
        return
    figures.headline(found)
    figures.compared_with_what(run)
    figures.class_by_class(run, found.evaluation)
    figures.hardest(run, found.probing)
    figures.what_the_codes_know(found)
    dimensions.what_they_do(run, found.probing)
    figures.as_json(run, found)


st.title("Judge")
st.markdown(
    "A low loss convinces nobody. Ask “compared with what?” and “by which measure?”: here are the answers for this run."
)
show_chosen_run(show)
