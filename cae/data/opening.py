"""Opens a picture file that anybody may have sent: what is too much to decode is refused before it is decoded."""

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
LARGEST_SLOW_FILE = 2_000_000  # bytes, of the kinds of PNM that are decoded value by value
LARGEST_JPEG = 80_000_000  # pixels: a JPEG is decoded at an eighth of its size
LARGEST_OTHER = 40_000_000  # pixels: the other formats are decoded whole
SMALLEST_SIDE = 8  # pixels
WORKING_SIDE = 800  # pixels: larger pictures are shrunk to this


def open_picture(
    content: bytes, formats: tuple[str, ...] = FORMATS, *, side: int = WORKING_SIDE, smallest: int = SMALLEST_SIDE
) -> tuple[Image.Image, bool]:
    """The first frame of a picture file, upright, and whether there are others.

    At most about twice `side` large where that is cheap, and at least `smallest` pixels wide and high. Raises
    UnreadablePicture, for what claims to be far too large before it is decoded.
    """
    from PIL import Image, ImageOps

    if len(content) > LARGEST_FILE:
        raise UnreadablePicture(
            f"The file has more than {LARGEST_FILE // 10**6} MB: send a smaller picture.", TOO_LARGE
        )
    if not has_few_parts(content):
        raise UnreadablePicture("The file is made of far too many parts: save the picture anew.", "too many parts")
    try:
        image = Image.open(io.BytesIO(content), formats=formats)
    except Image.DecompressionBombError as error:
        raise UnreadablePicture(
            "The picture claims to have far too many pixels: send a smaller one.", "too many pixels"
        ) from error
    except Exception as error:  # what the plugins raise on broken headers is not documented
        raise UnreadablePicture(
            "This is not a picture that can be read: send a PNG, JPEG or WebP file.", "not a picture that can be read"
        ) from error
    width, height = image.size
    is_photo = image.format in ("JPEG", "MPO")  # the second is a JPEG of a phone, with more pictures behind it
    largest = LARGEST_JPEG if is_photo else LARGEST_OTHER
    if width * height > largest:
        raise UnreadablePicture(
            f"The picture has {width} × {height} pixels, more than {largest // 10**6} megapixels: send a smaller one.",
            "too many pixels",
        )
    if min(width, height) < smallest:
        raise UnreadablePicture(
            f"The picture has only {width} × {height} pixels: no digit can be read from that.", "too few pixels"
        )
    if len(content) > LARGEST_SLOW_FILE and image.format == "PPM" and image.tile[0].codec_name != "raw":
        raise UnreadablePicture(
            f"A picture of this kind may have {LARGEST_SLOW_FILE // 10**6} MB: save it as a PNG.", TOO_LARGE
        )
    try:
        is_animated = bool(getattr(image, "is_animated", False)) and not is_photo
        image.draft("RGB", (side, side))
        image.load()
    except Exception as error:  # likewise
        raise UnreadablePicture(
            "The picture is damaged or incomplete and cannot be read.", "damaged or incomplete"
        ) from error
    upright: Image.Image = image
    with contextlib.suppress(Exception):  # broken EXIF data says nothing about the picture
        upright = ImageOps.exif_transpose(image)
    return upright, is_animated


def on_paper(image: Image.Image, side: int = WORKING_SIDE) -> Image.Image:
    """RGB with sides of at most `side`; what is transparent becomes white, or black under ink that white would hide.

    Raises UnreadablePicture where its values are no brightnesses, or cannot be converted.
    """
    try:
        return _on_paper(image, side)
    except Exception as error:  # what conversions of rare kinds raise is not documented
        raise UnreadablePicture("The picture is of a kind that cannot be converted.", "of a rare kind") from error


def _on_paper(image: Image.Image, side: int) -> Image.Image:
    from PIL import Image

    if image.mode.startswith("I") or image.mode == "F":  # 16 bits, or fractions
        values = np.asarray(image).astype(np.float32)
        if not (values.min() >= 0 and values.max() <= 65535):
            raise ValueError("no brightnesses")
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
