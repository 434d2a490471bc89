"""Who is looking, and in which class."""

from __future__ import annotations

import streamlit as st

_VISITOR, _VISITOR_NAME = "visitor identity", "visitor name"
_ROOM, _NEW_CLASS, _WALL = "class", "new class", "posts shown"


def visitor() -> str | None:
    """What tells a visitor without an account from others; None before it is known."""
    return st.session_state.get(_VISITOR)


def set_visitor(identity: str) -> None:
    """Replaces it."""
    st.session_state[_VISITOR] = identity


def visitor_name() -> str | None:
    """What they are called; None before it is known."""
    return st.session_state.get(_VISITOR_NAME)


def set_visitor_name(name: str) -> None:
    """Replaces it."""
    st.session_state[_VISITOR_NAME] = name


def has_room() -> bool:
    """Whether it is known yet whether they are in a class."""
    return _ROOM in st.session_state


def room() -> str:
    """The class that they are in, by its name in addresses; empty where they are in none."""
    return str(st.session_state.get(_ROOM, ("", ""))[0])


def moderator_secret() -> str:
    """The secret of the moderator's link of that class, if they have followed it."""
    return str(st.session_state.get(_ROOM, ("", ""))[1])


def set_room(slug: str, secret: str) -> None:
    """Has them enter a class, or leave it."""
    st.session_state[_ROOM] = slug, secret


def new_class() -> str | None:
    """The class that they have just started, whose moderator's link is to be shown."""
    return st.session_state.get(_NEW_CLASS)


def set_new_class(slug: str | None) -> None:
    """Replaces it."""
    st.session_state[_NEW_CLASS] = slug


def posts_shown() -> int:
    """How many posts the wall shows."""
    return int(st.session_state.get(_WALL, 48))


def show_more_posts() -> None:
    """Makes them twice as many."""
    st.session_state[_WALL] = 2 * posts_shown()
