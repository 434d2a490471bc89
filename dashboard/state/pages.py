"""What single pages remember: Train, Generate, Map, Reconstruct and Compare."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import streamlit as st

from cae.config import MapConfig
from state.forms import option_key, set_options

_OVERLAY = "overlay"
_MAP = "map config"
_RECONSTRUCT = "reconstruct way", "reconstruct index"
_COMPARED, _TO_MEASURE = "compared", "to measure"


# -- Train: the runs laid over the chart


def overlay() -> list[str]:
    """The names of the runs whose curves are shown beside the chosen one's."""
    return list(st.session_state.get(_OVERLAY, []))


def set_overlay(names: Sequence[str]) -> None:
    """Replaces them."""
    st.session_state[_OVERLAY] = list(names)


# -- Generate


def field(name: str, value: Any) -> str:
    """The key of a field of the page Generate, which holds `value` until somebody changes it."""
    st.session_state.setdefault(f"generate {name}", value)
    return f"generate {name}"


def choice(name: str, among: Sequence[Any]) -> str:
    """The key of such a field for one of several things: the first, where it holds none of them."""
    if st.session_state.get(f"generate {name}") not in among:
        st.session_state[f"generate {name}"] = among[0]
    return f"generate {name}"


def fill(name: str, value: Any) -> None:
    """Fills that field; to be called before it is drawn, as a button's callback is."""
    st.session_state[f"generate {name}"] = value


# -- Map


def map_config() -> MapConfig:
    """The options of the map that the pages show."""
    return st.session_state.get(_MAP, MapConfig())  # type: ignore[no-any-return]


def set_map_config(config: MapConfig) -> None:
    """Replaces them."""
    st.session_state[_MAP] = config


def prepare_map_options() -> None:
    """Fills the form for a map, until somebody has."""
    if option_key(MapConfig, "seed") not in st.session_state:
        set_options(map_config())


# -- Reconstruct


def reconstruct_keys(first_way: str) -> tuple[str, str]:
    """The keys of two fields of the page Reconstruct: what it shows, at first `first_way`, and the first index."""
    for key, value in zip(_RECONSTRUCT, (first_way, 0), strict=True):
        st.session_state.setdefault(key, value)
    return _RECONSTRUCT


def reconstruct_from(way: str, index: int) -> None:
    """Makes that page show test digits from this index on; `way` is how it calls that."""
    for key, value in zip(_RECONSTRUCT, (way, index), strict=True):
        st.session_state[key] = value


# -- Compare


def compared_picker(names: Sequence[str], at_first: Sequence[str], most: int) -> list[str]:
    """Draws the choice of the runs to compare; their names, in the order in which they were chosen."""
    kept = st.session_state.get(_COMPARED, at_first)
    st.session_state[_COMPARED] = [name for name in kept if name in names][:most]
    return list(
        st.multiselect(
            "Runs", names, key=_COMPARED, max_selections=most, placeholder="Choose two or more",
            persist_state="session",
        )
    )  # fmt: skip


def to_measure() -> list[Any]:
    """What is to be measured, one after another; the first is under way."""
    return list(st.session_state.get(_TO_MEASURE, []))


def set_to_measure(works: Sequence[Any]) -> None:
    """Replaces them."""
    st.session_state[_TO_MEASURE] = list(works)
