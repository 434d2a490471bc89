"""The visitor's own drawing, on any page."""

import numpy as np
from numpy.typing import NDArray

from components import kept_drawing
from state import made


def own_drawing() -> NDArray[np.uint8] | None:
    """What the network sees of it, uint8 (28, 28), if there is one: after a reload, the browser's tab still has it."""
    if made.drawing() is None:
        made.set_drawing(kept_drawing(key="kept"))
    return made.drawing()
