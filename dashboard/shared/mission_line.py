"""A line above the page while the visitor is on a mission: what to look for, and the way back."""

from __future__ import annotations

import streamlit as st

from cae.classroom.missions import Mission, read_all
from shared import links
from shared.markdown import plain
from state import pages, steering
from state.missions import look_for, looking_for, stop_looking


def mission_line() -> None:
    """Names the mission and what to look for; draws nothing outside a mission."""
    wanted = looking_for()
    mission = wanted and next((each for each in read_all()[0] if each.id == wanted), None)
    if not mission:
        return
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key="mission-line"):
        look = f" {mission.look}" if mission.look else ""
        st.markdown(f":material/flag: **{plain(mission.title)}**{look}", width="stretch")
        st.page_link("views/missions/page.py", label="Back to the mission", icon=":material/undo:", width="content")
        st.button("Leave it", on_click=stop_looking, key="leave mission", type="tertiary", width="content",
                  icon=":material/close:", help="Hides this line; the mission stays as it is.")  # fmt: skip


def prepare(mission: Mission) -> None:
    """Sets up the mission's page as the mission asks."""
    look_for(mission.id)
    for name, value in mission.presets:
        if name == "from" and (start := links.read_start(value)):
            steering.steer_from(*start)
        elif name == "index":
            pages.reconstruct_from("From an index", int(value))
        elif name == "show":
            pages.reconstruct_from(f"The {value}", 0)
        elif name == "seed":
            pages.fill("seed", int(value))
        elif name == "prior":
            pages.fill("prior", value)
