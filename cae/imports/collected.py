"""Reads all pictures of a folder or an .npz file, to make a data set of them."""

from __future__ import annotations

import warnings
from array import array
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cae import words
from cae.data.catalogue import Skipped, clean
from cae.errors import UnusableData
from cae.imports import arrays, folders
from cae.imports.sources import Picture, Refused, Source

LEAST_IMAGES = 20
LEAST_TEST = 2  # images of a test part that comes with the pictures, and of its training part
_NAMED = 5  # files of those skipped for one reason

Report = Callable[[int, int], None]


@dataclass
class Collected:
    """The pictures read so far: their pixels, classes and parts, and what was left out."""

    pixels: bytearray = field(default_factory=bytearray)
    labels: array[int] = field(default_factory=lambda: array("H"))
    parts: bytearray = field(default_factory=bytearray)  # 1: a test image
    raw_names: dict[str, int] = field(default_factory=dict)
    has_parts: bool = False
    resized: int = 0
    animated: int = 0
    refused: dict[str, tuple[int, list[str]]] = field(default_factory=dict)

    def add(self, picture: Picture) -> None:
        """Adds a picture."""
        self.pixels += picture.pixels.tobytes()
        self.labels.append(self.raw_names.setdefault(picture.label, len(self.raw_names)))
        self.parts.append(picture.part == "test")
        self.has_parts |= bool(picture.part)
        self.resized += picture.is_resized
        self.animated += picture.is_animated

    def refuse(self, refused: Refused) -> None:
        """Counts a file that is left out."""
        count, names = self.refused.get(refused.reason, (0, []))
        if count < _NAMED:
            names.append(clean(refused.name, 80))
        self.refused[refused.reason] = count + 1, names

    def images(self) -> NDArray[np.uint8]:
        """The pixels, (N, 28, 28)."""
        return np.frombuffer(self.pixels, np.uint8).reshape(-1, 28, 28)

    def skipped(self) -> tuple[Skipped, ...]:
        """What was left out, the most frequent reason first."""
        reasons = [Skipped(reason, count, tuple(names)) for reason, (count, names) in self.refused.items()]
        return tuple(sorted(reasons, key=lambda each: -each.count))


def collect(path: Path, report: Report) -> Collected:
    """All pictures of a folder or an .npz file. Raises UnusableData, also for too few pictures, or Damaged."""
    source, collected = _opened(path), Collected()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow warns of odd files that it can read
        for number, each in enumerate(source.pictures, start=1):
            if isinstance(each, Picture):
                collected.add(each)
            else:
                collected.refuse(each)
            report(number, source.total)
    _require_enough(path, collected)
    return collected


def _opened(path: Path) -> Source:
    if path.is_dir():
        return folders.of_folder(path)
    if not path.exists():
        raise UnusableData(f"There is no {path}: name a folder of pictures, or an .npz file of arrays.")
    if path.suffix.lower() != ".npz" or not path.is_file():
        raise UnusableData(f"{path} is neither a folder of pictures nor an .npz file of arrays.")
    return arrays.of_arrays(path)


def _require_enough(path: Path, collected: Collected) -> None:
    count, tested = len(collected.labels), sum(collected.parts)
    why = "".join(f"; {each.count:,} skipped: {each.reason}" for each in collected.skipped()[:3])
    if count < LEAST_IMAGES:
        raise UnusableData(
            f"{path} holds {words.count(count, 'picture')} that can be read, but a data set needs at least "
            f"{LEAST_IMAGES}{why}."
        )
    if collected.has_parts and min(tested, count - tested) < LEAST_TEST:
        raise UnusableData(
            f"{path} holds {count - tested:,} training and {tested:,} test images, but a data set needs at least "
            f"{LEAST_TEST} of each{why}."
        )
