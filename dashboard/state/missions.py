"""The mission that somebody is on, and their worksheet."""

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
    """Takes the mission from the address (`?mission=`) when the first page of a session is opened.

    On another page than theirs, one is looking at it on behalf of that mission.
    """
    if _LOOKING not in st.session_state:
        wanted = st.query_params.get("mission", "")[:64] or None
        st.session_state[_LOOKING] = None if is_their_page else wanted
        if wanted:
            st.session_state[_MISSION] = wanted


def mission_picker(titles: dict[str, str], captions: Sequence[str]) -> str:
    """Draws the choice of a mission, by id."""
    if st.session_state.get(_MISSION) not in titles:
        st.session_state[_MISSION] = next(iter(titles))
    return str(
        st.radio("Missions", list(titles), format_func=titles.__getitem__, captions=captions, key=_MISSION,
                 persist_state="session")
    )  # fmt: skip


def mission() -> str | None:
    """The mission that is chosen, if one is."""
    return st.session_state.get(_MISSION)


def choose_mission(name: str) -> None:
    """Replaces it; to be called before the choice is drawn, as a button's callback is."""
    st.session_state[_MISSION] = name


def looking_for() -> str | None:
    """The mission on whose behalf one is looking at other pages, if one is."""
    return st.session_state.get(_LOOKING)


def look_for(name: str) -> None:
    """Replaces it."""
    st.session_state[_LOOKING] = name


def stop_looking() -> None:
    """One is not on a mission any more."""
    st.session_state[_LOOKING] = None


def worksheet() -> Worksheet:
    """What the visitor has guessed, found and kept."""
    return st.session_state.get(_WORKSHEET, (Worksheet(), ""))[0]  # type: ignore[no-any-return]


def set_worksheet(found: Worksheet) -> None:
    """Replaces it."""
    st.session_state[_WORKSHEET] = found, "" if found.is_empty else pack(found)


def packed_worksheet() -> str | None:
    """The same as a text, empty where there is nothing on it; None where nothing was done with it in this session."""
    return st.session_state.get(_WORKSHEET, (None, None))[1]  # type: ignore[no-any-return]


def empty_worksheet() -> None:
    """Forgets all of it, and what fields about it hold."""
    for key in [key for key in st.session_state if str(key).startswith(("guess of ", "words of "))]:
        del st.session_state[key]
    set_worksheet(Worksheet())


def guess_a_drawing(mission: str, before: NDArray[np.uint8] | None) -> None:
    """Remembers what was drawn before somebody said, at this mission, what they are going to draw."""
    kept = st.session_state.get(_DRAWN_BEFORE, {})
    st.session_state[_DRAWN_BEFORE] = {**kept, mission: None if before is None else before.tobytes()}


def was_drawn_before(mission: str, pixels: NDArray[np.uint8]) -> bool:
    """Whether that is what they have drawn already."""
    return bool(st.session_state.get(_DRAWN_BEFORE, {}).get(mission) == pixels.tobytes())
