"""Steering: where it starts, and where it has gone."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from cae.errors import CaeError
from cae.runs.run import Run
from shared import links
from state.made import sample

_WAY, _NEXT_WAY = "start from", "next start from"
_LINK, _LINK_READ = "linked code", "link read"
_STEERED, _ARRIVED = "steered", "arrived"
_MOST_STARTS = 20  # of which it is remembered where one has gone from them
_PICTURE = "picture"
WAYS = {"digit": "Test digit", "mean": "Class mean", "zero": "Zero", "random": "Random code"}
DRAWING, PICTURE, SAMPLE, LINK = "My drawing", "My picture", "My sample", "The link"


def way_picker(run: Run) -> str:
    """Draws the choice of where steering starts; the last two are there when there is one."""
    ways = [*WAYS.values(), DRAWING]
    if _PICTURE in st.session_state:
        ways.append(PICTURE)
    if sample(run) is not None:
        ways.append(SAMPLE)
    if st.session_state.get(_LINK, (None,))[0] == run.name:
        ways.append(LINK)
    wanted = st.session_state.pop(_NEXT_WAY, None)
    if wanted in ways:
        st.session_state[_WAY] = wanted
    elif st.session_state.get(_WAY) not in ways:
        st.session_state[_WAY] = ways[0]
    return str(st.segmented_control("Start from", ways, key=_WAY, required=True, persist_state="session") or ways[0])


def take_link(run: Run, exists: Callable[[str, int], bool]) -> str | None:
    """Reads start and code from the address (`?from=` and `?z=`) when the page is first opened in a session.

    What is wrong with the code, in a sentence, if anything is. A code whose start does not exist is a start of its own.
    """
    if st.session_state.get(_LINK_READ):
        return None
    st.session_state[_LINK_READ] = True
    start = links.read_start(st.query_params.get("from", ""))
    if start is not None:
        kind, number = start
        st.session_state[_NEXT_WAY] = WAYS[kind]
        set_number(kind, number)
    text = st.query_params.get("z")
    if text is None:
        return None
    try:
        code = links.read_code(text, run.info.model.latent_dim)
    except CaeError as error:
        return str(error)
    st.session_state[_LINK] = run.name, code
    if start is not None and exists(*start):
        st.session_state[_ARRIVED] = f"{start[0]}-{start[1]}"
    else:
        st.session_state[_NEXT_WAY] = LINK
    return None


def linked_code() -> tuple[float, ...]:
    """The code that the address held."""
    return st.session_state[_LINK][1]  # type: ignore[no-any-return]


def set_steered(place: str, start: NDArray[np.float32], code: tuple[float, ...]) -> None:
    """Remembers to which code somebody has gone from a start, whose own code (D,) was `start` then."""
    places = {**st.session_state.get(_STEERED, {}), place: (tuple(map(float, start)), code)}
    st.session_state[_STEERED] = dict(list(places.items())[-_MOST_STARTS:])


def steered(place: str, start: NDArray[np.float32], address: str = "") -> tuple[float, ...] | None:
    """Where they have gone from it, if anywhere: here, or by the link that they have followed.

    As far from its code (D,) as they were from the one that it had then: the weights may be of another epoch now.
    """
    if address and st.session_state.get(_ARRIVED) == address:
        del st.session_state[_ARRIVED]
        set_steered(place, start, linked_code())
    places: dict[str, tuple[tuple[float, ...], tuple[float, ...]]] = st.session_state.get(_STEERED, {})
    then, code = places.get(place, ((), ()))
    if len(code) != len(start):
        return None
    now = tuple(map(float, start))
    return code if now == then else tuple(at + (gone - was) for at, gone, was in zip(now, code, then, strict=True))


def number_key(name: str, most: int) -> str:
    """The key of a field for a number of the steering page, 0 until somebody changes it, and never above `most`."""
    st.session_state[f"steer {name}"] = min(number(name), most)
    return f"steer {name}"


def number(name: str) -> int:
    """What that field holds; 0 before it is drawn, or where a browser has sent what is no number."""
    held = st.session_state.get(f"steer {name}", 0)
    return held if type(held) is int and held >= 0 else 0


def set_number(name: str, value: int) -> None:
    """Fills that field; to be called before it is drawn, as a button's callback is."""
    st.session_state[f"steer {name}"] = value


# -- what other pages make the start


def steer_from(kind: str, number: int) -> None:
    """Makes one of WAYS, with its number, the start of the steering."""
    st.session_state[_NEXT_WAY] = WAYS[kind]
    set_number(kind, number)


def steer_from_digit(index: int) -> None:
    """Makes a test digit the start of the steering."""
    steer_from("digit", index)
    set_number("class", 0)


def steer_from_drawing() -> None:
    """Makes the drawing the start of the steering, as if nothing had been steered yet."""
    st.session_state[_NEXT_WAY] = DRAWING
    st.session_state.pop(_STEERED, None)


def picture() -> NDArray[np.uint8]:
    """What the network sees of the picture from which the visitor wanted to steer; raises KeyError before that."""
    return st.session_state[_PICTURE]  # type: ignore[no-any-return]


def steer_from_picture(pixels: NDArray[np.uint8]) -> None:
    """The same with an uploaded picture."""
    st.session_state[_PICTURE] = pixels
    st.session_state[_NEXT_WAY] = PICTURE
    st.session_state.pop(_STEERED, None)


def steer_from_sample() -> None:
    """Makes it the start of the steering."""
    st.session_state[_NEXT_WAY] = SAMPLE
