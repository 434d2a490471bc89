"""Weights on disk: safetensors with the model's configuration in the header. Imports no torch."""

from __future__ import annotations

import json
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cae import reading
from cae.config import ModelConfig, from_json
from cae.errors import Damaged, DoesNotFit, InvalidOption
from cae.files import write_whole

LARGEST_WEIGHTS = 2**28  # bytes: the largest network has 61 MB, its resume state three times as much
Weights = dict[str, NDArray[np.floating]]
_LONGEST_HEADER = 1_000_000  # bytes
_FARTHEST = 1e17  # from zero, that a number in a network may be: its square is still one


def _header(path: Path) -> tuple[int, dict[str, Any]]:
    """The length of a safetensors header with its own length, and the header. Raises ValueError or OSError."""
    with reading.opened(path, LARGEST_WEIGHTS) as file:
        start = file.read(8)  # a list of a thousand runs has no time to read their weights
        return _header_of(start + file.read(min(int.from_bytes(start, "little"), _LONGEST_HEADER)))


def _header_of(content: bytes) -> tuple[int, dict[str, Any]]:
    (length,) = struct.unpack("<Q", content[:8].ljust(8, b"\xff"))
    header = reading.parsed(content[8 : 8 + length]) if length <= _LONGEST_HEADER else None
    if not isinstance(header, dict):
        raise ValueError("no header")
    return 8 + length, header


def damage(path: Path) -> str | None:
    """What is wrong with a safetensors file, judged by its header and length alone; None where nothing is."""
    try:
        start, header = _header(path)
        end = max(tensor["data_offsets"][1] for name, tensor in header.items() if name != "__metadata__")
        return None if path.stat().st_size == start + end else f"{path.name} is damaged: it has not its full length."
    except FileNotFoundError:
        return f"{path.name} is missing."
    except reading.UNREADABLE:
        return f"{path.name} is damaged."


def write_weights(path: Path, weights: Weights, config: ModelConfig, epoch: int | None = None) -> None:
    """Writes weights as safetensors, with the model's configuration in the header, and the epoch they are of."""
    from safetensors.numpy import save

    arrays = {name: np.ascontiguousarray(value) for name, value in weights.items()}
    words = config.to_json() | ({} if epoch is None else {"epoch": epoch})  # one text: of several the order varies
    write_whole(path, save(arrays, metadata={"model": json.dumps(words, sort_keys=True)}))


def read_weights(path: Path, config: ModelConfig) -> Weights:
    """The float32 weights of a model of this shape. Raises Damaged, or DoesNotFit where it is of another."""
    expected = shapes(config)
    if _shapes_in(path) != expected:
        raise DoesNotFit(f"{path.parent.name}/{path.name} holds weights of another shape than its run.json says.")
    arrays = read_tensors(path)
    if not all(value.dtype.kind == "f" for value in arrays.values()):
        raise Damaged(f"{path.parent.name}/{path.name} holds something else than weights.")
    found = {name: single(arrays[name]) for name in expected}
    if not all(np.isfinite(value).all() for value in found.values()):
        raise Damaged(f"{path.parent.name}/{path.name} holds weights that are not finite numbers.")
    if reach(found) > _FARTHEST:
        raise Damaged(f"{path.parent.name}/{path.name} holds weights so large that nothing can be computed with them.")
    return found


def _shapes_in(path: Path) -> dict[str, tuple[int, ...]]:
    """The shapes that the header says, before anything else of the file is read. Raises Damaged."""
    try:
        header = _header(path)[1]
        found = {name: tensor for name, tensor in header.items() if name != "__metadata__"}
        return {name: tuple(tensor["shape"]) for name, tensor in found.items() if len(tensor["data_offsets"]) == 2}
    except reading.UNREADABLE as error:
        raise Damaged(f"{path.parent.name}/{path.name} is damaged and cannot be read.") from error


def single(values: NDArray[Any]) -> NDArray[np.float32]:
    """The values in single precision; infinite where they are too large for it."""
    with np.errstate(over="ignore"):
        return np.ascontiguousarray(values, np.float32)


def reach(weights: Weights) -> float:
    """How far from zero any number in the network can get with these weights, whatever the picture: an upper bound.

    Pixels lie in [-1, 1], no activation makes a number larger, and a sum is at most the sum of what is added.
    """
    farthest, here = 1.0, 1.0
    for name in ("encoder.0", "encoder.2", "encoder.5", "decoder.0", "decoder.3", "decoder.5"):
        sizes = np.abs(weights[f"{name}.weight"], dtype=np.float64)
        is_transposed = name in ("decoder.3", "decoder.5")  # (in, out, H, W), the others are (out, in, ...)
        per_output = sizes.sum(axis=(0, 2, 3) if is_transposed else tuple(range(1, sizes.ndim)))
        here = float((here * per_output + np.abs(weights[f"{name}.bias"], dtype=np.float64)).max())
        farthest = max(farthest, here)
    return farthest


def read_tensors(path: Path) -> dict[str, NDArray[Any]]:
    """All arrays of a safetensors file. Raises Damaged."""
    try:
        _header(path)  # before the rest is read
        return tensors(reading.content(path, LARGEST_WEIGHTS))
    except reading.UNREADABLE as error:
        raise Damaged(f"{path.parent.name}/{path.name} is damaged and cannot be read.") from error


def tensors(content: bytes) -> dict[str, NDArray[Any]]:
    """All arrays of a safetensors file's content. Raises one of reading.UNREADABLE."""
    from safetensors import SafetensorError
    from safetensors.numpy import load

    _header_of(content)  # a longer one could name a million arrays
    try:
        return load(content)
    except SafetensorError as error:
        raise ValueError(str(error)) from error


def checksum(arrays: dict[str, NDArray[Any]]) -> str:
    """The CRC-32 of the arrays of a file, in the order of their names, in hexadecimal digits."""
    found = 0
    for name in sorted(arrays):
        found = zlib.crc32(np.ascontiguousarray(arrays[name]).reshape(-1).view(np.uint8).data, found)
    return f"{found:08x}"


def require_checksum(path: Path, arrays: dict[str, NDArray[Any]]) -> None:
    """Raises ValueError where these arrays of a file are others than its header says; older files say nothing."""
    said = _header(path)[1].get("__metadata__", {}).get("checksum")
    if said is not None and said != checksum(arrays):
        raise ValueError("not what was written")


def header_config(path: Path) -> ModelConfig | None:
    """The configuration in the header of a safetensors file, None where there is none that can be used."""
    try:
        words = reading.parsed(_header(path)[1]["__metadata__"]["model"])
        return from_json(ModelConfig, {name: value for name, value in words.items() if name != "epoch"})
    except (*reading.UNREADABLE, InvalidOption):
        return None


def header_epoch(path: Path) -> int | None:
    """The epoch in the header of a safetensors file, None where there is none."""
    try:
        epoch = reading.parsed(_header(path)[1]["__metadata__"]["model"])["epoch"]
        return epoch if type(epoch) is int and 0 <= epoch < 10**6 else None
    except reading.UNREADABLE:
        return None


def metadata(content: bytes) -> dict[str, Any]:
    """The metadata in the header of a safetensors file's content. Raises ValueError where there is none."""
    found = _header_of(content)[1].get("__metadata__")
    if not isinstance(found, dict):
        raise ValueError("no metadata")
    return found


def in_file_order(path: Path, arrays: dict[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    """The arrays of a safetensors file in the order of its header, which is all the order there is."""
    return {name: arrays[name] for name in _header(path)[1] if name in arrays}


def shapes(config: ModelConfig) -> dict[str, tuple[int, ...]]:
    """The shape of every weight of a model of this configuration, in order."""
    narrow, wide, latent = config.width, 2 * config.width, config.latent_dim
    flat = wide * 7 * 7
    return {
        "encoder.0.weight": (narrow, 1, 3, 3), "encoder.0.bias": (narrow,),
        "encoder.2.weight": (wide, narrow, 3, 3), "encoder.2.bias": (wide,),
        "encoder.5.weight": (latent, flat), "encoder.5.bias": (latent,),
        "decoder.0.weight": (flat, latent), "decoder.0.bias": (flat,),
        "decoder.3.weight": (wide, narrow, 3, 3), "decoder.3.bias": (narrow,),
        "decoder.5.weight": (narrow, 1, 3, 3), "decoder.5.bias": (1,),
    }  # fmt: skip
