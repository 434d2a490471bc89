"""The way in: page configuration, navigation, and the choice of the run that every page is about."""

import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
for folder in (str(HERE.parent), str(HERE)):  # Streamlit puts only this folder on the path, and not everywhere
    if folder not in sys.path:
        sys.path.insert(0, folder)

import streamlit as st

import login
import resources
import state
import visitor
from cae import listing
from cae.files import is_read_only
from components import keep_in_address
from sections.keeping import keep_worksheet
from sections.mission_line import mission_line
from sections.time_travel import time_travel

st.set_page_config(page_title="Autoencoder laboratory", page_icon="🔬", layout="wide")
st.html(HERE / "style.css")
visitor.arrive()
if not login.has_entered():
    login.door()
    visitor.keep()
    st.stop()
missions = st.Page("views/missions.py", title="Missions", icon=":material/flag:", url_path="missions")
wall = st.Page("views/wall.py", title="Wall", icon=":material/push_pin:", url_path="wall")
page = st.navigation(
    [
        st.Page("views/home.py", title="Home", icon=":material/home:", default=True),
        st.Page("views/train.py", title="Train", icon=":material/model_training:", url_path="train"),
        st.Page("views/reconstruct.py", title="Reconstruct", icon=":material/compare:", url_path="reconstruct"),
        st.Page("views/steer.py", title="Steer", icon=":material/tune:", url_path="steer"),
        st.Page("views/draw.py", title="Draw", icon=":material/draw:", url_path="draw"),
        st.Page("views/map.py", title="Map", icon=":material/scatter_plot:", url_path="map"),
        st.Page("views/judge.py", title="Judge", icon=":material/balance:", url_path="judge"),
        st.Page("views/generate.py", title="Generate", icon=":material/auto_awesome:", url_path="generate"),
        st.Page("views/compare.py", title="Compare", icon=":material/stacked_line_chart:", url_path="compare"),
        missions,
        *([wall] if state.room() or not is_read_only() else []),
    ]
)
resources.warm_up()
resources.forget_old_data()
with st.sidebar:
    run = state.run_picker(listing.names())
    time_travel(run)
    state.take_mission(is_their_page=page == missions)
    mission = state.mission() if page == missions else state.looking_for()
    keep_in_address(run, state.chosen_epoch(), page=page.title, mission=mission)
    keep_worksheet()
    visitor.keep()
    login.log_out_button()
for sentence in resources.troubles():
    st.warning(sentence, icon=":material/warning:")
if page != missions:
    mission_line()
page.run()
resources.spare_collector()
