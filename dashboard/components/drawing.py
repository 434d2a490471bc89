"""The canvas, and what the network makes of a drawing or of any other picture."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from cae.plots.figures import CLASS_COLOURS
from components._widget import nothing, register
from resources.files import Addresses
from resources.maps import MapAddresses

_draw = register("draw")
_reading = register("reading")
_kept = register("kept")
_PIXELS = 28 * 28


@dataclass(frozen=True)
class DrawingAction:
    """What somebody did at the canvas: lifted the pen, or asked to steer from there.

    `pixels`: uint8 (28, 28), what the network sees of the drawing; None where there is nothing on the canvas.
    """

    kind: Literal["drawing", "steer"]
    pixels: NDArray[np.uint8] | None


def draw(
    files: Addresses, base: tuple[str, NDArray[np.uint8]] | None, *, known: bool, on_map: MapAddresses | None, key: str
) -> DrawingAction | None:
    """Shows the canvas, and gives what has just been done there, once; None otherwise.

    `base` is a picture (28, 28) to draw on; it is put there once for each id. Where the drawing is not `known`, the
    canvas tells of one that the browser has kept. `on_map` is where the digits are among which the drawing is placed.
    """
    data = {
        **vars(files),
        "map": on_map and {"points": on_map.points, "tsne": on_map.tsne, "colours": list(CLASS_COLOURS)},
        "known": known,
        "base": None if base is None else {"id": base[0], "pixels": base[1].reshape(-1).tolist()},
    }
    result = _draw(key=key, data=data, on_action_change=nothing, height="content")
    return _checked(result.action)


def kept_drawing(*, key: str) -> NDArray[np.uint8] | None:
    """What the network sees, (28, 28), of the drawing that the browser's tab has kept, once; None otherwise."""
    told = _checked(_kept(key=key, data={}, on_action_change=nothing).action)
    return None if told is None else told.pixels


def reading(files: Addresses, pixels: NDArray[np.uint8], *, name: str, key: str) -> None:
    """Shows what the network makes of a picture (28, 28); `name` is the accessible name of the recognised digit."""
    _reading(key=key, data={**vars(files), "pixels": pixels.reshape(-1), "name": name}, height="content")


def _checked(sent: Any) -> DrawingAction | None:
    if not isinstance(sent, dict) or sent.get("kind") not in ("drawing", "steer"):
        return None
    value = sent.get("value")
    if value is None:
        return DrawingAction(sent["kind"], None)
    if not isinstance(value, list) or len(value) != _PIXELS:
        return None
    if not all(type(pixel) is int and 0 <= pixel <= 255 for pixel in value):
        return None
    return DrawingAction(sent["kind"], np.array(value, np.uint8).reshape(28, 28))
