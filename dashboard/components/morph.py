"""One digit morphing into another."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from components._widget import register

_morph = register("morph")


def morph(ways: Mapping[str, tuple[NDArray[np.uint8], Sequence[str]]], *, key: str) -> None:
    """Plays frames (F, 28, 28) for each path, by title, with a caption for each frame; F is the same for all paths."""
    frames = [np.ascontiguousarray(each).reshape(-1) for each, _ in ways.values()]
    data = {
        "titles": list(ways),
        "frames": np.concatenate(frames),
        "words": [list(words) for _, words in ways.values()],
        "count": len(next(iter(ways.values()))[0]),
    }
    _morph(key=key, data=data, height="content")
