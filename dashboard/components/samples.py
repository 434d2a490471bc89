"""Generated digits to choose from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from components._widget import nothing, register

_samples = register("samples")


@dataclass(frozen=True)
class Generated:
    """The texts of a generated digit: its accessible name, the lines below it, and whether it is hardly readable."""

    name: str
    caption: tuple[str, ...]
    is_doubtful: bool


def samples(
    digits: NDArray[np.uint8],
    nearest: NDArray[np.uint8],
    texts: Sequence[Generated],
    *,
    chosen: int | None,
    key: str,
) -> int | None:
    """Shows digits (S, 28, 28) beside the training images most like them. Returns the position just chosen, once."""
    data = {
        "tiles": np.concatenate([digits, nearest]).reshape(-1),
        "captions": [list(each.caption) for each in texts],
        "names": [each.name for each in texts],
        "doubtful": [each.is_doubtful for each in texts],
        "chosen": chosen,
    }
    result = _samples(key=key, data=data, on_action_change=nothing, height="content")
    return _checked(result.action, len(texts))


def _checked(sent: Any, count: int) -> int | None:
    position = sent.get("value") if isinstance(sent, dict) and sent.get("kind") == "choose" else None
    return position if type(position) is int and 0 <= position < count else None
