"""The entry point: page configuration, navigation, and the choice of the run."""

import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
for folder in (str(HERE.parent), str(HERE)):  # Streamlit puts at most this folder on the path
    if folder not in sys.path:
        sys.path.insert(0, folder)

import streamlit as st

from cae.disk.files import is_read_only
from cae.runs import listing
from components import keep_in_address
from resources import loading
from shared.keeping import keep_worksheet
from shared.mission_line import mission_line
from shared.time_travel import time_travel
from state import chosen, people
from state import missions as state_missions
from who import login, visitor

st.set_page_config(page_title="Autoencoder laboratory", page_icon="🔬", layout="wide")
st.html(HERE / "style.css")
visitor.arrive()
if not login.has_entered():
    login.door()
    visitor.keep()
    st.stop()
missions = st.Page("views/missions/page.py", title="Missions", icon=":material/flag:", url_path="missions")
wall = st.Page("views/wall/page.py", title="Wall", icon=":material/push_pin:", url_path="wall")
page = st.navigation(
    [
        st.Page("views/home/page.py", title="Home", icon=":material/home:", default=True),
        st.Page("views/train/page.py", title="Train", icon=":material/model_training:", url_path="train"),
        st.Page("views/reconstruct/page.py", title="Reconstruct", icon=":material/compare:", url_path="reconstruct"),
        st.Page("views/steer/page.py", title="Steer", icon=":material/tune:", url_path="steer"),
        st.Page("views/draw/page.py", title="Draw", icon=":material/draw:", url_path="draw"),
        st.Page("views/map/page.py", title="Map", icon=":material/scatter_plot:", url_path="map"),
        st.Page("views/judge/page.py", title="Judge", icon=":material/balance:", url_path="judge"),
        st.Page("views/generate/page.py", title="Generate", icon=":material/auto_awesome:", url_path="generate"),
        st.Page("views/compare/page.py", title="Compare", icon=":material/stacked_line_chart:", url_path="compare"),
        missions,
        *([wall] if people.room() or not is_read_only() else []),
    ]
)
loading.warm_up()
loading.forget_old_data()
with st.sidebar:
    run = chosen.run_picker(listing.names())
    time_travel(run)
    state_missions.take_mission(is_their_page=page == missions)
    mission = state_missions.mission() if page == missions else state_missions.looking_for()
    keep_in_address(run, chosen.chosen_epoch(), page=page.title, mission=mission)
    keep_worksheet()
    visitor.keep()
    login.log_out_button()
for sentence in loading.troubles():
    st.warning(sentence, icon=":material/warning:")
if page != missions:
    mission_line()
page.run()
loading.spare_collector()
