"""Weights on disk: safetensors with the model's configuration in the header. Imports no torch."""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cae.config import ModelConfig, from_json
from cae.errors import Damaged, DoesNotFit, InvalidOption
from cae.files import write_whole

Weights = dict[str, NDArray[np.floating]]


def _header(path: Path) -> tuple[int, dict[str, Any]]:
    """The length of a safetensors header with its own length, and the header. Raises ValueError or OSError."""
    with open(path, "rb") as file:
        (length,) = struct.unpack("<Q", file.read(8).ljust(8, b"\xff"))
        if length > 1_000_000:
            raise ValueError("no header")
        header = json.loads(file.read(length))
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
    except (OSError, ValueError, TypeError, KeyError, IndexError, AttributeError, RecursionError):
        return f"{path.name} is damaged."


def write_weights(path: Path, weights: Weights, config: ModelConfig) -> None:
    """Writes weights as safetensors, with the model's configuration in the header."""
    from safetensors.numpy import save

    arrays = {name: np.ascontiguousarray(value) for name, value in weights.items()}
    write_whole(path, save(arrays, metadata={"model": json.dumps(config.to_json(), sort_keys=True)}))


def read_weights(path: Path, config: ModelConfig) -> Weights:
    """The float32 weights of a model of this shape. Raises Damaged, or DoesNotFit where it is of another."""
    arrays = read_tensors(path)
    expected = shapes(config)
    if {name: value.shape for name, value in arrays.items()} != expected:
        raise DoesNotFit(f"{path.parent.name}/{path.name} holds weights of another shape than its run.json says.")
    if not all(np.isfinite(value).all() for value in arrays.values()):
        raise Damaged(f"{path.parent.name}/{path.name} holds weights that are not finite numbers.")
    return {name: arrays[name].astype(np.float32) for name in expected}


def read_tensors(path: Path) -> dict[str, NDArray[Any]]:
    """All arrays of a safetensors file. Raises Damaged."""
    from safetensors import SafetensorError
    from safetensors.numpy import load

    try:
        return load(path.read_bytes())
    except (SafetensorError, OSError, ValueError, KeyError, TypeError) as error:
        raise Damaged(f"{path.parent.name}/{path.name} is damaged and cannot be read.") from error


def header_config(path: Path) -> ModelConfig | None:
    """The configuration in the header of a safetensors file, None where there is none that can be used."""
    try:
        return from_json(ModelConfig, json.loads(_header(path)[1]["__metadata__"]["model"]))
    except (OSError, ValueError, TypeError, KeyError, InvalidOption, RecursionError):
        return None


def metadata(content: bytes) -> dict[str, Any]:
    """The metadata in the header of a safetensors file's content. Raises ValueError where there is none."""
    (length,) = struct.unpack("<Q", content[:8].ljust(8, b"\xff"))
    header = json.loads(content[8 : 8 + length]) if length <= 1_000_000 else None
    found = header.get("__metadata__") if isinstance(header, dict) else None
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
