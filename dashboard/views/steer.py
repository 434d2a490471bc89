"""The latent dimensions under the hand."""

import streamlit as st

import resources
import state
from cae.runs import Run
from components import steer
from sections.chosen import show_chosen_run
from sections.starting_point import starting_point
from sections.traversing import traversals


def show(run: Run) -> None:
    files = resources.addresses(run)
    start = starting_point(run, resources.latent_space(run))
    if start is None:
        return
    moved = steer(files, start, state.steered(start.place, start.code, start.address), key="steer")
    if moved is not None:
        state.set_steered(start.place, start.code, moved)
    traversals(run, start)


st.title("Steer")
st.markdown(
    "Drag any slider: the digit follows. Every number of the code is one slider; the strip shows where it leads."
)
show_chosen_run(show)
