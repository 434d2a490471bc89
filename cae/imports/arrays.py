"""Reads the pictures in the arrays of an .npz file, a block at a time. Nothing here unpickles."""

from __future__ import annotations

import math
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cae.data import opening
from cae.data.catalogue import MOST_CLASSES, MOST_IMAGES, clean
from cae.data.ink import SIDE
from cae.errors import Damaged, UnusableData
from cae.imports.sources import ONLY_CLASS, Picture, Source, square

IMAGES = ("x_train", "train_images", "images", "x")  # possible names of an array, the best first
LABELS = ("y_train", "train_labels", "labels", "y")
TEST_IMAGES = ("x_test", "test_images")
TEST_LABELS = ("y_test", "test_labels")
LARGEST_ROW = 4_000_000  # pixels of one picture in an array
_LARGEST_LABELS = 256 * 2**20  # bytes
_BLOCK = 16 * 2**20  # bytes of an array in memory at a time

Field = NDArray[np.float64]


@dataclass(frozen=True)
class _Array:
    """An array in an .npz file: its member, its name in messages, its shape and type, and where its values begin."""

    member: str
    title: str
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    start: int


def of_arrays(path: Path) -> Source:
    """The pictures in an .npz file, (N, 28, 28), (N, H, W), (N, H, W, C), (N, C, H, W) or (N, 784), C being 1, 3 or 4.

    The array has one of the names IMAGES, that of a test part one of TEST_IMAGES. LABELS and TEST_LABELS, which are
    optional, are numbers or words, (N,). Values are booleans, or brightnesses from 0 to 1, from 0 to 255 or, if whole,
    from 0 to 65535: the smallest of these ranges that holds all of them. Raises UnusableData or Damaged.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            arrays = {name.removesuffix(".npy"): name for name in archive.namelist() if name.endswith(".npy")}
            parts = _parts(path, archive, arrays)
            most = max(_highest(archive, images) for images, _, _ in parts)
    except _BROKEN as error:
        raise Damaged(f"{path.name} is damaged or not an .npz file.") from error
    top = next((top for top in (1, 255) if most <= top), 65535)
    return Source(sum(images.shape[0] for images, _, _ in parts), _rows(path, parts, top))


_BROKEN = (
    zipfile.BadZipFile, zlib.error, OSError, EOFError, NotImplementedError, RuntimeError, ValueError, MemoryError,
)  # fmt: skip


def _parts(path: Path, archive: zipfile.ZipFile, names: dict[str, str]) -> list[tuple[_Array, list[str], str]]:
    """The arrays of pictures, each with the classes of its pictures and its part. Raises UnusableData."""
    given = [
        ([name for name in choice if name in names], [name for name in labels if name in names], part)
        for choice, labels, part in ((IMAGES, LABELS, "train"), (TEST_IMAGES, TEST_LABELS, "test"))
    ]
    (images, labels, _), (test_images, test_labels, _) = given
    if not images:
        there = clean(", ".join(sorted(names)[:8]), 200) or "none"
        raise UnusableData(
            f"{path.name} holds no pictures under {', '.join(IMAGES[:-1])} or {IMAGES[-1]}; its arrays: {there}."
        )
    if test_images and bool(labels) != bool(test_labels):
        raise UnusableData(f"{path.name} has labels for one of its parts only: give both parts labels, or neither.")
    parts: list[tuple[_Array, list[str], str]] = []
    for images, labels, part in given if test_images else given[:1]:
        array = _header(path, archive, names[images[0]])
        _layout(array)
        if array.shape[0] + sum(before.shape[0] for before, _, _ in parts) > MOST_IMAGES:
            raise UnusableData(f"{path.name} holds more than {MOST_IMAGES:,} pictures, the most a data set can have.")
        read = _labels(path, archive, names[labels[0]], array.shape[0]) if labels else [ONLY_CLASS] * array.shape[0]
        parts.append((array, read, part if test_images else ""))
    classes = len({label for _, read, _ in parts for label in read})
    if classes > MOST_CLASSES:
        raise UnusableData(f"{path.name} holds {classes:,} classes: the most is {MOST_CLASSES}.")
    return parts


def _header(path: Path, archive: zipfile.ZipFile, member: str) -> _Array:
    with archive.open(member) as file:
        version = np.lib.format.read_magic(file)
        if version not in ((1, 0), (2, 0)):
            raise ValueError("a newer format")
        read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        try:
            shape, is_fortran, dtype = read(file)
        except Exception as error:  # NumPy does not document what it raises for a forged header
            raise ValueError("no header") from error
        start = file.tell()
    title = f"{path.name}: {member.removesuffix('.npy')}"
    if dtype.hasobject:
        raise UnusableData(f"{title} holds pickled objects, which are never opened: save numbers or text.")
    if is_fortran and len(shape) > 1:
        raise UnusableData(f"{title} is stored column by column: save numpy.ascontiguousarray of it.")
    return _Array(member, title, shape, dtype, start)


def _layout(array: _Array) -> tuple[int, int, int, bool]:
    """Height, width and channels of the pictures, and whether the channels come first. Raises UnusableData."""
    shape = array.shape
    if len(shape) == 2 and shape[1] == SIDE * SIDE:
        layout = SIDE, SIDE, 1, False
    elif len(shape) == 3:
        layout = shape[1], shape[2], 1, False
    elif len(shape) == 4 and shape[3] in (1, 3, 4):
        layout = shape[1], shape[2], shape[3], False
    elif len(shape) == 4 and shape[1] in (1, 3, 4):
        layout = shape[2], shape[3], shape[1], True
    else:
        raise UnusableData(
            f"{array.title} has the shape {shape}, but pictures have (N, H, W), (N, H, W, 3 or 4) or "
            f"(N, {SIDE * SIDE})."
        )
    if array.dtype.kind not in "buif":
        raise UnusableData(f"{array.title} holds values of type {array.dtype}, which are not brightnesses.")
    if not 1 <= layout[0] * layout[1] <= LARGEST_ROW:
        raise UnusableData(f"{array.title} holds pictures of {layout[1]:,} × {layout[0]:,} pixels.")
    return layout


def _blocks(archive: zipfile.ZipFile, array: _Array) -> Iterator[NDArray[Any]]:
    """The array, several rows at a time."""
    size = array.dtype.itemsize * math.prod(array.shape[1:])
    rows = max(1, _BLOCK // max(size, 1))
    with archive.open(array.member) as file:
        file.read(array.start)
        for first in range(0, array.shape[0], rows):
            count = min(rows, array.shape[0] - first)
            content = file.read(count * size)
            if len(content) != count * size:
                raise EOFError(array.member)
            yield np.frombuffer(content, array.dtype).reshape(count, *array.shape[1:])


def _highest(archive: zipfile.ZipFile, array: _Array) -> float:
    """The largest value. Raises UnusableData unless all values are brightnesses on one of the scales."""
    low, high = 0.0, 0.0
    for block in _blocks(archive, array):
        low, high = min(low, float(block.min())), max(high, float(block.max()))
        if not math.isfinite(float(block.min()) + float(block.max())):
            low = math.nan
            break
    most = 255 if array.dtype.kind == "f" else 65535
    if not (low >= 0 and high <= most):
        values = "that are not numbers" if math.isnan(low) else f"from {low:g} to {high:g}"
        raise UnusableData(
            f"{array.title} holds values {values}: brightnesses lie between 0 and 1, 255 or, if whole, 65535."
        )
    return high


def _labels(path: Path, archive: zipfile.ZipFile, member: str, count: int) -> list[str]:
    array = _header(path, archive, member)
    if array.shape not in ((count,), (count, 1)):
        raise UnusableData(f"{array.title} has the shape {array.shape}, but {count:,} pictures need ({count},).")
    if array.dtype.kind not in "buifSU" or count * array.dtype.itemsize > _LARGEST_LABELS:
        raise UnusableData(f"{array.title} holds values of type {array.dtype}: labels are numbers or words.")
    labels: list[str] = []
    for block in _blocks(archive, array):
        if block.dtype.kind == "f" and not (np.array_equal(block, np.floor(block)) and np.abs(block).max() < 2**53):
            raise UnusableData(f"{array.title} holds fractions: labels are whole numbers or words.")
        values = block.astype(np.int64) if block.dtype.kind == "f" else block
        labels += [each.decode(errors="replace") if isinstance(each, bytes) else str(each) for each in values.ravel()]
    return labels


def _rows(path: Path, parts: list[tuple[_Array, list[str], str]], top: int) -> Iterator[Picture]:
    try:
        with zipfile.ZipFile(path) as archive:
            for array, labels, part in parts:
                height, width, channels, is_first = _layout(array)
                classes = iter(labels)
                for block in _blocks(archive, array):
                    for row in block.reshape(len(block), *((channels, -1) if is_first else (-1, channels))):
                        shaped = (row.T if is_first else row).reshape(height, width, channels)
                        pixels = square(_grey(shaped * (255.0 / top)))
                        yield Picture(pixels, next(classes), part, (height, width) != (SIDE, SIDE))
    except _BROKEN as error:
        raise Damaged(f"{path.name} is damaged and cannot be read to the end.") from error


def _grey(values: Field) -> Field:
    """The brightness (H, W) of values (H, W, C) from 0 to 255."""
    if values.shape[2] == 1:
        return values[:, :, 0]
    from PIL import Image

    colour = Image.fromarray(np.floor(values + 0.5).astype(np.uint8))
    return np.asarray(opening.on_paper(colour, max(colour.size)).convert("L"), np.float64)
