"""Weights on disk: safetensors with the model's configuration in the header. Imports no torch."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from cae.config import ModelConfig, from_json
from cae.disk import reading
from cae.disk.files import write_whole
from cae.disk.tensors import Weights, read_header, read_tensors, shapes_in, single
from cae.errors import Damaged, DoesNotFit, InvalidOption

_FARTHEST = 1e17  # from zero, for any number in a network: its square is still a float32


def write_weights(path: Path, weights: Weights, config: ModelConfig, epoch: int | None = None) -> None:
    """Writes weights as safetensors, with the model's configuration and their epoch in the header."""
    from safetensors.numpy import save

    arrays = {name: np.ascontiguousarray(value) for name, value in weights.items()}
    words = config.to_json() | ({} if epoch is None else {"epoch": epoch})  # one entry: the order of several would vary
    write_whole(path, save(arrays, metadata={"model": json.dumps(words, sort_keys=True)}))


def read_weights(path: Path, config: ModelConfig) -> Weights:
    """The float32 weights of a model of this configuration. Raises Damaged, or DoesNotFit for another shape."""
    expected = shapes(config)
    if shapes_in(path) != expected:
        raise DoesNotFit(f"{path.parent.name}/{path.name} holds weights of a different shape than its run.json says.")
    arrays = read_tensors(path)
    if not all(value.dtype.kind == "f" for value in arrays.values()):
        raise Damaged(f"{path.parent.name}/{path.name} holds something other than weights.")
    weights = {name: single(arrays[name]) for name in expected}
    if not all(np.isfinite(value).all() for value in weights.values()):
        raise Damaged(f"{path.parent.name}/{path.name} holds weights that are not finite numbers.")
    if reach(weights) > _FARTHEST:
        raise Damaged(f"{path.parent.name}/{path.name} holds weights so large that nothing can be computed with them.")
    return weights


def reach(weights: Weights) -> float:
    """An upper bound on the size of any number in a network with these weights, for any image.

    Pixels lie in [-1, 1], no activation enlarges a number, and a sum is at most the sum of the sizes.
    """
    farthest, here = 1.0, 1.0
    for name in ("encoder.0", "encoder.2", "encoder.5", "decoder.0", "decoder.3", "decoder.5"):
        sizes = np.abs(weights[f"{name}.weight"], dtype=np.float64)
        is_transposed = name in ("decoder.3", "decoder.5")  # (in, out, H, W), the others are (out, in, ...)
        per_output = sizes.sum(axis=(0, 2, 3) if is_transposed else tuple(range(1, sizes.ndim)))
        here = float((here * per_output + np.abs(weights[f"{name}.bias"], dtype=np.float64)).max())
        farthest = max(farthest, here)
    return farthest


def header_config(path: Path) -> ModelConfig | None:
    """The configuration in the header of a safetensors file; None if there is no valid one."""
    try:
        words = reading.parsed(read_header(path)[1]["__metadata__"]["model"])
        return from_json(ModelConfig, {name: value for name, value in words.items() if name != "epoch"})
    except (*reading.UNREADABLE, InvalidOption):
        return None


def header_epoch(path: Path) -> int | None:
    """The epoch in the header of a safetensors file; None if there is none."""
    try:
        epoch = reading.parsed(read_header(path)[1]["__metadata__"]["model"])["epoch"]
        return epoch if type(epoch) is int and 0 <= epoch < 10**6 else None
    except reading.UNREADABLE:
        return None


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
