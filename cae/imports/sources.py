"""Pictures from elsewhere, one at a time, as 28 x 28 brightnesses."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cae.data import opening
from cae.data.ink import SIDE, resample

FORMATS = (*opening.FORMATS, "GIF", "BMP", "TIFF", "PPM")
ONLY_CLASS = "image"  # of pictures without a class
_SHRUNK = 8 * SIDE  # pixels: larger pictures are shrunk to this first, which is many times faster

Square = NDArray[np.uint8]


@dataclass(frozen=True)
class Picture:
    """One picture: pixels uint8 (28, 28), 0 is black; its class; its part of the data set, "" if it names none."""

    pixels: Square
    label: str
    part: str = ""
    is_resized: bool = False
    is_animated: bool = False


@dataclass(frozen=True)
class Refused:
    """A file that is left out, and why."""

    name: str
    reason: str


@dataclass(frozen=True)
class Source:
    """At most `total` pictures, which can be read once."""

    total: int
    pictures: Iterator[Picture | Refused]


def square(grey: NDArray[Any]) -> Square:
    """Brightnesses (H, W) from 0 to 255 as 28 x 28 pixels: scaled to fit, centred, each pixel an area average.

    The margins of a picture that is not square get the median brightness of its border.
    """
    if grey.shape == (SIDE, SIDE):
        picture = grey.astype(np.float64)
    else:
        height, width = grey.shape
        scale, paper = SIDE / max(height, width), float(np.median(border(grey)))
        left, top = (SIDE - width * scale) / 2, (SIDE - height * scale) / 2
        picture = resample(grey.astype(np.float64) - paper, SIDE, scale, left, top) + paper
    return np.clip(np.floor(picture + 0.5), 0, 255).astype(np.uint8)


def border(pictures: NDArray[Any]) -> NDArray[Any]:
    """The outermost pixels of pictures (..., H, W), (..., P)."""
    edges = (pictures[..., 0, :], pictures[..., -1, :], pictures[..., 1:-1, 0], pictures[..., 1:-1, -1])
    return np.concatenate(edges, axis=-1)


def read(content: bytes) -> tuple[Square, bool, bool]:
    """A picture file as 28 x 28 pixels, whether it had another size, and whether it has more than one frame.

    Upright and grey by luminance; transparent parts are white, or black where white would hide the ink. Raises
    UnreadablePicture.
    """
    image, is_animated = opening.open_picture(content, FORMATS, side=_SHRUNK, smallest=1)
    grey = np.asarray(opening.on_paper(image, _SHRUNK).convert("L"))
    return square(grey), image.size != (SIDE, SIDE), is_animated
