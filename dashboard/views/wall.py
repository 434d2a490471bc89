"""What a class has made: drawings with their copies, and its best runs."""

import streamlit as st

import state
import visitor
import wording
from cae.classroom import Classroom
from cae.files import is_read_only
from sections import on_the_wall


def show(room: Classroom) -> None:
    closed = "" if room.is_open else " The class is closed: its wall can be looked at, and takes nothing more."
    st.markdown(f"Drawings and best runs of **{wording.plain(room.title)}**, the newest first.{closed}")
    on_the_wall.first_links(room)
    on_the_wall.moderation(room)
    posts = on_the_wall.visible(room)
    on_the_wall.drawings(room, posts)
    on_the_wall.best_runs(room, posts)
    on_the_wall.follow(room)
    on_the_wall.leave()


st.title("Wall")
state.show_message()
found = visitor.room()
with state.errors_in_words():
    if found is not None:
        show(found)
    elif is_read_only():
        st.info("You are in no class, and none can be started here: this laboratory is read-only.")
    else:
        st.markdown("You are in no class yet: open the link that you were given, or start one.")
        on_the_wall.begin()
