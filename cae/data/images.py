"""Data sets as uint8 tensors in memory: from the idx files that torchvision checks and unpacks, or own pictures."""

from __future__ import annotations

import contextlib
import gzip
import math
import struct
import sys
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from cae.data import catalogue
from cae.data.catalogue import CLASSES, DATASETS, FOLDERS
from cae.disk import reading, tensors
from cae.disk.files import SHIPPED_DATA, data_folder, write_whole
from cae.disk.locks import Lock
from cae.errors import DataUnavailable, InvalidOption

Split = Literal["train", "test"]
_LARGEST = 2**28  # bytes of an unpacked file; the largest of the three data sets has 47 MB
_PREFIX = {"train": "train", "test": "t10k"}
_FILES = tuple(f"{prefix}-{kind}" for prefix in _PREFIX.values() for kind in ("images-idx3-ubyte", "labels-idx1-ubyte"))


@dataclass(frozen=True)
class Images:
    """One split of a data set.

    pixels: uint8 (N, 28, 28), 0 is paper and 255 is ink.
    labels: int64 (N,), an index into `class_names`.
    """

    pixels: Tensor
    labels: Tensor
    class_names: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.pixels)


def load(name: str, split: Split) -> Images:
    """The "train" or "test" split of "mnist", "fashion-mnist" or "kmnist", or of a data set of own pictures.

    Unpacks the files on first use; downloads those of Fashion-MNIST and KMNIST. Raises DataUnavailable where that fails
    or an own data set is missing, and Damaged where its files have changed.
    """
    if name not in DATASETS:
        if not catalogue.is_name(name):
            names = ", ".join(catalogue.names())
            raise InvalidOption("dataset", f"There is no data set {name!r}: choose one of {names}.")
        return _own(name, split)
    prefix = _PREFIX[split]
    folder = _prepared(name, [file for file in _FILES if file.startswith(prefix)])
    pixels = _read_idx(folder / f"{prefix}-images-idx3-ubyte", 3)
    labels = _read_idx(folder / f"{prefix}-labels-idx1-ubyte", 1)
    if pixels.shape != (len(labels), 28, 28) or not len(labels) or (labels >= len(CLASSES[name])).any():
        raise DataUnavailable(f"The pictures and the labels of {name}, {split}, in {folder} do not match.")
    return Images(torch.from_numpy(pixels), torch.from_numpy(labels.astype(np.int64)), CLASSES[name])


def _own(name: str, split: Split) -> Images:
    """A split of own pictures, which must be bit for bit what about.json says."""
    from safetensors import SafetensorError, safe_open

    about = catalogue.about(name)
    counts, checksum = {"train": (about.train, about.checksums[0]), "test": (about.test, about.checksums[1])}[split]
    expected = {f"{split}_pixels": [sum(counts), 28, 28], f"{split}_labels": [sum(counts)]}
    try:
        if tensors.damage(catalogue.folder(name) / catalogue.PICTURES):
            raise ValueError("header")
        with safe_open(catalogue.folder(name) / catalogue.PICTURES, "np") as file:
            for key, shape in expected.items():  # before anything is read
                if file.get_slice(key).get_shape() != shape or file.get_slice(key).get_dtype() != "U8":
                    raise ValueError(key)
            pixels, labels = (np.array(file.get_tensor(key)) for key in expected)
        if zlib.crc32(labels.data, zlib.crc32(pixels.data)) != checksum:
            raise ValueError("checksum")
        if np.bincount(labels, minlength=len(counts)).tolist() != list(counts):
            raise ValueError("labels")
    except (SafetensorError, *reading.UNREADABLE) as error:
        raise catalogue.damaged(name, catalogue.PICTURES) from error
    return Images(torch.from_numpy(pixels), torch.from_numpy(labels.astype(np.int64)), about.class_names)


def to_model(pixels: Tensor) -> Tensor:
    """Images for the network: float (N, 1, 28, 28) in [-1, 1], from uint8 (N, 28, 28)."""
    return pixels.unsqueeze(1).to(torch.float32).mul_(2 / 255).sub_(1)


def to_pixels(images: Tensor) -> Tensor:
    """Images to look at: uint8 (N, 28, 28), from float (N, 1, 28, 28); values outside [-1, 1] are clipped."""
    return images.squeeze(1).add(1).mul(127.5).round().clamp(0, 255).to(torch.uint8)


def _prepared(name: str, needed: list[str]) -> Path:
    """The folder with the unpacked files of a data set; those in `needed` are complete and undamaged."""
    folder = data_folder() / FOLDERS[name] / "raw"
    if all(_is_sound(folder / file) for file in needed):
        return folder
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with Lock(folder / "unpacking.lock"):
            _unpack(name, folder)
    except OSError as error:
        raise DataUnavailable(
            f"The data set {name} cannot be unpacked in {folder} ({error.strerror or error}): "
            "point CAE_DATA at a folder that can be written to."
        ) from error
    return folder


def _unpack(name: str, folder: Path) -> None:
    """Downloads missing files and unpacks damaged ones again; torchvision knows the MD5 sums and the addresses."""
    if all(_is_sound(folder / file) for file in _FILES):
        return  # another process was faster
    _copy_shipped(name, folder)
    import torchvision  # 1.5 s, and only needed here
    from torchvision.datasets.utils import check_integrity

    dataset = getattr(torchvision.datasets, FOLDERS[name])
    damaged = []
    for archive, md5 in dataset.resources:
        if check_integrity(str(folder / archive), md5):
            if not _is_sound(folder / archive.removesuffix(".gz")):
                (folder / archive).with_suffix("").unlink(missing_ok=True)  # torchvision unpacks only what is missing
        elif (folder / archive).exists():
            damaged.append(archive)
            (folder / archive.removesuffix(".gz")).unlink(missing_ok=True)
    try:
        with contextlib.redirect_stdout(sys.stderr):
            dataset(data_folder(), train=True, download=True)
    except Exception as error:  # torchvision lets errors of the network and the archives through
        if isinstance(error, OSError) and not (folder / "unpacking.lock").exists():
            raise
        raise DataUnavailable(_what_is_missing(name, folder, damaged)) from error
    unsound = [file for file in _FILES if not _is_sound(folder / file)]
    if unsound:
        raise DataUnavailable(f"The data set {name} in {folder} is damaged: {', '.join(unsound)}.")


def _copy_shipped(name: str, folder: Path) -> None:
    shipped = SHIPPED_DATA / FOLDERS[name] / "raw"
    for file in _FILES:
        if (shipped / f"{file}.gz").exists() and not (folder / f"{file}.gz").exists():
            write_whole(folder / f"{file}.gz", (shipped / f"{file}.gz").read_bytes())


def _what_is_missing(name: str, folder: Path, damaged: list[str]) -> str:
    if damaged:
        return (
            f"The data set {name} cannot be read: {', '.join(damaged)} in {folder} is damaged "
            "and could not be downloaded again. Put a good copy there by hand."
        )
    absent = [f"{file}.gz" for file in _FILES if not (folder / f"{file}.gz").exists()]
    return (
        f"The data set {name} is not here and could not be downloaded: "
        f"put {', '.join(absent or [f'{file}.gz' for file in _FILES])} into {folder}."
    )


def _is_sound(path: Path) -> bool:
    """Whether an unpacked file has the length in its header and the checksum at the end of its archive."""
    try:
        content = reading.content(path, _LARGEST)
        shape = _idx_shape(content)
        if len(content) != 4 + 4 * len(shape) + math.prod(shape):
            return False
        tail = reading.end(path.with_name(path.name + ".gz"), 8)
    except FileNotFoundError:
        return path.exists()
    except (OSError, ValueError):
        return False
    # RFC 1952: a gzip file ends with the CRC32 and the length of its content
    return tail == zlib.crc32(content).to_bytes(4, "little") + len(content).to_bytes(4, "little")


def _read_idx(path: Path, rank: int) -> np.ndarray:
    """The array of an idx file: four bytes of magic, `rank` big-endian lengths, then the bytes themselves."""
    try:
        content = np.frombuffer(reading.content(path, _LARGEST), np.uint8).copy()
        shape = _idx_shape(content[:16].tobytes())
        if len(shape) != rank:
            raise ValueError("an array of another rank")
        return content[4 + 4 * rank :].reshape(*shape)
    except reading.UNREADABLE as error:
        raise DataUnavailable(f"{path} holds an array of another shape.") from error


def _idx_shape(content: bytes) -> tuple[int, ...]:
    """The shape in the header of an idx file of bytes. Raises ValueError for any other file."""
    rank = content[3] if len(content) > 4 else 0
    if content[:3] != b"\0\0\x08" or rank not in (1, 3) or len(content) < 4 + 4 * rank:
        raise ValueError("no idx file of bytes")
    return struct.unpack(f">{rank}I", content[4 : 4 + 4 * rank])


def packed_pictures(images: Images, indices: NDArray[np.integer]) -> bytes:
    """The pictures at these indices, (N,), uint8 (N, 28, 28), gzipped."""
    return gzip.compress(images.pixels[indices].numpy().tobytes(), compresslevel=6, mtime=0)
