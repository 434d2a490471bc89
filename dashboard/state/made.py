"""What the visitor has made: a drawing, and a digit chosen among generated ones."""

from __future__ import annotations

import uuid
from dataclasses import dataclass

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from cae.runs.run import Run

_DRAWING = "drawing"
_BASE = "drawing base"
_SAMPLE = "sample"


def drawing() -> NDArray[np.uint8] | None:
    """What the network sees of the visitor's own drawing, uint8 (28, 28)."""
    return st.session_state.get(_DRAWING)


def set_drawing(pixels: NDArray[np.uint8] | None) -> None:
    """Replaces it."""
    st.session_state[_DRAWING] = pixels


def put_on_canvas(pixels: NDArray[np.uint8]) -> None:
    """Puts a picture on the canvas, to be drawn on."""
    st.session_state[_BASE] = uuid.uuid4().hex, pixels


def canvas_base() -> tuple[str, NDArray[np.uint8]] | None:
    """The picture that was last put there, with an id of its own for each time."""
    return st.session_state.get(_BASE)


@dataclass(frozen=True)
class Sample:
    """A generated digit that somebody has chosen: of which run and weights, how it is called, its code and picture."""

    run: str
    weights: str
    name: str
    code: NDArray[np.float32]
    picture: NDArray[np.uint8]


def sample(run: Run) -> Sample | None:
    """The generated digit that was last chosen, if it is of this run."""
    found: Sample | None = st.session_state.get(_SAMPLE)
    return found if found and found.run == run.name else None


def set_sample(found: Sample) -> None:
    """Replaces it."""
    st.session_state[_SAMPLE] = found
