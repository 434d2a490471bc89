"""Putting something on the wall of one's class."""

from __future__ import annotations

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from cae import words
from cae.classroom import wall
from cae.disk.files import is_read_only
from cae.runs.run import Run
from resources import networks
from shared.markdown import plain
from state import made, messages
from who import visitor


def post_drawing_button(run: Run) -> None:
    """The button that puts the drawing and this run's copy of it on the wall; nothing where there is no class."""
    room = visitor.room()
    if room is None:
        return
    why = _why_not(room) or ("" if made.drawing() is not None else "Draw something first.")
    what = f"The wall of {plain(room.title)}: your drawing, and this copy of it."
    if st.button("Put it on the wall", icon=":material/push_pin:", disabled=bool(why),
                 help=why or what):  # fmt: skip
        _confirm_drawing(room.slug, run.name, run.epoch)


@st.dialog("Put it on the wall")
def _confirm_drawing(slug: str, name: str, epoch: int | None) -> None:
    with messages.errors_in_words():
        run, room, pixels = Run.open(name).at(epoch), wall.find(slug), made.drawing()
        if pixels is None:
            st.info("There is no drawing any more.")
            return
        copy = networks.copy_of(run, pixels)
        left, right = st.columns(2)
        left.image(_enlarged(pixels), width="stretch", caption="Your drawing, as the network sees it")
        right.image(_enlarged(copy), width="stretch", caption=f"The copy by {plain(words.called(run))}")
        _say_who_sees_it(room)
        visitor.name_field("name on the wall")
        if st.button("Put it there", type="primary", width="stretch"):
            post = wall.post_drawing(slug, visitor.me(), run, pixels, copy)
            _say(room, post.state)
            st.rerun()


def post_run_button(run: Run) -> None:
    """The button that puts one's own run on the wall; nothing where there is no class, or the run is another's."""
    room = visitor.room()
    if room is None or not visitor.is_mine(run.info.by) or not run.history():
        return
    why = _why_not(room)
    if st.button("Put it on the wall", icon=":material/push_pin:", disabled=bool(why), key="post run",
                 help=why or f"The wall of {plain(room.title)}: its name and its test error."):  # fmt: skip
        _confirm_run(room.slug, run.name)


def _enlarged(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return pixels.repeat(10, axis=0).repeat(10, axis=1)


@st.dialog("Put it on the wall")
def _confirm_run(slug: str, name: str) -> None:
    with messages.errors_in_words():
        run, room = Run.open(name), wall.find(slug)
        last = run.history()[-1]
        st.markdown(f"**{name}**: test MSE **{words.number(last.test_mse)}** after epoch {last.epoch}.")
        _say_who_sees_it(room)
        visitor.name_field("name beside the run")
        if st.button("Put it there", type="primary", width="stretch"):
            post = wall.post_run(slug, visitor.me(), run)
            _say(room, post.state)
            st.rerun()


def _why_not(room: wall.Classroom) -> str:
    if is_read_only():
        return "This laboratory is read-only: nothing can be put on the wall."
    return "" if room.is_open else "The class is closed: its wall takes nothing more."


def _say_who_sees_it(room: wall.Classroom) -> None:
    first = " as soon as the moderator has approved it" if room.needs_approval else ""
    st.markdown(f"Everybody in **{plain(room.title)}** sees it{first}; you can take it away again.")


def _say(room: wall.Classroom, state_of_it: str) -> None:
    where = f"on the wall of {plain(room.title)}"
    messages.say(f"It hangs {where}." if state_of_it == "shown" else f"It hangs {where} once it is approved.")
