"""The mission on whose behalf one is looking at a page: a line above it, and the way back."""

from __future__ import annotations

import streamlit as st

import links
import state
import wording
from cae import missions
from cae.missions import Mission


def mission_line() -> None:
    """Says which mission it is and what to look for; nothing where one is not on a mission."""
    wanted = state.looking_for()
    mission = wanted and next((each for each in missions.read_all()[0] if each.id == wanted), None)
    if not mission:
        return
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key="mission-line"):
        look = f" {mission.look}" if mission.look else ""
        st.markdown(f":material/flag: **{wording.plain(mission.title)}**{look}", width="stretch")
        st.page_link("views/missions.py", label="Back to the mission", icon=":material/undo:", width="content")
        st.button("Leave it", on_click=state.stop_looking, key="leave mission", type="tertiary", width="content",
                  icon=":material/close:", help="Takes this line away; the mission stays as it is.")  # fmt: skip


def prepare(mission: Mission) -> None:
    """Puts the mission's page into the state in which it should be looked at."""
    state.look_for(mission.id)
    for name, value in mission.presets:
        if name == "from" and (start := links.read_start(value)):
            state.steer_from(*start)
        elif name == "index":
            state.reconstruct_from("From an index", int(value))
        elif name == "show":
            state.reconstruct_from(f"The {value}", 0)
        elif name == "seed":
            state.fill("seed", int(value))
        elif name == "prior":
            state.fill("prior", value)
