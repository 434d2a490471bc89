"""Opens picture files from anybody: refuses those too costly to decode before it decodes them."""

from __future__ import annotations

import contextlib
import io
from typing import TYPE_CHECKING

import numpy as np

from cae.data.bombs import has_few_parts
from cae.errors import UnreadablePicture

if TYPE_CHECKING:
    from PIL import Image

FORMATS = ("PNG", "JPEG", "WEBP")
TOO_LARGE = "too large a file"
LARGEST_FILE = 20_000_000  # bytes
LARGEST_SLOW_FILE = 2_000_000  # bytes of a PNM whose values are decoded one by one
LARGEST_JPEG = 80_000_000  # pixels: a JPEG is decoded at an eighth of its size
LARGEST_OTHER = 40_000_000  # pixels: the other formats are decoded whole
SMALLEST_SIDE = 8  # pixels
WORKING_SIDE = 800  # pixels: larger pictures are shrunk to this


def open_picture(
    content: bytes, formats: tuple[str, ...] = FORMATS, *, side: int = WORKING_SIDE, smallest: int = SMALLEST_SIDE
) -> tuple[Image.Image, bool]:
    """The first frame of a picture file, upright, and whether there are more.

    It is shrunk to about twice `side` where that is cheap. Raises UnreadablePicture, also for fewer than `smallest`
    pixels on a side, and before decoding for far too many.
    """
    from PIL import Image, ImageOps

    if len(content) > LARGEST_FILE:
        raise UnreadablePicture(
            f"The file has more than {LARGEST_FILE // 10**6} MB: send a smaller picture.", TOO_LARGE
        )
    if not has_few_parts(content):
        raise UnreadablePicture("The file consists of far too many parts: save the picture again.", "too many parts")
    try:
        image = Image.open(io.BytesIO(content), formats=formats)
    except Image.DecompressionBombError as error:
        raise UnreadablePicture(
            "The picture claims to have far too many pixels: send a smaller one.", "too many pixels"
        ) from error
    except Exception as error:  # Pillow does not document what its plugins raise on broken headers
        raise UnreadablePicture(
            "This is not a picture that can be read: send a PNG, JPEG or WebP file.", "not a picture that can be read"
        ) from error
    width, height = image.size
    is_photo = image.format in ("JPEG", "MPO")  # MPO is what some phones save: a JPEG followed by more pictures
    largest = LARGEST_JPEG if is_photo else LARGEST_OTHER
    if width * height > largest:
        raise UnreadablePicture(
            f"The picture has {width} × {height} pixels, more than {largest // 10**6} megapixels: send a smaller one.",
            "too many pixels",
        )
    if min(width, height) < smallest:
        raise UnreadablePicture(
            f"The picture has only {width} × {height} pixels: that is too few to show a digit.", "too few pixels"
        )
    if len(content) > LARGEST_SLOW_FILE and image.format == "PPM" and image.tile[0].codec_name != "raw":
        raise UnreadablePicture(
            f"A picture of this kind may have at most {LARGEST_SLOW_FILE // 10**6} MB: save it as a PNG.", TOO_LARGE
        )
    try:
        is_animated = bool(getattr(image, "is_animated", False)) and not is_photo
        image.draft("RGB", (side, side))
        image.load()
    except Exception as error:  # likewise
        raise UnreadablePicture("The picture is damaged or incomplete.", "damaged or incomplete") from error
    upright: Image.Image = image
    with contextlib.suppress(Exception):  # broken EXIF data does not spoil the picture
        upright = ImageOps.exif_transpose(image)
    return upright, is_animated


def on_paper(image: Image.Image, side: int = WORKING_SIDE) -> Image.Image:
    """RGB, shrunk to at most `side`; transparent parts become white, or black where white would hide the ink.

    Raises UnreadablePicture where its values are not brightnesses or cannot be converted.
    """
    try:
        return _on_paper(image, side)
    except Exception as error:  # Pillow does not document what conversions of rare kinds raise
        raise UnreadablePicture("The picture has a format that cannot be converted.", "of a rare kind") from error


def _on_paper(image: Image.Image, side: int) -> Image.Image:
    from PIL import Image

    if image.mode.startswith("I") or image.mode == "F":  # 16 bits, or fractions
        values = np.asarray(image).astype(np.float32)
        if not (values.min() >= 0 and values.max() <= 65535):
            raise ValueError("not brightnesses")
        most = 65535 if image.mode != "F" else next((top for top in (1, 255) if values.max() <= top), 65535)
        image = Image.fromarray((values * (255 / most)).round().clip(0, 255).astype(np.uint8))
    if not image.has_transparency_data:
        image = image.convert("RGB")
        image.thumbnail((side, side), Image.Resampling.BOX)
        return image
    image = image.convert("RGBA")
    image.thumbnail((side, side), Image.Resampling.BOX)
    for paper in ("white", "black"):
        pasted = Image.new("RGBA", image.size, paper)
        pasted.alpha_composite(image)
        if np.ptp(np.asarray(pasted.convert("L"))) > 60:
            break
    return pasted.convert("RGB")
