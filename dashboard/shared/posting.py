"""Posts on the wall of the visitor's class."""

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
    """The button that posts the drawing and its reconstruction; nothing outside a class."""
    room = visitor.room()
    if room is None:
        return
    why_not = _why_not(room) or ("" if made.drawing() is not None else "Draw something first.")
    what = f"The wall of {plain(room.title)}: your drawing and its reconstruction."
    if st.button("Put it on the wall", icon=":material/push_pin:", disabled=bool(why_not), help=why_not or what):
        _confirm_drawing(room.slug, run.name, run.epoch)


@st.dialog("Put it on the wall")
def _confirm_drawing(slug: str, name: str, epoch: int | None) -> None:
    with messages.errors_in_words():
        run, room, pixels = Run.open(name).at(epoch), wall.find(slug), made.drawing()
        if pixels is None:
            st.info("The drawing is gone.")
            return
        reconstruction = networks.reconstruct(run, pixels)
        left, right = st.columns(2)
        left.image(_enlarged(pixels), width="stretch", caption="Your drawing, as the network sees it")
        right.image(_enlarged(reconstruction), width="stretch", caption=f"Reconstruction by {plain(words.called(run))}")
        _say_who_sees_it(room)
        visitor.name_field("name on the wall")
        if st.button("Put it there", type="primary", width="stretch"):
            _say(room, wall.post_drawing(slug, visitor.me(), run, pixels, reconstruction))
            st.rerun()


def post_run_button(run: Run) -> None:
    """The button that posts the visitor's own run; nothing outside a class or for another's run."""
    room = visitor.room()
    if room is None or not visitor.is_mine(run.info.by) or not run.history():
        return
    why_not = _why_not(room)
    if st.button("Put it on the wall", icon=":material/push_pin:", disabled=bool(why_not), key="post run",
                 help=why_not or f"The wall of {plain(room.title)}: its name and its test MSE."):  # fmt: skip
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
            _say(room, wall.post_run(slug, visitor.me(), run))
            st.rerun()


def _why_not(room: wall.Classroom) -> str:
    if is_read_only():
        return "This laboratory is read-only: nothing can be posted."
    return "" if room.is_open else "The class is closed: its wall accepts no more posts."


def _say_who_sees_it(room: wall.Classroom) -> None:
    when = " once the moderator has approved it" if room.needs_approval else ""
    st.markdown(f"Everyone in **{plain(room.title)}** will see it{when}. You can remove it again.")


def _say(room: wall.Classroom, post: wall.Post) -> None:
    when = "" if post.state == "shown" else " once it is approved"
    messages.say(f"It hangs on the wall of {plain(room.title)}{when}.")
