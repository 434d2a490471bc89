"""The visitor's mission and worksheet."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from cae.classroom.worksheet import Worksheet, pack

_MISSION, _LOOKING = "mission", "looking for"
_DRAWN_BEFORE = "drawing before the guess"
_WORKSHEET = "worksheet"


def take_mission(is_their_page: bool) -> None:
    """Takes the mission from the address (`?mission=`) when a session begins.

    On other pages than Missions, the visitor is then on that mission.
    """
    if _LOOKING not in st.session_state:
        wanted = st.query_params.get("mission", "")[:64] or None
        st.session_state[_LOOKING] = None if is_their_page else wanted
        if wanted:
            st.session_state[_MISSION] = wanted


def mission_picker(titles: dict[str, str], captions: Sequence[str]) -> str:
    """Draws the choice of a mission; returns its id."""
    if st.session_state.get(_MISSION) not in titles:
        st.session_state[_MISSION] = next(iter(titles))
    return str(
        st.radio("Missions", list(titles), format_func=titles.__getitem__, captions=captions, key=_MISSION,
                 persist_state="session")
    )  # fmt: skip


def mission() -> str | None:
    """The chosen mission, if any."""
    return st.session_state.get(_MISSION)


def choose_mission(name: str) -> None:
    """Chooses a mission; call it before the choice is drawn, as in a callback."""
    st.session_state[_MISSION] = name


def looking_for() -> str | None:
    """The mission that the visitor is on while on other pages, if any."""
    return st.session_state.get(_LOOKING)


def look_for(name: str) -> None:
    """Sends the visitor on a mission."""
    st.session_state[_LOOKING] = name


def stop_looking() -> None:
    """Ends the mission."""
    st.session_state[_LOOKING] = None


def worksheet() -> Worksheet:
    """What the visitor has guessed, found out and collected."""
    return st.session_state.get(_WORKSHEET, (Worksheet(), ""))[0]  # type: ignore[no-any-return]


def set_worksheet(sheet: Worksheet) -> None:
    """Replaces the worksheet."""
    st.session_state[_WORKSHEET] = sheet, "" if sheet.is_empty else pack(sheet)


def packed_worksheet() -> str | None:
    """The worksheet as a text, empty for an empty one; None if this session has not used it."""
    return st.session_state.get(_WORKSHEET, (None, None))[1]  # type: ignore[no-any-return]


def empty_worksheet() -> None:
    """Empties the worksheet and its fields."""
    for key in [key for key in st.session_state if str(key).startswith(("guess of ", "words of "))]:
        del st.session_state[key]
    set_worksheet(Worksheet())


def guess_a_drawing(mission: str, before: NDArray[np.uint8] | None) -> None:
    """Remembers what was on the canvas before the visitor said what they would draw."""
    kept = st.session_state.get(_DRAWN_BEFORE, {})
    st.session_state[_DRAWN_BEFORE] = {**kept, mission: None if before is None else before.tobytes()}


def was_drawn_before(mission: str, pixels: NDArray[np.uint8]) -> bool:
    """Whether the visitor drew this before saying what they would draw."""
    return bool(st.session_state.get(_DRAWN_BEFORE, {}).get(mission) == pixels.tobytes())
