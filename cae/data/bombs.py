"""Of how many parts a picture file is made, counted before it is decoded.

What a decoder takes grows with these, and not only with the pixels: a small file can be made of a million of them.
"""

from __future__ import annotations

import re
from typing import Literal

MOST_SEGMENTS = 500  # of a JPEG: profiles and descriptions come in pieces of 64 kB
MOST_SCANS = 100  # of a progressive JPEG, each of which goes over all of its pixels
MOST_PADDING = 4096  # bytes between two segments
MOST_CHUNKS = 20_000  # of a PNG
MOST_STRIPS = 100_000  # or tiles, of a TIFF
MOST_TAGS = 4096  # of a TIFF
MOST_COMMENTS = 1000  # in a PNM whose values are written as text

_MARKER = re.compile(rb"\xff[^\x00\xff\xd0-\xd7]")  # restarts, which may stand anywhere in a scan, are none
_ALONE, _END, _SCAN = {0x01, 0xD8}, 0xD9, 0xDA  # the first have no length
_TIFF: dict[bytes, Literal["little", "big"]] = {
    b"II*\0": "little", b"MM\0*": "big", b"II+\0": "little", b"MM\0+": "big",
}  # fmt: skip
_STRIPS = {273, 324}


def has_few_parts(content: bytes) -> bool:
    """Whether a file has no more parts than pictures have; true for what is of no format that could have more."""
    if content.startswith(b"\xff\xd8"):
        return _is_short_jpeg(content)
    if content.startswith(b"\x89PNG"):
        return _is_short_png(content)
    if content[:4] in _TIFF:
        return _is_short_tiff(content)
    return content[:2] not in (b"P1", b"P2", b"P3") or content.count(b"#") <= MOST_COMMENTS


def _is_short_jpeg(content: bytes) -> bool:
    at, segments, scans = 2, 0, 0
    while found := _MARKER.search(content, at):
        kind = found[0][1]
        if kind == _END:
            break
        segments, scans = segments + 1, scans + (kind == _SCAN)
        is_padded = not scans and found.start() - at > MOST_PADDING
        if segments > MOST_SEGMENTS or scans > MOST_SCANS or is_padded:
            return False
        at = found.end()
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
    """By the tags of its first picture, the only one that is read."""
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
