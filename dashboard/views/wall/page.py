"""The wall of a class: drawings with their reconstructions, and the best runs."""

import streamlit as st

from cae.classroom.wall import Classroom
from cae.disk.files import is_read_only
from shared.markdown import plain
from state import messages
from views.wall.posts import begin, best_runs, drawings, first_links, follow, leave, moderation, visible
from who import visitor


def show(room: Classroom) -> None:
    closed = "" if room.is_open else " The class is closed: its wall accepts no more posts."
    st.markdown(f"Drawings and best runs of **{plain(room.title)}**, the newest first.{closed}")
    first_links(room)
    moderation(room)
    posts = visible(room)
    drawings(room, posts)
    best_runs(room, posts)
    follow(room)
    leave()


st.title("Wall")
messages.show_message()
own = visitor.room()
with messages.errors_in_words():
    if own is not None:
        show(own)
    elif is_read_only():
        st.info("You are not in a class, and cannot start one: this laboratory is read-only.")
    else:
        st.markdown("You are not in a class yet. Open the link that you were given, or start a class.")
        begin()
