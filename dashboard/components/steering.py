"""The sliders, the plane and the operations on a code."""

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
_FARTHEST = 1e4  # from zero


@dataclass(frozen=True)
class Start:
    """Where steering starts: a code (D,), and the image (28, 28) that it encodes, if there is one.

    The widget loads a start with a new `id`, and reports codes with it. `place` is the same start at any epoch of the
    run. `address` stands for it in a link; empty if nothing can.
    """

    id: str
    place: str
    address: str
    name: str
    code: NDArray[np.float32]
    picture: NDArray[np.uint8] | None = None


def steer(files: Addresses, start: Start, code: Sequence[float] | None, *, key: str) -> tuple[float, ...] | None:
    """Shows the sliders. Returns the code just reached, once; None otherwise.

    `code` is the code reached from this start before.
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
    """What a browser sent, as a code of so many dimensions; None if it is not one."""
    if not isinstance(sent, list | tuple) or len(sent) != dimensions:
        return None
    if not all(isinstance(value, int | float) and not isinstance(value, bool) for value in sent):
        return None
    numbers = tuple(float(value) if abs(value) <= _FARTHEST else math.nan for value in sent)
    return numbers if all(math.isfinite(value) for value in numbers) else None
