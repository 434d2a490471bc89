"""Makes a data set of somebody's own pictures: like MNIST's, and divided into training and test images."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import struct
import uuid
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import BinaryIO

import numpy as np
from filelock import Timeout
from numpy.typing import NDArray

from cae.data import catalogue
from cae.data.catalogue import ABOUT, PICTURES, About, clean
from cae.disk.files import bring_back, cache_folder, data_folder, put_folder, require_writable, runs_folder, write_whole
from cae.disk.locks import Lock
from cae.errors import (
    Damaged,
    DatasetExists,
    DataUnavailable,
    InvalidName,
    InvalidOption,
    RunBusy,
    RunNotFound,
    UnusableData,
    Unwritable,
)
from cae.imports import sources
from cae.imports.collected import LEAST_TEST, Collected, Report, collect
from cae.runs import info, listing
from cae.runs.names import check_name
from cae.runs.run import Run

INVERT = ("auto", "yes", "no")
HELD_OUT = 7  # one image in so many of every class is a test image
MOST_TEST = 10_000  # test images in all
_BLOCK = 4096  # images written at a time

Indices = NDArray[np.int64]
Pixels = NDArray[np.uint8]


def import_data(
    path: Path,
    name: str,
    *,
    invert: str = "auto",
    replace: bool = False,
    seed: int = 0,
    report: Report = lambda *_: None,
) -> About:
    """Makes a data set of the pictures in a folder or an .npz file (see `folders`, `arrays`), and describes it.

    `replace` allows it to replace an own data set of that name. `invert` "auto" swaps dark and light if most borders
    are bright: paper is dark here, as in MNIST. `seed` draws the order, and the test images if the pictures do not come
    in parts. `report` gets the number of pictures read so far, and of all. On failure nothing is left behind and a
    data set to be replaced stays as it was. Raises InvalidName, DatasetExists, UnusableData, Damaged, ReadOnly,
    RunBusy, InvalidOption or Unwritable.
    """
    require_writable()
    _require_name(name)
    if invert not in INVERT:
        raise InvalidOption("invert", f"Invert must be one of {', '.join(INVERT)}, not {invert!r}.")
    if not 0 <= seed < 2**32:
        raise InvalidOption("seed", f"The seed must be between 0 and {2**32 - 1:,}, not {seed}.")
    with _alone() as place:
        _require_free(place / name, replace)
        collected = collect(path, report)
        workshop = place / f".new-{uuid.uuid4().hex}"
        workshop.mkdir()
        about = _made(workshop, collected, clean(path.resolve().name, 200), invert, seed)
        put_folder(workshop, place / name)
    _forget(name)
    return about


def delete_data(name: str) -> None:
    """Deletes an own data set; the runs trained on it stay.

    Raises DataUnavailable, InvalidName, ReadOnly, RunBusy or Unwritable.
    """
    require_writable()
    if name in catalogue.DATASETS:
        raise InvalidName(f"{name} is one of the published data sets and cannot be deleted.")
    if not catalogue.is_name(name) or not catalogue.folder(name).is_dir():
        raise DataUnavailable(f"There is no data set of your own called {clean(name)!r}.")
    with _alone() as place:
        _require_idle(name)
        (place / name).rename(place / f".deleted-{uuid.uuid4().hex}")
    _forget(name)


def trained_on(name: str) -> list[Run]:
    """The runs that train, trained or will train on a data set."""
    runs = []
    for each in listing.names():
        with contextlib.suppress(Damaged, RunNotFound):  # somebody may be deleting it
            run = Run.open(each)
            if run.info.train is not None and run.info.train.dataset == name:
                runs.append(run)
    return runs


# -- checks


def _require_name(name: str) -> None:
    try:
        check_name(name)
    except InvalidName as error:
        raise InvalidName(str(error).replace("A run cannot", "A data set cannot", 1)) from None
    if name in catalogue.DATASETS:
        raise InvalidName(f"{name} is one of the published data sets: choose another name.")


def _require_free(place: Path, replace: bool) -> None:
    if place.exists() and not replace:
        raise DatasetExists(
            f"There is already a data set called {place.name}: choose another name, or replace it (--replace)."
        )
    _require_idle(place.name)


def _require_idle(name: str) -> None:
    for run in trained_on(name):
        if run.is_live():
            raise RunBusy(f"{run.name} is training on {name}: stop it first.")


@contextlib.contextmanager
def _alone() -> Iterator[Path]:
    """The folder of the own data sets, locked against other changes; clears away unfinished data sets."""
    place = data_folder() / "own"
    try:
        place.mkdir(parents=True, exist_ok=True)
        with Lock(place / ".lock", timeout=0):
            bring_back(place)
            try:
                yield place
            finally:
                with contextlib.suppress(OSError):
                    bring_back(place)
                for left in (*place.glob(".new-*"), *place.glob(".deleted-*")):  # also those of killed processes
                    shutil.rmtree(left, ignore_errors=True)
    except Timeout:
        raise RunBusy("Another data set is being made or deleted: try again in a moment.") from None
    except OSError as error:
        raise Unwritable(
            f"The data set cannot be written to {place} ({error.strerror or error}): make room there, "
            "or point CAE_DATA at another folder."
        ) from error


# -- making


def is_bright(images: Pixels) -> bool:
    """Whether the median border pixel of pictures (N, 28, 28) is bright, so that the ink is dark."""
    counts = np.zeros(256, np.int64)
    for first in range(0, len(images), _BLOCK):
        counts += np.bincount(sources.border(images[first : first + _BLOCK]).ravel(), minlength=256)
    return bool(2 * counts[128:].sum() > counts.sum())


def split(labels: NDArray[np.integer], seed: int) -> tuple[Indices, Indices]:
    """The indices of training images and of test images, each in an order drawn by `seed`, from their classes (N,).

    A seventh of every class, rounded down, are test images, and at least one where a class has two images. If that
    would be more than 10,000, every class has the same smaller share.
    """
    order = np.random.default_rng(seed).permutation(len(labels))
    classes, counts = np.unique(labels, return_counts=True)
    share = min(1 / HELD_OUT, (MOST_TEST - len(classes)) / len(labels))
    tested = np.zeros(len(labels), bool)
    for label, count in zip(classes, counts, strict=True):
        if count > 1:
            tested[order[labels[order] == label][: max(1, int(count * share + 1e-9))]] = True
    return order[~tested[order]], order[tested[order]]


def class_names(raw: Sequence[str]) -> tuple[list[int], tuple[str, ...]]:
    """The classes in order, as positions in `raw`, and their names to show: numbers by size, words by letter.

    Names lose what cannot be shown; a number tells apart two that then look the same.
    """
    is_numeric = all(_is_number(name) for name in raw)
    order = sorted(range(len(raw)), key=lambda i: (int(raw[i]) if is_numeric else 0, raw[i].casefold(), raw[i]))
    shown: list[str] = []
    for position in order:
        stem = clean(raw[position]) or "class"
        others = (f"{clean(stem, catalogue.LONGEST_NAME - 4)} {number}" for number in range(2, 2 + len(raw)))
        shown.append(next(name for name in (stem, *others) if name not in shown))
    return order, tuple(shown)


def _is_number(text: str) -> bool:
    return text.removeprefix("-").isascii() and text.removeprefix("-").isdigit() and len(text) < 20


def _made(folder: Path, collected: Collected, source: str, invert: str, seed: int) -> About:
    """Writes the two files of a data set into a folder."""
    order, names = class_names(list(collected.raw_names))
    ranks = np.empty(len(order), np.uint8)
    ranks[order] = np.arange(len(order))
    images, labels = collected.images(), ranks[np.frombuffer(collected.labels, np.uint16)]
    inverted = is_bright(images) if invert == "auto" else invert == "yes"
    if collected.has_parts:
        drawn, tested = np.random.default_rng(seed).permutation(len(labels)), np.frombuffer(collected.parts, np.bool_)
        parts = drawn[~tested[drawn]], drawn[tested[drawn]]
    else:
        parts = split(labels, seed)
    if len(parts[1]) < LEAST_TEST:
        raise UnusableData(
            f"{source} has hardly any class of two pictures, but one of each class is held out for testing."
        )
    with open(folder / PICTURES, "wb") as file:
        checksums = _write(file, images, labels, parts, inverted)
        file.flush()
        os.fsync(file.fileno())
    train, test = (tuple(np.bincount(labels[part], minlength=len(names)).tolist()) for part in parts)
    about = About(
        names,
        train,
        test,
        source,
        info.now(),
        checksums,
        inverted,
        collected.resized,
        collected.animated,
        collected.skipped(),
    )
    write_whole(folder / ABOUT, about.to_text().encode())
    return about


def _write(
    file: BinaryIO, images: Pixels, labels: Pixels, parts: tuple[Indices, Indices], inverted: bool
) -> tuple[int, int]:
    """Writes safetensors a block at a time, to spare the memory of a copy; returns the checksums of both parts."""
    header, end = {}, 0
    for part, indices in zip(("train", "test"), parts, strict=True):
        for kind, shape in (("pixels", [len(indices), 28, 28]), ("labels", [len(indices)])):
            start, end = end, end + int(np.prod(shape))
            header[f"{part}_{kind}"] = {"dtype": "U8", "shape": shape, "data_offsets": [start, end]}
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    file.write(struct.pack("<Q", len(text)) + text)
    checksums = []
    for indices in parts:
        checksum = 0
        for first in range(0, len(indices), _BLOCK):
            block = images[indices[first : first + _BLOCK]]
            content = (255 - block if inverted else block).tobytes()
            file.write(content)
            checksum = zlib.crc32(content, checksum)
        content = labels[indices].tobytes()
        file.write(content)
        checksums.append(zlib.crc32(content, checksum))
    return checksums[0], checksums[1]


def _forget(name: str) -> None:
    """Deletes measurements on the pictures that had this name before, and their classifier."""
    with contextlib.suppress(OSError):
        (runs_folder() / f"judge-{name}.safetensors").unlink(missing_ok=True)
    for run in trained_on(name):
        for weights in (run.path / "model.safetensors", *(run.path / "epochs").glob("*.safetensors")):
            with contextlib.suppress(OSError):
                shutil.rmtree(cache_folder() / hashlib.sha256(weights.read_bytes()).hexdigest(), ignore_errors=True)
