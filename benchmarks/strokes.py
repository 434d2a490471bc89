"""Digits as a hand would draw them on the canvas: the middle lines of MNIST's strokes, as the points of a pen.

A person's drawings are not to be had for a test that anyone can repeat; these come from training digits that neither
the references nor the held-out ones of `cae.latent.space` contain, and that the test set does not contain either.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from scipy import ndimage
from skimage.morphology import skeletonize

CANVAS = 280  # units, the side of the drawing area
BRUSHES = (6, 30)  # the widths of the brush, in those units
EXTENTS = (0.3, 0.85)  # the longer side of the middle lines, of the canvas
Points = NDArray[np.float64]  # (P, 2): x, y
_FINER = 6  # how often larger the digit is while its strokes are traced
_BEHIND = 6  # steps that tell where a pen is heading
_SHORTEST = 8  # steps, for a stroke that is not the only one: less is a burr of the skeleton
_EVERY = 5  # steps from one point of the pen to the next
_FINEST = 3  # times the canvas, while it is rastered


@dataclass(frozen=True)
class Drawing:
    """Strokes in the units of the canvas, in the order in which they are drawn, and the width of the brush."""

    strokes: tuple[Points, ...]
    brush: int


def unseen(available: int) -> NDArray[np.int64]:
    """Which of so many training digits the latent space was not measured on."""
    from cae.latent.explore import chosen

    return np.setdiff1d(np.arange(available), np.concatenate(chosen(available)))


def drawing(digit: NDArray[np.uint8], generator: np.random.Generator) -> Drawing:
    """A digit (28, 28) drawn anew: with some slant, turn and stretch, of any size, anywhere, with any brush."""
    strokes = trace(digit)
    slant, turn, stretch = (generator.uniform(-most, most) for most in (0.3, 0.12, 0.15))
    extent, brush = generator.uniform(*EXTENTS) * CANVAS, int(generator.integers(BRUSHES[0], BRUSHES[1] + 1))
    rotation = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    matrix = rotation @ np.array([[np.exp(stretch), -slant], [0, np.exp(-stretch)]])
    strokes = [stroke @ matrix.T for stroke in strokes]
    points = np.concatenate(strokes)
    scale = extent / max(np.ptp(points, axis=0).max(), 1.0)
    low, high = points.min(axis=0) * scale, points.max(axis=0) * scale
    margin = brush / 2 + 3
    corner = generator.uniform(margin, np.maximum(CANVAS - margin - (high - low), margin))
    return Drawing(tuple(stroke * scale - low + corner for stroke in strokes), brush)


def raster(drawn: Drawing) -> NDArray[np.float64]:
    """The ink (280, 280) in [0, 1] that a round brush leaves."""
    large = Image.new("L", (CANVAS * _FINEST, CANVAS * _FINEST))
    pen, radius = ImageDraw.Draw(large), drawn.brush / 2 * _FINEST
    for stroke in drawn.strokes:
        points = [(float(x), float(y)) for x, y in stroke * _FINEST]
        if len(points) > 1:
            pen.line(points, fill=255, width=round(2 * radius))
        for x, y in points:
            pen.ellipse((x - radius, y - radius, x + radius, y + radius), fill=255)
    return np.asarray(large.reduce(_FINEST), np.float64) / 255


def trace(digit: NDArray[np.uint8]) -> list[Points]:
    """The strokes of a digit (28, 28), in its pixels: begun at open ends, straight on where lines cross."""
    fine = ndimage.gaussian_filter(ndimage.zoom(digit.astype(np.float64), _FINER, order=3), _FINER / 4)
    everywhere = {(int(y), int(x)) for y, x in np.argwhere(skeletonize(fine > 0.45 * fine.max()))}
    left = set(everywhere)
    paths: list[list[tuple[int, int]]] = []
    while left:
        ends = [point for point in left if len(_beside(point, left)) == 1]
        path = _walk(min(ends or left), left)
        if len(path) >= _SHORTEST or not paths:
            paths.append(_joined(path, everywhere))
    return [_smooth(np.array(path, np.float64)[:, ::-1] + 0.5) / _FINER for path in paths]


def _beside(point: tuple[int, int], points: set[tuple[int, int]]) -> list[tuple[int, int]]:
    y, x = point
    return [(y + dy, x + dx) for dy in (-1, 0, 1) for dx in (-1, 0, 1) if (dy or dx) and (y + dy, x + dx) in points]


def _walk(start: tuple[int, int], left: set[tuple[int, int]]) -> list[tuple[int, int]]:
    """A path as straight as it gets, to where nothing is left; takes its points out of `left`."""
    path = [start]
    left.discard(start)
    while ahead := _beside(path[-1], left):
        (y, x), (from_y, from_x) = path[-1], path[-min(len(path), _BEHIND)]
        heading = (y - from_y, x - from_x)
        following = max(ahead, key=lambda to: _alike(heading, (to[0] - y, to[1] - x)))
        path.append(following)
        left.discard(following)
    return path


def _alike(heading: tuple[int, int], step: tuple[int, int]) -> float:
    return (heading[0] * step[0] + heading[1] * step[1]) / float(np.hypot(*step))


def _joined(path: list[tuple[int, int]], everywhere: set[tuple[int, int]]) -> list[tuple[int, int]]:
    """The path with its ends drawn up to the lines that they touch, also to itself where it is a loop."""
    for last, near in ((path[-1], path[-4:]), (path[0], path[:4])):
        touched = [point for point in _beside(last, everywhere) if point not in near]
        if touched and len(path) > 4:
            path = [*path, touched[0]] if last == path[-1] else [touched[0], *path]
    return path


def _smooth(path: Points) -> Points:
    """A path without the steps of the grid, thinned to the points that a pen would report."""
    if len(path) < 2 * _EVERY:
        return path
    smooth = ndimage.gaussian_filter1d(path, 2.0, axis=0, mode="nearest")
    return np.concatenate([smooth[:-1:_EVERY], smooth[-1:]])
