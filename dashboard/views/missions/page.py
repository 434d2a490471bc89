"""Guided questions: guess, look, check; and the worksheet that collects the answers."""

import streamlit as st

from cae.classroom.missions import read_all
from cae.runs.run import Run
from shared.chosen import show_chosen_run
from shared.markdown import plain
from state.missions import stop_looking
from views.missions import mission
from views.missions.worksheet import sheet


def show(run: Run) -> None:
    missions, problems = read_all()
    choice, question = st.columns([1, 1.9], gap="large")
    with choice:
        chosen = mission.choose(missions) if missions else None
        for problem in problems:
            st.warning(plain(problem), icon=":material/edit_off:")
    with question:
        if chosen is None:
            st.info("There are no missions yet: missions/README.md says how to write one.", icon=":material/flag:")
        else:
            mission.mission(run, chosen, missions)


stop_looking()
st.title("Missions")
st.markdown("Guess, then look, then check: the answers are measured on the run that you have chosen.")
show_chosen_run(show)
sheet()
