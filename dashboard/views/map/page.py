"""The test images as points, laid out by their codes, and how far to trust that."""

import streamlit as st

from cae.runs.run import Run
from components import chart_to_come
from resources import maps
from shared.chosen import show_chosen_run
from shared.shown_map import config_of, tsne_of
from views.map import tsne


def show(run: Run) -> None:
    config = config_of(run)
    place = st.empty()
    if not maps.are_encoded(run, config):  # the browser fetches Plotly's script meanwhile
        with place:
            chart_to_come(550, key="map-to-come")
    of = maps.points(run, config)
    with place.container():
        tsne.layout(run, config, of)
    tsne.through_time(run, of)
    tsne.another(run)
    tsne.trust(run, config, tsne_of(run, config))


st.title("Map")
st.markdown("Move over the points: each is a test image, laid out by its code. Labels only colour it.")
show_chosen_run(show)
