"""How good the chosen network is: compared with what, by which measures, and why."""

import streamlit as st

import resources
from cae.runs import Run
from sections import dimensions, measuring, verdict
from sections.chosen import show_chosen_run


def show(run: Run) -> None:
    if not run.weights_file().exists():
        st.info(f"{run.name} has not finished an epoch yet: there is nothing to judge. Watch it on the page Train.")
        return
    found = resources.judgement(run)
    if found is None:
        measuring.measuring(run)
        verdict.compared_with_what(run)
        return
    verdict.headline(found)
    verdict.compared_with_what(run)
    verdict.class_by_class(run, found.evaluation)
    verdict.hardest(run, found.probing)
    verdict.what_the_codes_know(found)
    dimensions.what_they_do(run, found.probing)
    verdict.as_json(run, found)


st.title("Judge")
st.markdown(
    "A low loss convinces nobody. Ask “compared with what?” and “by which measure?”: here are the answers for this run."
)
show_chosen_run(show)
