"""What is in a file that anybody may have changed: every value of its kind and within its range, or it is not taken.

What does not hold raises one of UNREADABLE; whoever reads a file of a kind puts that into words.
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

LARGEST = 2**30  # bytes of any file that is read at once
LARGEST_TEXT = 2**24  # of a file of words and figures
UNREADABLE = (
    OSError, ValueError, TypeError, KeyError, IndexError, AttributeError, ArithmeticError, RecursionError, MemoryError,
)  # fmt: skip
_HALF_A_CHARACTER = re.compile(r"\\u[dD][89a-fA-F]")


def matching(folder: Path, pattern: str) -> list[Path]:
    """What lies in a folder under names like this, in order; nothing where the folder is not there, or vanishes."""
    try:
        return sorted(folder.glob(pattern))
    except OSError:
        return []


@contextmanager
def opened(path: Path, most: int = LARGEST) -> Iterator[BinaryIO]:
    """An ordinary file of at most so many bytes, open for reading. Raises OSError for anything else."""
    with open(path, "rb", opener=_without_waiting) as file:
        status = os.fstat(file.fileno())
        if not stat.S_ISREG(status.st_mode):
            raise OSError(errno.EINVAL, "it is no ordinary file", str(path))
        if status.st_size > most:
            raise OSError(errno.EFBIG, f"it has more than {most:,} bytes", str(path))
        yield file


def _without_waiting(path: str, flags: int) -> int:
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))  # a pipe would wait for somebody who writes into it


def content(path: Path, most: int = LARGEST) -> bytes:
    """All of an ordinary file of at most so many bytes. Raises OSError for anything else."""
    with opened(path, most) as file:
        found = file.read(most + 1)
    if len(found) > most:
        raise OSError(errno.EFBIG, f"it has more than {most:,} bytes", str(path))
    return found


def end(path: Path, most: int) -> bytes:
    """The last bytes, at most so many, of an ordinary file of any length. Raises OSError for anything else."""
    with opened(path, 2**62) as file:
        file.seek(max(0, os.fstat(file.fileno()).st_size - most))
        return file.read(most)


def is_there(path: Path) -> bool:
    """Whether there is such a file or folder, as far as can be seen: not where a folder above it is closed to us."""
    try:
        return path.exists()
    except OSError:
        return False


def is_folder(path: Path) -> bool:
    """Whether there is such a folder, as far as can be seen."""
    try:
        return path.is_dir()
    except OSError:
        return False


# -- JSON


def values(path: Path, most: int = LARGEST_TEXT) -> Any:
    """What a file of JSON says. Raises OSError, or ValueError for what is no JSON."""
    return parsed(content(path, most))


def parsed(text: bytes | str) -> Any:
    """What JSON says: UTF-8, no half characters, not nested without end. Raises ValueError for anything else."""
    whole_text = text.decode() if isinstance(text, bytes) else text
    try:
        found = json.loads(whole_text)
        if _HALF_A_CHARACTER.search(whole_text):
            json.dumps(found, ensure_ascii=False).encode()
    except RecursionError as error:
        raise ValueError("nested too deeply") from error
    return found


def number(value: Any, low: float = -1e15, high: float = 1e15) -> float:
    """The value, if it is a number between these. Raises ValueError."""
    if type(value) not in (int, float) or not low <= value <= high:
        raise ValueError("no number, or out of range")
    return float(value)


def share(value: Any) -> float:
    """The value, if it is a share. Raises ValueError."""
    return number(value, 0, 1)


def whole(value: Any, low: int = 0, high: int = 10**15) -> int:
    """The value, if it is a whole number between these. Raises ValueError."""
    if type(value) is not int or not low <= value <= high:
        raise ValueError("no whole number, or out of range")
    return value


def text(value: Any, most: int = 1000) -> str:
    """The value, if it is text of at most so many characters. Raises ValueError."""
    if not isinstance(value, str) or len(value) > most:
        raise ValueError("no text, or too long")
    return value


def one_line(text: str, unseen: str = "") -> str:
    """The text on one line, with `unseen` for each character that cannot be seen or that turns the writing around."""

    def shown(letter: str) -> str:
        return " " if letter.isspace() else unseen if unicodedata.category(letter).startswith("C") else letter

    return " ".join("".join(map(shown, unicodedata.normalize("NFC", text))).split())


def moment(value: Any) -> str:
    """The value, if it is a time, ISO 8601, that a clock could have shown. Raises ValueError."""
    if not 1970 < datetime.fromisoformat(text(value, 40)).year < 3000:
        raise ValueError("no time of ours")
    return str(value)


# -- arrays


def finite(array: NDArray[Any], low: float = -1e15, high: float = 1e15) -> NDArray[Any]:
    """The array, if all its numbers are between these. Raises ValueError."""
    if not ((array >= low) & (array <= high)).all():
        raise ValueError("no numbers, or out of range")
    return array


def array(content: bytes, kind: Any, row: tuple[int, ...] = ()) -> NDArray[Any]:
    """The rows of an .npy file of this type, (N, *row). Raises ValueError where it holds anything else.

    Its header is not interpreted: it is that of such an array, letter by letter, or the file is none.
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
