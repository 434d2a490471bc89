"""Arrays in safetensors files, read within bounds. Imports no torch."""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cae.disk import reading
from cae.errors import Damaged

LARGEST_WEIGHTS = 2**28  # bytes: the largest network has 61 MB, its resume state three times as much
Weights = dict[str, NDArray[np.floating]]
_LONGEST_HEADER = 1_000_000  # bytes


def read_header(path: Path) -> tuple[int, dict[str, Any]]:
    """Where the arrays of a safetensors file begin, and its header. Raises ValueError or OSError."""
    with reading.opened(path, LARGEST_WEIGHTS) as file:
        start = file.read(8)  # not the weights: a list shows a thousand runs
        return _header_of(start + file.read(min(int.from_bytes(start, "little"), _LONGEST_HEADER)))


def _header_of(content: bytes) -> tuple[int, dict[str, Any]]:
    (length,) = struct.unpack("<Q", content[:8].ljust(8, b"\xff"))
    header = reading.parsed(content[8 : 8 + length]) if length <= _LONGEST_HEADER else None
    if not isinstance(header, dict):
        raise ValueError("no header")
    return 8 + length, header


def damage(path: Path) -> str | None:
    """What is wrong with a safetensors file, by its header and length alone; None if nothing is."""
    try:
        start, header = read_header(path)
        end = max(tensor["data_offsets"][1] for name, tensor in header.items() if name != "__metadata__")
        return None if path.stat().st_size == start + end else f"{path.name} is damaged: it is cut short."
    except FileNotFoundError:
        return f"{path.name} is missing."
    except reading.UNREADABLE:
        return f"{path.name} is damaged."


def shapes_in(path: Path) -> dict[str, tuple[int, ...]]:
    """The shapes of the arrays in a file, from its header alone. Raises Damaged."""
    try:
        header = read_header(path)[1]
        header.pop("__metadata__", None)
        return {name: tuple(tensor["shape"]) for name, tensor in header.items() if len(tensor["data_offsets"]) == 2}
    except reading.UNREADABLE as error:
        raise Damaged(f"{path.parent.name}/{path.name} is damaged and cannot be read.") from error


def single(values: NDArray[Any]) -> NDArray[np.float32]:
    """The values in single precision; infinite if they are too large for it."""
    with np.errstate(over="ignore"):
        return np.ascontiguousarray(values, np.float32)


def read_tensors(path: Path) -> dict[str, NDArray[Any]]:
    """All arrays of a safetensors file. Raises Damaged."""
    try:
        read_header(path)  # before reading the rest
        return tensors(reading.content(path, LARGEST_WEIGHTS))
    except reading.UNREADABLE as error:
        raise Damaged(f"{path.parent.name}/{path.name} is damaged and cannot be read.") from error


def tensors(content: bytes) -> dict[str, NDArray[Any]]:
    """All arrays of a safetensors file's content. Raises one of reading.UNREADABLE."""
    from safetensors import SafetensorError
    from safetensors.numpy import load

    _header_of(content)  # refuses a header with a million arrays
    try:
        return load(content)
    except SafetensorError as error:
        raise ValueError(str(error)) from error


def checksum(arrays: dict[str, NDArray[Any]]) -> str:
    """The CRC-32 of the arrays of a file, in the order of their names, in hexadecimal digits."""
    crc = 0
    for name in sorted(arrays):
        crc = zlib.crc32(np.ascontiguousarray(arrays[name]).reshape(-1).view(np.uint8).data, crc)
    return f"{crc:08x}"


def require_checksum(path: Path, arrays: dict[str, NDArray[Any]]) -> None:
    """Raises ValueError if these arrays of a file do not match the checksum in its header; older files have none."""
    expected = read_header(path)[1].get("__metadata__", {}).get("checksum")
    if expected is not None and expected != checksum(arrays):
        raise ValueError("not what was written")


def metadata(content: bytes) -> dict[str, Any]:
    """The metadata in the header of a safetensors file's content. Raises ValueError if there is none."""
    entries = _header_of(content)[1].get("__metadata__")
    if not isinstance(entries, dict):
        raise ValueError("no metadata")
    return entries


def in_file_order(path: Path, arrays: dict[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    """The arrays of a safetensors file in the order of its header."""
    return {name: arrays[name] for name in read_header(path)[1] if name in arrays}


def npy(values: NDArray[Any]) -> bytes:
    """An array as the content of an .npy file."""
    buffer = io.BytesIO()
    np.save(buffer, values, allow_pickle=False)
    return buffer.getvalue()
