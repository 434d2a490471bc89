"""Measures of a digit's shape that need not know which digit it is."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Attribute:
    """A measure of shape, and the words for less and more of it."""

    name: str
    less: str
    more: str


ATTRIBUTES = (
    Attribute("thickness", "thinner", "thicker"),
    Attribute("slant", "slanted left", "slanted right"),
    Attribute("width", "narrower", "wider"),
    Attribute("roundness", "straighter", "rounder"),
)


def measure(pixels: NDArray[np.uint8], batch: int = 2000) -> NDArray[np.float64]:
    """The ATTRIBUTES of pictures (N, 28, 28), (N, 4). From image moments, centred on the ink's centre of mass:

    - thickness, in pixels: twice the ink's area over the length of its outline (its total variation)
    - slant, pixels to the right per pixel upwards: -mu11 / mu02; 0 for an upright digit
    - width, in pixels: the standard deviation of the ink across that slant
    - roundness, 0 to 1: E[r2]2 / E[r4] for the distance r from the centre; 1 if all ink lies on a circle

    All four are 0 for a picture without ink.
    """
    return np.concatenate([_measure(part) for part in np.split(pixels, range(batch, len(pixels), batch))])


def _measure(pixels: NDArray[np.uint8]) -> NDArray[np.float64]:
    ink = pixels / 255.0  # (N, H, W)
    mass = ink.sum(axis=(1, 2))
    safe = np.maximum(mass, 1e-9)
    padded = np.pad(ink, ((0, 0), (1, 1), (1, 1)))
    down, right = np.diff(padded, axis=1), np.diff(padded, axis=2)
    down, right = (down[:, :, 1:] + down[:, :, :-1]) / 2, (right[:, 1:] + right[:, :-1]) / 2  # mirrored digits alike
    outline = np.hypot(down, right).sum(axis=(1, 2))
    position = np.arange(ink.shape[1], dtype=float)
    y = position - (ink.sum(axis=2) @ position / safe)[:, None]  # (N, H), downwards
    x = position - (ink.sum(axis=1) @ position / safe)[:, None]  # (N, W)

    def moment(across: int, down: int) -> NDArray[np.float64]:
        value: NDArray[np.float64] = np.einsum("nhw,nh,nw->n", ink, y**down, x**across) / safe
        return value

    mu20, mu11, mu02 = moment(2, 0), moment(1, 1), moment(0, 2)
    r4 = moment(4, 0) + 2 * moment(2, 2) + moment(0, 4)
    lean = mu11 / np.maximum(mu02, 1e-9)
    attributes = np.stack(
        [
            2 * mass / np.maximum(outline, 1e-9),
            -lean,
            np.sqrt(np.maximum(mu20 - lean * mu11, 0)),
            (mu20 + mu02) ** 2 / np.maximum(r4, 1e-9),
        ],
        axis=1,
    )
    attributes[mass == 0] = 0
    return attributes
