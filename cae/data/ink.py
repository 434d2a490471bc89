"""Ink of any size as a digit of 28 x 28 pixels, made like MNIST's. Its twin is cae/web/lib/ink.js."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

SIDE = 28
BOX = 20.0  # the longer side of a digit in MNIST, in pixels
MIDDLE = 14.5  # where the centre of mass of MNIST's digits lies, from the upper left corner, in pixels
STROKE = 2.3  # the median width of MNIST's strokes in pixels, measured as `_stroke_width` does on training digits
_FAINTEST = 0.3  # when the ink is cropped, anything fainter is paper
_GRID = 64  # the longer side of the ink while its strokes are widened or thinned
_MARGIN = 10
_EDGE = 0.4871  # of the strongest ink; not a round number, so that rounding never decides on which side a pixel falls
_THINNEST = 0.4  # of its width: the least that a stroke keeps


def normalise_ink(ink: NDArray[np.floating]) -> NDArray[np.uint8]:
    """The picture (28, 28), 0 paper and 255 ink, that the network gets for `ink` (H, W) in [0, 1], 1 being ink.

    The ink is cropped, scaled into 20 x 20 pixels, its strokes brought to MNIST's usual width, centred by mass, and
    sampled by area averages; it keeps its slant. Ink that is nowhere stronger than 0.3 gives empty paper.
    """
    rows, columns = (np.flatnonzero(ink.max(axis=axis, initial=0) > _FAINTEST) for axis in (1, 0))
    if not len(rows):
        return np.zeros((SIDE, SIDE), np.uint8)
    enlarged = _enlarge(ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1].astype(np.float64))
    outline = enlarged > _EDGE * enlarged.max()
    depth = _depth(outline)
    width = _stroke_width(depth)
    extent = max(np.ptp(np.flatnonzero(outline.any(axis=axis))) + 1 for axis in (0, 1))
    scale = (BOX - STROKE) / max(extent - width, width)  # the strokes' own width does not grow with the digit
    offset = max((STROKE / scale - width) / 2, (_THINNEST - 1) * width / 2)
    strokes = np.clip(0.5 + depth + offset, 0, 1)
    centre = np.arange(len(strokes)) + 0.5
    y, x = strokes.sum(axis=1) @ centre / strokes.sum(), strokes.sum(axis=0) @ centre / strokes.sum()
    picture = resample(strokes, SIDE, scale, MIDDLE - x * scale, MIDDLE - y * scale)
    return np.floor(np.clip(picture, 0, 1) * 255 + 0.5).astype(np.uint8)


def _enlarge(ink: NDArray[np.float64]) -> NDArray[np.float64]:
    """The ink in the middle of a square grid, with a margin of paper."""
    height, width = ink.shape
    scale = _GRID / max(height, width)
    side = _GRID + 2 * _MARGIN
    return resample(ink, side, scale, (side - width * scale) / 2, (side - height * scale) / 2)


def _depth(outline: NDArray[np.bool_]) -> NDArray[np.float64]:
    """How far the middle of each pixel lies inside the outline, in pixels; negative outside."""
    from scipy.ndimage import distance_transform_edt

    inside: NDArray[np.float64] = distance_transform_edt(outline) - 0.5
    return np.where(outline, inside, 0.5 - distance_transform_edt(~outline))


def _stroke_width(depth: NDArray[np.float64]) -> float:
    """The width of the strokes: across a stroke of width w, the depth goes from 0 to w / 2 and is w / 4 on average."""
    return 4 * float(depth[depth > 0].mean())


def resample(ink: NDArray[np.float64], side: int, scale: float, left: float, top: float) -> NDArray[np.float64]:
    """The ink in a square of `side` pixels, scaled and then moved by (left, top): each pixel is an area average."""
    return _shares(side, scale, top, ink.shape[0]) @ ink @ _shares(side, scale, left, ink.shape[1]).T


def _shares(side: int, scale: float, shift: float, length: int) -> NDArray[np.float64]:
    """The share of each source pixel in each target pixel, along one axis: (side, length)."""
    edges = (np.arange(side + 1) - shift) / scale
    sources = np.arange(length)
    overlap = np.minimum(edges[1:, None], sources + 1) - np.maximum(edges[:-1, None], sources)
    shares: NDArray[np.float64] = np.clip(overlap, 0, None) * scale  # (side, length)
    return shares
