"""Digits as crisp squares with captions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from components._widget import register

_digits = register("digits")


@dataclass(frozen=True)
class Card:
    """Some pictures under one caption. `tiles` are indices into the pictures sent along, -1 a place kept free.

    `description` is what a screen reader says, `title` what appears under the pointer.
    """

    tiles: tuple[int, ...]
    description: str
    caption: tuple[str, ...] = ()
    title: str = ""


def digits(
    tiles: NDArray[np.uint8] | Sequence[str],
    cards: Sequence[Card],
    *,
    key: str,
    layout: Literal["cards", "cards large", "cards wide", "rows", "rows wide"] = "cards",
    legend: bool = False,
    timeless: bool = False,
    of_runs: bool = False,
) -> None:
    """Shows pictures, uint8 (T, 28, 28) or RGB (T, 28, 28, 3), or grey ones from files by `resources.sheet`, in order.

    In "cards", which may be large, the pictures of a card stand below each other, in "cards wide" and "rows" beside
    each other; "rows" puts the caption before them. `legend` explains the colours of an error map. `timeless`
    are those that stay while the page travels to another epoch, `of_runs` those of several runs.
    """
    data = {
        **_pictures(tiles),
        "layout": layout,
        "cards": [asdict(card) for card in cards],
        "legend": legend,
        "file": f"of-runs-{key}" if of_runs else key,
        "timeless": timeless,
    }
    _digits(key=key, data=data, height="content")


def _pictures(tiles: NDArray[np.uint8] | Sequence[str]) -> dict[str, Any]:
    if isinstance(tiles, np.ndarray):
        return {"tiles": np.ascontiguousarray(tiles).reshape(-1), "channels": 3 if tiles.ndim == 4 else 1}
    return {"sheets": list(tiles), "channels": 1}
