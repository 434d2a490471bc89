"""The visitor's drawing, on any page."""

import numpy as np
from numpy.typing import NDArray

from components import kept_drawing
from state import made


def own_drawing() -> NDArray[np.uint8] | None:
    """The drawing as the network sees it, uint8 (28, 28), if there is one; the browser tab keeps it over a reload."""
    if made.drawing() is None:
        made.set_drawing(kept_drawing(key="kept"))
    return made.drawing()
