"""The canvas, and the network's view of a drawing or of any other image."""

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
_recognised = register("reading")
_kept = register("kept")
_PIXELS = 28 * 28


@dataclass(frozen=True)
class DrawingAction:
    """What the visitor did on the canvas: lifted the pen, or asked to steer from the drawing.

    `pixels`: the drawing as the network sees it, uint8 (28, 28); None for an empty canvas.
    """

    kind: Literal["drawing", "steer"]
    pixels: NDArray[np.uint8] | None


def draw(
    files: Addresses, base: tuple[str, NDArray[np.uint8]] | None, *, known: bool, on_map: MapAddresses | None, key: str
) -> DrawingAction | None:
    """Shows the canvas. Returns what the visitor has just done, once; None otherwise.

    `base` is an image (28, 28) to draw on, put there once for each id. Unless the drawing is `known`, the canvas
    reports one that the browser has kept. `on_map` is the map on which the drawing is placed.
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
    """The drawing that the browser tab has kept, as the network sees it, (28, 28), once; None otherwise."""
    action = _checked(_kept(key=key, data={}, on_action_change=nothing).action)
    return None if action is None else action.pixels


def recognised(files: Addresses, pixels: NDArray[np.uint8], *, name: str, key: str) -> None:
    """Shows an image (28, 28), its reconstruction and its recognised digit, whose accessible name is `name`."""
    _recognised(key=key, data={**vars(files), "pixels": pixels.reshape(-1), "name": name}, height="content")


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
