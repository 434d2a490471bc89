"""The test digits as points: where the network has put them, and how far to believe it."""

import streamlit as st

import resources
from cae.runs import Run
from components import chart_to_come
from sections import layout
from sections.chosen import show_chosen_run


def show(run: Run) -> None:
    config = layout.config_of(run)
    place = st.empty()
    if not resources.are_encoded(run, config):  # the browser fetches Plotly's script meanwhile
        with place:
            chart_to_come(550, key="map-to-come")
    of = resources.points(run, config)
    with place.container():
        layout.layout(run, config, of)
    layout.through_time(run, of)
    layout.another(run)
    layout.trust(run, config, layout.tsne_of(run, config))


st.title("Map")
st.markdown("Move over the points: every one is a test digit, laid out by its code. Labels only colour it.")
show_chosen_run(show)
