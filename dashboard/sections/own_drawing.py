"""The visitor's own drawing, on any page."""

import numpy as np
from numpy.typing import NDArray

import state
from components import kept_drawing


def own_drawing() -> NDArray[np.uint8] | None:
    """What the network sees of it, uint8 (28, 28), if there is one: after a reload, the browser's tab still has it."""
    if state.drawing() is None:
        state.set_drawing(kept_drawing(key="kept"))
    return state.drawing()
