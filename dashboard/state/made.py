"""What the visitor has made: a drawing, and a chosen generated digit."""

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
    """The visitor's drawing as the network sees it, uint8 (28, 28)."""
    return st.session_state.get(_DRAWING)


def set_drawing(pixels: NDArray[np.uint8] | None) -> None:
    """Replaces the drawing."""
    st.session_state[_DRAWING] = pixels


def put_on_canvas(pixels: NDArray[np.uint8]) -> None:
    """Puts an image on the canvas, to draw on."""
    st.session_state[_BASE] = uuid.uuid4().hex, pixels


def canvas_base() -> tuple[str, NDArray[np.uint8]] | None:
    """The image last put on the canvas, with an id that is new each time."""
    return st.session_state.get(_BASE)


@dataclass(frozen=True)
class Sample:
    """A chosen generated digit: its run and weights, its name, its code (D,) and image (28, 28)."""

    run: str
    weights: str
    name: str
    code: NDArray[np.float32]
    picture: NDArray[np.uint8]


def sample(run: Run) -> Sample | None:
    """The chosen generated digit, if it is of this run."""
    chosen: Sample | None = st.session_state.get(_SAMPLE)
    return chosen if chosen and chosen.run == run.name else None


def set_sample(chosen: Sample) -> None:
    """Chooses a generated digit."""
    st.session_state[_SAMPLE] = chosen
