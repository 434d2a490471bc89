"""Arrays into pictures: pure functions that give uint8."""

from __future__ import annotations

import base64
import io

import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]
MISSING = (70, 150, 255)  # blue: ink of the original that the reconstruction lacks
ADDED = (255, 84, 60)  # red: ink that the original has not
GROUND = (22, 22, 26)  # of a map: the pages' own at night


def signed_error(originals: Pixels, reconstructions: Pixels) -> Pixels:
    """Where ink is missing (blue) and where it was added (red), RGB (N, 28, 28, 3).

    Arguments are uint8 (N, 28, 28). Black is no difference; the colours reach their full strength, equally on both
    sides, at half the range of a pixel.
    """
    difference = (reconstructions.astype(np.float32) - originals) / 127.5  # (N, 28, 28), in [-2, 2]
    strength = np.clip(np.abs(difference), 0, 1)[..., None]
    colour = np.where(difference[..., None] < 0, np.array(MISSING, np.float32), np.array(ADDED, np.float32))
    picture: Pixels = np.round(strength * colour).astype(np.uint8)
    return picture


def to_rgb(pixels: Pixels) -> Pixels:
    """Grey (N, 28, 28) as RGB (N, 28, 28, 3)."""
    return np.repeat(pixels[..., None], 3, axis=-1)


def sheet(pixels: Pixels, columns: int, scale: int = 4, gap: int = 2) -> Pixels:
    """Pictures (N, 28, 28) on one dark sheet, (H, W), row by row; each pixel `scale` wide, `gap` wide lines between."""
    count, height, width = pixels.shape
    columns = max(1, min(columns, count))
    rows = -(-count // columns)
    tile_height, tile_width = height * scale + gap, width * scale + gap
    found = np.full((rows * tile_height + gap, columns * tile_width + gap), 40, np.uint8)
    for number, picture in enumerate(pixels):
        top, left = number // columns * tile_height + gap, number % columns * tile_width + gap
        large = picture.repeat(scale, axis=0).repeat(scale, axis=1)
        found[top : top + height * scale, left : left + width * scale] = large
    return found


def scattered(
    pixels: Pixels, positions: NDArray[np.floating], colours: Pixels, side: int = 1600
) -> tuple[Pixels, NDArray[np.int64]]:
    """Pictures (N, 28, 28) where they lie on a map, on one of RGB (side, side, 3), and which of them it shows, (K,).

    `positions` (N, 2) are brought to the picture's size, both axes alike, the second upwards. Ink has the picture's own
    of the `colours`, RGB (N, 3). No ink lies on another's: whose box of ink is not free any more is not shown.
    """
    size = pixels.shape[1]
    middle, span = (positions.max(axis=0) + positions.min(axis=0)) / 2, np.ptp(positions, axis=0).max() or 1.0
    corners = (positions - middle) * np.array([1, -1]) * (side - size) / span + (side - size) / 2  # (N, 2)
    found = np.full((side, side, 3), GROUND, np.uint8)
    taken = np.zeros((side, side), bool)
    shown = []
    for number, (x, y) in enumerate(np.round(corners).astype(int).tolist()):
        rows, columns = np.flatnonzero(pixels[number].any(axis=1)), np.flatnonzero(pixels[number].any(axis=0))
        if not len(rows):
            continue
        top, bottom, left, right = rows[0], rows[-1] + 1, columns[0], columns[-1] + 1
        box = slice(y + top, y + bottom), slice(x + left, x + right)
        if taken[box].any():
            continue
        taken[max(0, y + top - 1) : y + bottom + 1, max(0, x + left - 1) : x + right + 1] = True
        shown.append(number)
        ink = pixels[number, top:bottom, left:right, None] / np.float32(255)
        found[box] = np.round(ink * colours[number] + (1 - ink) * np.array(GROUND, np.float32))
    return found, np.array(shown, np.int64)


def png(pixels: Pixels) -> bytes:
    """A picture, grey (H, W) or RGB (H, W, 3), as the content of a PNG file."""
    from PIL import Image

    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


def webp_uri(pixels: Pixels) -> str:
    """One picture, RGB (H, W, 3), as a data URI: without loss, and at half the size of a PNG."""
    from PIL import Image

    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "WEBP", lossless=True)
    return "data:image/webp;base64," + base64.b64encode(buffer.getvalue()).decode()


def png_uri(pixels: Pixels, scale: int = 1) -> str:
    """One picture, grey (H, W) or RGB (H, W, 3), as a data URI, each pixel blown up to `scale` x `scale`."""
    large = pixels.repeat(scale, axis=0).repeat(scale, axis=1)
    return "data:image/png;base64," + base64.b64encode(png(large)).decode()


def qr_code(text: str, scale: int = 6) -> Pixels:
    """A QR code of a text, black on white, (H, H), each of its modules `scale` wide; with the margin of four modules.

    It can still be read with 15 % of it covered (level M of ISO/IEC 18004). Raises ValueError for a text that is too
    long, some 2,300 characters.
    """
    import segno

    modules = np.array(list(segno.make_qr(text, error="m", boost_error=False).matrix_iter(border=4)), bool)
    return np.where(modules, 0, 255).astype(np.uint8).repeat(scale, axis=0).repeat(scale, axis=1)
