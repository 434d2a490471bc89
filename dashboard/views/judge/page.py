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
    evaluation = measured.judgement(run)
    if evaluation is None:
        measuring(run)
        figures.compared_with_what(run)
        return
    figures.headline(evaluation)
    figures.compared_with_what(run)
    figures.class_by_class(run, evaluation.evaluation)
    figures.hardest(run, evaluation.probing)
    figures.what_the_codes_know(evaluation)
    dimensions.what_they_do(run, evaluation.probing)
    figures.as_json(run, evaluation)


st.title("Judge")
st.markdown(
    "A low loss convinces nobody. Ask “compared with what?” and “by which measure?”: here are the answers for this run."
)
show_chosen_run(show)
