"""Reads files that anybody may have changed: every value has its type and range, or it is refused.

A refusal is one of UNREADABLE, which the reader of each format puts into words.
"""

from __future__ import annotations

import errno
import io
import json
import math
import os
import re
import stat
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

LARGEST = 2**30  # bytes of any file
LARGEST_TEXT = 2**24  # bytes of a text file
UNREADABLE = (
    OSError, ValueError, TypeError, KeyError, IndexError, AttributeError, ArithmeticError, RecursionError, MemoryError,
)  # fmt: skip
_HALF_A_CHARACTER = re.compile(r"\\u[dD][89a-fA-F]")


def matching(folder: Path, pattern: str) -> list[Path]:
    """The paths in a folder that match a pattern, in order; [] if there is no such folder."""
    try:
        return sorted(folder.glob(pattern))
    except OSError:
        return []


@contextmanager
def opened(path: Path, most: int = LARGEST) -> Iterator[BinaryIO]:
    """An ordinary file of at most `most` bytes, open for reading. Raises OSError for anything else."""
    with open(path, "rb", opener=_without_waiting) as file:
        status = os.fstat(file.fileno())
        if not stat.S_ISREG(status.st_mode):
            raise OSError(errno.EINVAL, "it is not an ordinary file", str(path))
        if status.st_size > most:
            raise OSError(errno.EFBIG, f"it has more than {most:,} bytes", str(path))
        yield file


def _without_waiting(path: str, flags: int) -> int:
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))  # opening a pipe would wait for a writer


def content(path: Path, most: int = LARGEST) -> bytes:
    """The content of an ordinary file of at most `most` bytes. Raises OSError for anything else."""
    with opened(path, most) as file:
        read = file.read(most + 1)
    if len(read) > most:  # it has grown
        raise OSError(errno.EFBIG, f"it has more than {most:,} bytes", str(path))
    return read


def end(path: Path, most: int) -> bytes:
    """The last `most` bytes of an ordinary file of any length. Raises OSError for anything else."""
    with opened(path, 2**62) as file:
        file.seek(max(0, os.fstat(file.fileno()).st_size - most))
        return file.read(most)


def is_there(path: Path) -> bool:
    """Whether there is such a file or folder; False if a folder above it is closed to us."""
    try:
        return path.exists()
    except OSError:
        return False


def is_folder(path: Path) -> bool:
    """Whether there is such a folder; False if a folder above it is closed to us."""
    try:
        return path.is_dir()
    except OSError:
        return False


# -- JSON


def values(path: Path, most: int = LARGEST_TEXT) -> Any:
    """The content of a JSON file. Raises OSError, or ValueError for anything but JSON."""
    return parsed(content(path, most))


def parsed(text: bytes | str) -> Any:
    """The content of JSON text: UTF-8, no half characters, not nested too deeply. Raises ValueError otherwise."""
    whole_text = text.decode() if isinstance(text, bytes) else text
    try:
        document = json.loads(whole_text)
        if _HALF_A_CHARACTER.search(whole_text):
            json.dumps(document, ensure_ascii=False).encode()
    except RecursionError as error:
        raise ValueError("nested too deeply") from error
    return document


def number(value: Any, low: float = -1e15, high: float = 1e15) -> float:
    """The value, if it is a number from `low` to `high`. Raises ValueError."""
    if type(value) not in (int, float) or not low <= value <= high:
        raise ValueError("not a number, or out of range")
    return float(value)


def share(value: Any) -> float:
    """The value, if it is a number from 0 to 1. Raises ValueError."""
    return number(value, 0, 1)


def whole(value: Any, low: int = 0, high: int = 10**15) -> int:
    """The value, if it is a whole number from `low` to `high`. Raises ValueError."""
    if type(value) is not int or not low <= value <= high:
        raise ValueError("not a whole number, or out of range")
    return value


def text(value: Any, most: int = 1000) -> str:
    """The value, if it is text of at most `most` characters. Raises ValueError."""
    if not isinstance(value, str) or len(value) > most:
        raise ValueError("not text, or too long")
    return value


def one_line(text: str, unseen: str = "") -> str:
    """The text on one line, with `unseen` for each character that is invisible or reverses the writing."""

    def shown(letter: str) -> str:
        return " " if letter.isspace() else unseen if unicodedata.category(letter).startswith("C") else letter

    return " ".join("".join(map(shown, unicodedata.normalize("NFC", text))).split())


def moment(value: Any) -> str:
    """The value, if it is a plausible time in ISO 8601. Raises ValueError."""
    if not 1970 < datetime.fromisoformat(text(value, 40)).year < 3000:
        raise ValueError("not a plausible time")
    return str(value)


# -- arrays


def finite(array: NDArray[Any], low: float = -1e15, high: float = 1e15) -> NDArray[Any]:
    """The array, if all its numbers are from `low` to `high`. Raises ValueError."""
    if not ((array >= low) & (array <= high)).all():
        raise ValueError("not numbers, or out of range")
    return array


def array(content: bytes, kind: Any, row: tuple[int, ...] = ()) -> NDArray[Any]:
    """The rows of an .npy file of this type, (N, *row). Raises ValueError if it holds anything else.

    The header is not interpreted: it must equal that of such an array, byte for byte.
    """
    type_ = np.dtype(kind)
    start = len(_npy_header(type_, (0, *row)))
    count = (len(content) - start) // max(1, math.prod(row) * type_.itemsize)
    header = _npy_header(type_, (max(count, 0), *row))
    if not content.startswith(header):
        raise ValueError("another array")
    return np.frombuffer(content, type_, offset=len(header)).reshape(count, *row).copy()


def _npy_header(kind: np.dtype[Any], shape: tuple[int, ...]) -> bytes:
    header = io.BytesIO()
    words = {"descr": np.lib.format.dtype_to_descr(kind), "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(header, words)
    return header.getvalue()
