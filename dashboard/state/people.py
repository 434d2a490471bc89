"""Who the visitor is, and their class."""

from __future__ import annotations

import streamlit as st

_VISITOR, _VISITOR_NAME = "visitor identity", "visitor name"
_ROOM, _NEW_CLASS, _WALL = "class", "new class", "posts shown"


def visitor() -> str | None:
    """The identity of a visitor without an account; None while unknown."""
    return st.session_state.get(_VISITOR)


def set_visitor(identity: str) -> None:
    """Sets the identity of a visitor without an account."""
    st.session_state[_VISITOR] = identity


def visitor_name() -> str | None:
    """The visitor's name; None while unknown."""
    return st.session_state.get(_VISITOR_NAME)


def set_visitor_name(name: str) -> None:
    """Sets the visitor's name."""
    st.session_state[_VISITOR_NAME] = name


def has_room() -> bool:
    """Whether the session knows the visitor's class, or that there is none."""
    return _ROOM in st.session_state


def room() -> str:
    """The visitor's class, by its name in addresses; empty if there is none."""
    return str(st.session_state.get(_ROOM, ("", ""))[0])


def moderator_secret() -> str:
    """The secret from the moderator's link of that class; empty for others."""
    return str(st.session_state.get(_ROOM, ("", ""))[1])


def set_room(slug: str, secret: str) -> None:
    """Makes the visitor enter a class, or leave it."""
    st.session_state[_ROOM] = slug, secret


def new_class() -> str | None:
    """The class that the visitor has just started; its moderator's link is shown once."""
    return st.session_state.get(_NEW_CLASS)


def set_new_class(slug: str | None) -> None:
    """Sets the class whose moderator's link is shown; None hides it."""
    st.session_state[_NEW_CLASS] = slug


def posts_shown() -> int:
    """How many posts the wall shows."""
    return int(st.session_state.get(_WALL, 48))


def show_more_posts() -> None:
    """Doubles the number of posts that the wall shows."""
    st.session_state[_WALL] = 2 * posts_shown()
