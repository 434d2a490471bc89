"""Finds the ink of one handwritten digit in a photo or scan, step by step."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from cae.data.opening import on_paper, open_picture
from cae.errors import UnreadablePicture

if TYPE_CHECKING:
    from PIL import Image

Field = NDArray[np.float32]
Mask = NDArray[np.bool_]
Box = tuple[int, int, int, int]  # top, left, bottom, right; the last two are outside

UPSCALED_SIDE = 280  # pixels: smaller pictures are enlarged to this
SHOWN_SIDE = 400  # pixels
LEAST_HEIGHT = 0.03  # of the long side of the picture
LEAST_PART = 0.002  # of the squared height of the digit: parts of a smaller area are specks
FAINTEST_INK = 0.06  # of the range from black to white


@dataclass(frozen=True)
class Step:
    """One step, to show: its picture is uint8 (H, W) or RGB (H, W, 3), at most 400 pixels on the long side."""

    title: str
    explanation: str
    picture: NDArray[np.uint8]


@dataclass(frozen=True)
class Photo:
    """The digit in a picture.

    ink: float32 (H, W) in [0, 1], 1 is ink; the chosen digit only.
    digits: how many separate digits the picture seems to show, at least 1.
    remarks: sentences for the person who took the picture.
    """

    steps: tuple[Step, ...]
    ink: Field
    digits: int
    remarks: tuple[str, ...]


def read(content: bytes) -> Photo:
    """The ink of one handwritten digit in `content`, the bytes of a PNG, JPEG or WebP file.

    The ink may be darker or lighter than the paper. Raises UnreadablePicture where the file cannot be opened or shows
    no ink.
    """
    opened, is_animated = open_picture(content)
    remarks = ["The picture is animated: only its first frame counts."] if is_animated else []
    colour = on_paper(opened)
    grey, blown_up = _grey(colour)  # (H, W) in [0, 1]
    dark, light = _find(_even_out(grey, in_proportion=True)), _find(_even_out(1 - grey, in_proportion=False))
    chosen = max(dark, light, key=lambda candidate: candidate.score)
    if chosen.score == 0:
        raise UnreadablePicture("There is no ink in the picture: it seems to be all one tone.")
    digits = _digits(chosen)
    ink = _soften(chosen.field, digits[0], max(4, round(1.5 * blown_up)))
    if len(digits) > 1:
        remarks.append(f"There seem to be {len(digits)} digits: this is the most prominent one.")
    tone = "darker" if chosen is dark else "lighter"
    steps = (
        Step(
            "Opened and turned upright",
            f"{opened.width} × {opened.height} pixels, read at {grey.shape[1]} × {grey.shape[0]}.",
            _shown(np.asarray(colour)),
        ),
        Step("Made grey", "Brightness counts, colour does not.", _shown(grey)),
        Step(
            "Lighting evened out",
            f"The brightness of the paper around each point is subtracted; the ink is {tone} than the paper.",
            _shown(np.clip(1 - chosen.field, 0, 1)),
        ),
        Step(
            "Ink found",
            f"Ink is what is at least {100 * chosen.threshold:.0f} % {tone} than the paper.",
            _shown(1.0 - chosen.mask),
        ),
        Step(
            "Digit chosen",
            f"One of {len(digits)} digits, {_count(digits[0])}, without specks and whatever touches the edge."
            if len(digits) > 1
            else f"The digit is {_count(digits[0])}, without specks and whatever touches the edge.",
            _shown(1 - ink),
        ),
    )
    return Photo(steps, ink, len(digits), tuple(remarks))


def _count(digit: Mask) -> str:
    parts = _parts(digit, np.zeros(digit.shape, np.float32), 0)
    return "in one piece" if len(parts) == 1 else f"in {len(parts)} pieces"


def _grey(colour: Image.Image) -> tuple[Field, float]:
    """Brightness (H, W) in [0, 1], small pictures smoothly enlarged, and by what factor."""
    from PIL import Image

    grey: Field = np.asarray(colour.convert("L"), np.float32) / np.float32(255)
    factor = max(1.0, UPSCALED_SIDE / max(grey.shape))
    if factor > 1:
        grey = _resized(grey, factor, Image.Resampling.BICUBIC).clip(0, 1)
    return grey, factor


def _resized(field: Field, factor: float, method: Image.Resampling) -> Field:
    from PIL import Image

    height, width = field.shape
    size = (max(1, round(width * factor)), max(1, round(height * factor)))
    return np.asarray(Image.fromarray(field).resize(size, method), np.float32)


def _even_out(grey: Field, in_proportion: bool) -> Field:
    """How much darker each point is than the paper around it, (H, W): 0 is paper, 1 is black.

    The paper under the ink is estimated from the brightest points in a window wider than any stroke. `in_proportion`:
    relative to the light on the paper, as suits dark ink.
    """
    from PIL import Image
    from scipy import ndimage

    small = _resized(grey, min(1, 100 / max(grey.shape)), Image.Resampling.BOX)
    small = ndimage.median_filter(small, 3)
    window = round(0.28 * max(small.shape))
    wide = np.pad(small, window, mode="edge")  # otherwise a dark corner would count as narrow
    paper = ndimage.grey_closing(wide, window)[window:-window, window:-window]
    paper = ndimage.gaussian_filter(paper, 2, mode="nearest")
    paper = np.asarray(Image.fromarray(paper).resize(grey.shape[::-1], Image.Resampling.BICUBIC))
    field: Field = ndimage.gaussian_filter(paper - grey, 1)
    if in_proportion:
        field *= np.median(paper) / np.maximum(paper, 0.1)
    return field - np.median(field)


@dataclass(frozen=True)
class _Candidate:
    """The ink (H, W) at one threshold, the slope of the field, and how much its best part looks like a digit."""

    score: float
    field: Field
    slope: Field
    threshold: float
    mask: Mask


def _find(field: Field) -> _Candidate:
    """The ink at Otsu's threshold; where lines or edges of shadows cross it, at a higher one or without thin lines."""
    from scipy import ndimage

    slope = ndimage.gaussian_gradient_magnitude(field, 1.5)
    otsu = _threshold(field)
    candidates = []
    for factor, thinnest, doubt in ((1, 0, 1.0), (1.4, 0, 0.85), (1.9, 0, 0.72), (1, 6, 0.85), (1, 9, 0.72)):
        mask = field > factor * otsu
        if thinnest:  # pixels
            mask = ndimage.binary_opening(mask, np.ones((thinnest, thinnest)))
        score = max((_looks(part, mask.shape) for part in _parts(mask, slope)), default=0)
        candidates.append(_Candidate(doubt * score, field, slope, factor * otsu, mask))
    return max(candidates, key=lambda candidate: candidate.score)


def _threshold(field: Field) -> float:
    """The darkness at which ink begins: Otsu's threshold over everything above the grain, and its surroundings."""
    from scipy import ndimage
    from skimage import filters

    grain = 1.48 * float(np.median(np.abs(field - ndimage.gaussian_filter(field, 5))))
    low, high = max(FAINTEST_INK, 4 * grain), max(1.5 * FAINTEST_INK, 7 * grain)
    rough = filters.apply_hysteresis_threshold(field, low, high)
    if not rough.any():
        return 1.0
    around = ndimage.binary_dilation(rough, iterations=4)
    return max(float(filters.threshold_otsu(field[around])), FAINTEST_INK)


def _parts(mask: Mask, slope: Field, least: float = LEAST_HEIGHT) -> list[Any]:
    """The connected parts of the ink, as skimage describes them, at least as tall as this share of the picture."""
    from skimage import measure

    parts = measure.regionprops(measure.label(mask, connectivity=2), slope)
    return [part for part in parts if _height(part.bbox) >= least * max(mask.shape)]


def _looks(part: Any, shape: tuple[int, ...]) -> float:
    """How much a part of the ink looks like a digit: tall, sharp all around, not cut off at the edge."""
    return _height(part.bbox) * _sharpness(part) * (0.1 if _at_edge(part.bbox, shape) else 1)


def _sharpness(part: Any) -> float:
    """The slope of the ink across the softest fifth of a part's outline.

    Ink is sharp everywhere; the rest of a shadow, or paper between strokes mistaken for ink, is not.
    """
    from scipy import ndimage

    outline = part.image & ~ndimage.binary_erosion(part.image)
    return float(np.percentile(part.image_intensity[outline], 20))


def _digits(candidate: _Candidate) -> list[Mask]:
    """The digits, the most prominent first, each (H, W) with all its parts.

    A part at least half as tall as the tallest is a digit, unless it nearly touches another above or below it. A
    smaller part belongs to the digit next to it, or is a speck.
    """
    shape = candidate.mask.shape
    parts = _parts(candidate.mask, candidate.slope, 0)
    best = max(parts, key=lambda part: _looks(part, shape))
    parts = [
        part
        for part in parts
        if part.area >= LEAST_PART * _height(best.bbox) ** 2
        and (_at_edge(best.bbox, shape) or not _at_edge(part.bbox, shape))
        and _sharpness(part) > 0.3 * _sharpness(best)
    ]
    parts.sort(key=lambda part: _height(part.bbox), reverse=True)
    tallest = _height(parts[0].bbox)
    groups: list[list[Any]] = []
    for part in parts:
        gaps = [min(_gap(part.bbox, other.bbox) for other in group) / tallest for group in groups]
        nearest = int(np.argmin(gaps)) if gaps else -1
        if 2 * _height(part.bbox) < tallest:
            if gaps[nearest] < 0.25:
                groups[nearest].append(part)
        elif gaps and gaps[nearest] < 0.15 and any(_over(part.bbox, other.bbox) for other in groups[nearest]):
            groups[nearest].append(part)
        else:
            groups.append([part])
    return sorted((_drawn(group, shape) for group in groups), key=_prominence, reverse=True)


def _drawn(group: list[Any], shape: tuple[int, ...]) -> Mask:
    mask = np.zeros(shape, np.bool_)
    for part in group:
        mask[part.slice] |= part.image
    return mask


def _prominence(digit: Mask) -> float:
    """How tall a digit is; a third less at the corners of the picture."""
    y, x = np.nonzero(digit)
    middle = np.array([(y.min() + y.max()) / digit.shape[0], (x.min() + x.max()) / digit.shape[1]]) - 1  # in [-1, 1]
    return float(max(np.ptp(y), np.ptp(x)) * (1 - np.hypot(*middle) / 4))


def _height(box: Box) -> int:
    return max(box[2] - box[0], box[3] - box[1])  # the longer side: a scan may lie on its side


def _at_edge(box: Box, shape: tuple[int, ...]) -> bool:
    return box[0] == 0 or box[1] == 0 or box[2] == shape[0] or box[3] == shape[1]


def _gap(one: Box, other: Box) -> float:
    """The distance between two boxes, 0 if they overlap."""
    down = max(one[0] - other[2], other[0] - one[2], 0)
    across = max(one[1] - other[3], other[1] - one[3], 0)
    return float(np.hypot(down, across))


def _over(one: Box, other: Box) -> bool:
    """Whether one of two boxes is above the other, sharing a third of the narrower one's width."""
    shared = min(one[3], other[3]) - max(one[1], other[1])
    return shared > 0.3 * min(one[3] - one[1], other[3] - other[1])


def _soften(field: Field, digit: Mask, margin: int) -> Field:
    """The ink of one digit (H, W) in [0, 1]: 1 from its median darkness on, soft edges up to `margin` pixels."""
    from scipy import ndimage

    near = ndimage.binary_dilation(digit, iterations=margin)
    ink: Field = np.where(near, np.clip(field / np.median(field[digit]), 0, 1), 0).astype(np.float32)
    return ink


def _shown(picture: NDArray[Any]) -> NDArray[np.uint8]:
    """A field in [0, 1], or RGB from 0 to 255, as a picture of at most 400 pixels on the long side."""
    from PIL import Image

    image = Image.fromarray(picture if picture.ndim == 3 else np.round(picture * 255.0).astype(np.uint8))
    image.thumbnail((SHOWN_SIDE, SHOWN_SIDE))
    return np.asarray(image)
