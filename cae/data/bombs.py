"""Counts the parts of a picture file before it is decoded.

The cost of decoding grows with the parts, not only with the pixels, and a small file can have a million parts.
"""

from __future__ import annotations

import re
from typing import Literal

MOST_SEGMENTS = 500  # of a JPEG: profiles and descriptions come in segments of 64 kB
MOST_SCANS = 100  # of a progressive JPEG: each scan visits every pixel
MOST_PADDING = 4096  # bytes between two segments
MOST_CHUNKS = 20_000  # of a PNG
MOST_STRIPS = 100_000  # or tiles, of a TIFF
MOST_TAGS = 4096  # of a TIFF
MOST_COMMENTS = 1000  # in a PNM whose values are written as text

_MARKER = re.compile(rb"\xff[^\x00\xff\xd0-\xd7]")  # restart markers may stand anywhere in a scan and do not count
_ALONE, _END, _SCAN = {0x01, 0xD8}, 0xD9, 0xDA  # _ALONE: markers without a length
_TIFF: dict[bytes, Literal["little", "big"]] = {
    b"II*\0": "little", b"MM\0*": "big", b"II+\0": "little", b"MM\0+": "big",
}  # fmt: skip
_STRIPS = {273, 324}


def has_few_parts(content: bytes) -> bool:
    """Whether a file has no more parts than a picture needs; true for formats without parts."""
    if content.startswith(b"\xff\xd8"):
        return _is_short_jpeg(content)
    if content.startswith(b"\x89PNG"):
        return _is_short_png(content)
    if content[:4] in _TIFF:
        return _is_short_tiff(content)
    return content[:2] not in (b"P1", b"P2", b"P3") or content.count(b"#") <= MOST_COMMENTS


def _is_short_jpeg(content: bytes) -> bool:
    at, segments, scans = 2, 0, 0
    while marker := _MARKER.search(content, at):
        kind = marker[0][1]
        if kind == _END:
            break
        segments, scans = segments + 1, scans + (kind == _SCAN)
        is_padded = not scans and marker.start() - at > MOST_PADDING
        if segments > MOST_SEGMENTS or scans > MOST_SCANS or is_padded:
            return False
        at = marker.end()
        if kind not in _ALONE:
            at += max(2, int.from_bytes(content[at : at + 2], "big"))
    return True


def _is_short_png(content: bytes) -> bool:
    at = 8
    for _ in range(MOST_CHUNKS):
        if at >= len(content):
            return True
        at += 12 + int.from_bytes(content[at : at + 4], "big")
    return False


def _is_short_tiff(content: bytes) -> bool:
    """Looks at the tags of the first picture, the only one that is read."""
    order = _TIFF[content[:4]]

    def number(at: int, size: int) -> int:
        return int.from_bytes(content[at : at + size], order)

    is_big = b"+" in content[:4]
    first, width, size = (number(8, 8), 8, 20) if is_big else (number(4, 4), 2, 12)
    tags = number(first, width)
    places = range(first + width, first + width + size * tags, size)
    return tags <= MOST_TAGS and not any(
        number(place, 2) in _STRIPS and number(place + 4, 8 if is_big else 4) > MOST_STRIPS for place in places
    )
