"""Writes a network as ONNX graphs, layer by layer, and checks that they compute what PyTorch does."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from cae.config import ModelConfig
from cae.disk.tensors import Weights
from cae.errors import CaeError

if TYPE_CHECKING:
    from torch import Tensor

    from cae.network.model import ConvAutoencoder

OPSET = 17  # old, for old programs: GELU and SiLU, operators of later opsets, are spelled out
_IR = 8  # the file format of that opset
TOLERANCE = 1e-4  # between a file and PyTorch; adding float32 numbers in another order gives some 1e-6
_End = tuple[str, tuple[int, ...]]  # the name of an input or output, and the shape of one item
IMAGES, CODES, RECONSTRUCTIONS = "images", "codes", "reconstructions"


def files(weights: Weights, config: ModelConfig, words: Mapping[str, str]) -> dict[str, bytes]:
    """encoder.onnx, decoder.onnx and autoencoder.onnx by name; `words` become their metadata.

    images (N, 1, 28, 28) in [-1, 1] -> codes (N, D) -> images, and both at once, for any N.
    """
    wide, picture = (config.latent_dim,), (1, 28, 28)
    encoder, decoder, both = (_Graph(weights, config) for _ in range(3))
    encoder.encode(IMAGES, CODES)
    decoder.decode(CODES, IMAGES)
    both.encode(IMAGES, CODES)
    both.decode(CODES, RECONSTRUCTIONS)
    return {
        "encoder.onnx": encoder.as_bytes("encoder", (IMAGES, picture), (CODES, wide), words),
        "decoder.onnx": decoder.as_bytes("decoder", (CODES, wide), (IMAGES, picture), words),
        "autoencoder.onnx": both.as_bytes("autoencoder", (IMAGES, picture), (RECONSTRUCTIONS, picture), words),
    }


def largest_difference(written: Mapping[str, bytes], model: ConvAutoencoder, images: Tensor) -> float:
    """The largest difference between ONNX Runtime and `model` on `images` (N, 1, 28, 28).

    It is relative to the largest value where that is above 1. Raises CaeError above TOLERANCE.
    """
    import torch

    with torch.inference_mode():
        codes = model.encode(images)
        expected = {
            "encoder.onnx": (images, codes),
            "decoder.onnx": (codes, model.decode(codes)),
            "autoencoder.onnx": (images, model(images)),
        }
    largest = 0.0
    for name, (given, wanted) in expected.items():
        difference = np.abs(_computed(written[name], given.numpy()) - wanted.numpy()).max()
        relative = float(difference) / max(1.0, float(wanted.abs().max()))
        if not relative <= TOLERANCE:
            raise CaeError(f"{name} differs from what PyTorch computes by {relative:.2g}, so nothing is written.")
        largest = max(largest, relative)
    return largest


def _computed(content: bytes, given: Any) -> Any:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.log_severity_level = 1, 3
    session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    return session.run(None, {session.get_inputs()[0].name: given})[0]


class _Graph:
    """A chain of layers, each an ONNX operator with its weights."""

    def __init__(self, weights: Weights, config: ModelConfig) -> None:
        self._weights, self._config = weights, config
        self._nodes: list[Any] = []
        self._constants: list[Any] = []

    def encode(self, given: str, result: str) -> None:
        """Adds the encoder."""
        halved = {"kernel_shape": [3, 3], "strides": [2, 2], "pads": [1, 1, 1, 1]}
        signal = self._activation(self._layer("Conv", given, "encoder.0", halved))  # (N, width, 14, 14)
        signal = self._activation(self._layer("Conv", signal, "encoder.2", halved))  # (N, 2 width, 7, 7)
        flat = self._add("Flatten", [signal])  # (N, 98 width)
        self._layer("Gemm", flat, "encoder.5", {"transB": 1}, result)  # (N, D)

    def decode(self, given: str, result: str) -> None:
        """Adds the decoder."""
        doubled = {"kernel_shape": [3, 3], "strides": [2, 2], "pads": [1, 1, 1, 1], "output_padding": [1, 1]}
        signal = self._activation(self._layer("Gemm", given, "decoder.0", {"transB": 1}))  # (N, 98 width)
        shape = self._constant("decoder.shape", np.array([0, 2 * self._config.width, 7, 7], np.int64))  # 0: N, as it is
        signal = self._add("Reshape", [signal, shape])  # (N, 2 width, 7, 7)
        signal = self._activation(self._layer("ConvTranspose", signal, "decoder.3", doubled))  # (N, width, 14, 14)
        signal = self._layer("ConvTranspose", signal, "decoder.5", doubled)  # (N, 1, 28, 28)
        self._add("Tanh", [signal], result)

    def as_bytes(self, name: str, given: _End, result: _End, words: Mapping[str, str]) -> bytes:
        """The content of the file, with its input `given` and its output `result`."""
        from onnx import TensorProto, checker, helper

        ends = [helper.make_tensor_value_info(of, TensorProto.FLOAT, ["N", *shape]) for of, shape in (given, result)]
        graph = helper.make_graph(self._nodes, name, ends[:1], ends[1:], self._constants)
        model = helper.make_model(
            graph, producer_name="cae", ir_version=_IR, opset_imports=[helper.make_opsetid("", OPSET)]
        )
        helper.set_model_props(model, dict(words))
        checker.check_model(model, full_check=True)
        content: bytes = model.SerializeToString()
        return content

    def _layer(self, operator: str, given: str, name: str, attributes: Mapping[str, Any], result: str = "") -> str:
        """A layer with the weights `name`.weight and `name`.bias."""
        parts = [self._constant(f"{name}.{part}", self._weights[f"{name}.{part}"]) for part in ("weight", "bias")]
        return self._add(operator, [given, *parts], result, attributes)

    def _activation(self, signal: str) -> str:
        if self._config.activation == "relu":
            return self._add("Relu", [signal])
        if self._config.activation == "silu":  # x / (1 + exp(-x))
            return self._add("Mul", [signal, self._add("Sigmoid", [signal])])
        root, one, half = (self._constant(f"{value:.4g}", np.float32(value)) for value in (math.sqrt(0.5), 1.0, 0.5))
        share = self._add("Erf", [self._add("Mul", [signal, root])])  # gelu: x (1 + erf(x / sqrt 2)) / 2
        return self._add("Mul", [self._add("Mul", [signal, self._add("Add", [share, one])]), half])

    def _constant(self, name: str, value: Any) -> str:
        from onnx import numpy_helper

        if name not in {each.name for each in self._constants}:
            self._constants.append(numpy_helper.from_array(np.asarray(value), name))
        return name

    def _add(
        self, operator: str, given: list[str], result: str = "", attributes: Mapping[str, Any] | None = None
    ) -> str:
        from onnx import helper

        name = f"{operator}.{len(self._nodes)}"
        self._nodes.append(helper.make_node(operator, given, [result or name], name, **(attributes or {})))
        return result or name
