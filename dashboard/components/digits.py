"""Digits as crisp squares with captions."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from components._widget import register

_digits = register("digits")


@dataclass(frozen=True)
class Card:
    """Images with one caption. `tiles` are indices into the images sent along; -1 keeps a place free.

    `description` is for screen readers, `title` is the tooltip.
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
    """Shows images: uint8 (T, 28, 28), RGB (T, 28, 28, 3), or addresses from `resources.files.sheet`.

    In "cards" the images of a card stack up, in "cards wide" and "rows" they stand side by side; "rows" puts the
    caption before them. `legend` explains the colours of error maps. `timeless` images do not depend on the chosen
    epoch. Without `of_runs`, the chosen run names the saved file.
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


DigitRow = tuple[NDArray[np.uint8], str, tuple[str, ...], str]  # images (K, 28, 28), description, caption and title


def digit_rows(
    rows: Iterable[DigitRow],
    *,
    key: str,
    layout: Literal["cards wide", "rows", "rows wide"] = "rows wide",
    timeless: bool = False,
    of_runs: bool = False,
) -> None:
    """Shows a card for each row of images, which stand side by side."""
    tiles, cards, end = [], [], 0
    for images, description, caption, title in rows:
        start, end = end, end + len(images)
        tiles.append(images)
        cards.append(Card(tuple(range(start, end)), description, caption, title))
    digits(np.concatenate(tiles), cards, key=key, layout=layout, timeless=timeless, of_runs=of_runs)


def _pictures(tiles: NDArray[np.uint8] | Sequence[str]) -> dict[str, Any]:
    if isinstance(tiles, np.ndarray):
        return {"tiles": np.ascontiguousarray(tiles).reshape(-1), "channels": 3 if tiles.ndim == 4 else 1}
    return {"sheets": list(tiles), "channels": 1}
