"""Guided questions: predict first, look, then check; and the worksheet that collects what was found."""

import streamlit as st

from cae.classroom.missions import read_all
from cae.runs.run import Run
from shared.chosen import show_chosen_run
from shared.markdown import plain
from state.missions import stop_looking
from views.missions import mission
from views.missions.worksheet import sheet


def show(run: Run) -> None:
    found, problems = read_all()
    choice, question = st.columns([1, 1.9], gap="large")
    with choice:
        chosen = mission.choose(found) if found else None
        for problem in problems:
            st.warning(plain(problem), icon=":material/edit_off:")
    with question:
        if chosen is None:
            st.info("There is no mission here: missions/README.md says how one is written.", icon=":material/flag:")
        else:
            mission.mission(run, chosen, found)


stop_looking()
st.title("Missions")
st.markdown("Guess first, then look, then check: every answer is measured, of the run that you have chosen.")
show_chosen_run(show)
sheet()
