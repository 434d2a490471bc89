"""The choices on Train, Generate, Map, Reconstruct and Compare."""

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


# -- Train


def overlay() -> list[str]:
    """The runs whose curves are laid over the chosen run's."""
    return list(st.session_state.get(_OVERLAY, []))


def set_overlay(names: Sequence[str]) -> None:
    """Chooses the runs whose curves are laid over the chosen run's."""
    st.session_state[_OVERLAY] = list(names)


# -- Generate


def field(name: str, value: Any) -> str:
    """The key of a field that holds `value` until the visitor changes it."""
    st.session_state.setdefault(f"generate {name}", value)
    return f"generate {name}"


def choice(name: str, among: Sequence[Any]) -> str:
    """The key of a field that holds one of several things, the first by default."""
    if st.session_state.get(f"generate {name}") not in among:
        st.session_state[f"generate {name}"] = among[0]
    return f"generate {name}"


def fill(name: str, value: Any) -> None:
    """Fills a field; call it before the field is drawn, as in a callback."""
    st.session_state[f"generate {name}"] = value


# -- Map


def map_config() -> MapConfig:
    """The options of the map shown."""
    return st.session_state.get(_MAP, MapConfig())  # type: ignore[no-any-return]


def set_map_config(config: MapConfig) -> None:
    """Chooses the options of the map shown."""
    st.session_state[_MAP] = config


def prepare_map_options() -> None:
    """Fills the form for another map unless it has values."""
    if option_key(MapConfig, "seed") not in st.session_state:
        set_options(map_config())


# -- Reconstruct


def reconstruct_keys(first_way: str) -> tuple[str, str]:
    """The keys of two fields: which images to show, at first `first_way`, and the first index."""
    for key, value in zip(_RECONSTRUCT, (first_way, 0), strict=True):
        st.session_state.setdefault(key, value)
    return _RECONSTRUCT


def reconstruct_from(way: str, index: int) -> None:
    """Makes Reconstruct show images in this way, one of its own, from this index on."""
    for key, value in zip(_RECONSTRUCT, (way, index), strict=True):
        st.session_state[key] = value


# -- Compare


def compared_picker(names: Sequence[str], at_first: Sequence[str], most: int) -> list[str]:
    """Draws the choice of the runs to compare; returns their names in the order chosen."""
    kept = st.session_state.get(_COMPARED, at_first)
    st.session_state[_COMPARED] = [name for name in kept if name in names][:most]
    return list(
        st.multiselect(
            "Runs", names, key=_COMPARED, max_selections=most, placeholder="Choose two or more",
            persist_state="session",
        )
    )  # fmt: skip


def to_measure() -> list[Any]:
    """What is being measured, the first, and what will be, the others."""
    return list(st.session_state.get(_TO_MEASURE, []))


def set_to_measure(works: Sequence[Any]) -> None:
    """Replaces what is being measured and what will be."""
    st.session_state[_TO_MEASURE] = list(works)
