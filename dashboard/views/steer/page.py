"""Sliders for the latent dimensions."""

import streamlit as st

from cae.runs.run import Run
from components import steer
from resources import networks
from resources.files import addresses
from shared.chosen import show_chosen_run
from state import steering
from views.steer.start import starting_point
from views.steer.traversals import traversals


def show(run: Run) -> None:
    files = addresses(run)
    start = starting_point(run, networks.latent_space(run))
    if start is None:
        return
    moved = steer(files, start, steering.steered(start.place, start.code, start.address), key="steer")
    if moved is not None:
        steering.set_steered(start.place, start.code, moved)
    traversals(run, start)


st.title("Steer")
st.markdown("Drag any slider: the digit follows. Each latent dimension has one slider; the strip shows where it leads.")
show_chosen_run(show)
