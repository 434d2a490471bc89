"""The sliders, the plane and the operations of a latent space."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from components._widget import nothing, register
from resources.files import Addresses

_steer = register("steer")
_FARTHEST = 1e4  # from zero, for a number that the browser sends


@dataclass(frozen=True)
class Start:
    """Where steering begins: a code (D,), and the picture (28, 28) that it was encoded from, if there is one.

    Another `id` is another start, and is loaded; what was steered from one start says which. `place` is what remains
    of it when the run trains on or is looked at after another epoch. `address` stands for it in a link; empty where
    it cannot.
    """

    id: str
    place: str
    address: str
    name: str
    code: NDArray[np.float32]
    picture: NDArray[np.uint8] | None = None


def steer(files: Addresses, start: Start, code: Sequence[float] | None, *, key: str) -> tuple[float, ...] | None:
    """Shows them, and gives the code to which somebody has just moved, once; None otherwise.

    `code` is where they had been, starting there, when the page was last left.
    """
    data = {
        **vars(files),
        "start": {
            "id": start.id,
            "address": start.address,
            "name": start.name,
            "code": start.code.tolist(),
            "picture": None if start.picture is None else start.picture.reshape(-1).tolist(),
        },
        "code": None if code is None else list(code),
    }
    result = _steer(key=key, data=data, on_action_change=nothing, height="content")
    return _checked(result.action, start)


def _checked(sent: Any, start: Start) -> tuple[float, ...] | None:
    value = sent.get("value") if isinstance(sent, dict) and sent.get("kind") == "code" else None
    if not isinstance(value, dict) or value.get("start") != start.id:
        return None
    return code_from(value.get("code"), len(start.code))


def code_from(sent: Any, dimensions: int) -> tuple[float, ...] | None:
    """A code that came from outside, if it is one of so many dimensions."""
    if not isinstance(sent, list | tuple) or len(sent) != dimensions:
        return None
    if not all(isinstance(value, int | float) and not isinstance(value, bool) for value in sent):
        return None
    numbers = tuple(float(value) if abs(value) <= _FARTHEST else math.nan for value in sent)
    return numbers if all(math.isfinite(value) for value in numbers) else None
