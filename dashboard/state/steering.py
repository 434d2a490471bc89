"""Steering: the start, and the code reached from it."""

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
_MOST_STARTS = 20  # whose codes are remembered
_PICTURE = "picture"
WAYS = {"digit": "Test digit", "mean": "Class mean", "zero": "Zero", "random": "Random code"}
DRAWING, PICTURE, SAMPLE, LINK = "My drawing", "My picture", "My sample", "The link"


def way_picker(run: Run) -> str:
    """Draws the choice of the start; the last three are offered only when they exist."""
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
    """Reads start and code from the address (`?from=` and `?z=`) when a session opens the page first.

    Returns what is wrong with the code, if anything. A code whose start does not exist becomes a start itself.
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
    """The code from the address."""
    return st.session_state[_LINK][1]  # type: ignore[no-any-return]


def set_steered(place: str, start: NDArray[np.float32], code: tuple[float, ...]) -> None:
    """Remembers the code reached from a start, whose own code (D,) is `start` now."""
    places = {**st.session_state.get(_STEERED, {}), place: (tuple(map(float, start)), code)}
    st.session_state[_STEERED] = dict(list(places.items())[-_MOST_STARTS:])


def steered(place: str, start: NDArray[np.float32], address: str = "") -> tuple[float, ...] | None:
    """The code reached from a start, here or by a link; None if there is none.

    It keeps its distance from the start's code (D,), which changes with the weights.
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
    """The key of a number field, which holds 0 until the visitor changes it, and at most `most`."""
    st.session_state[f"steer {name}"] = min(number(name), most)
    return f"steer {name}"


def number(name: str) -> int:
    """The value of a number field; 0 before it is drawn, or if a browser sent something else."""
    held = st.session_state.get(f"steer {name}", 0)
    return held if type(held) is int and held >= 0 else 0


def set_number(name: str, value: int) -> None:
    """Fills a number field; call it before the field is drawn, as in a callback."""
    st.session_state[f"steer {name}"] = value


# -- starts chosen on other pages


def steer_from(kind: str, number: int) -> None:
    """Starts steering from one of WAYS, with its number."""
    st.session_state[_NEXT_WAY] = WAYS[kind]
    set_number(kind, number)


def steer_from_digit(index: int) -> None:
    """Starts steering from a test image."""
    steer_from("digit", index)
    set_number("class", 0)


def steer_from_drawing() -> None:
    """Starts steering from the drawing, and forgets the codes reached before."""
    st.session_state[_NEXT_WAY] = DRAWING
    st.session_state.pop(_STEERED, None)


def picture() -> NDArray[np.uint8]:
    """The uploaded picture to steer from, as the network sees it; raises KeyError if there is none."""
    return st.session_state[_PICTURE]  # type: ignore[no-any-return]


def steer_from_picture(pixels: NDArray[np.uint8]) -> None:
    """Starts steering from an uploaded picture, and forgets the codes reached before."""
    st.session_state[_PICTURE] = pixels
    st.session_state[_NEXT_WAY] = PICTURE
    st.session_state.pop(_STEERED, None)


def steer_from_sample() -> None:
    """Starts steering from the chosen generated digit."""
    st.session_state[_NEXT_WAY] = SAMPLE
