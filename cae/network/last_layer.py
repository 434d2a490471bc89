"""The decoder's last layer, computed faster.

A transposed convolution to a single channel is the slowest layer of the network in PyTorch on a CPU: up to a sixth of a
training step. As one matrix product and nine shifted sums it is the same function, to the last digits of a float.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn


class ConvTranspose2d(nn.ConvTranspose2d):
    """`nn.ConvTranspose2d(channels, 1, 3, stride=2, padding=1, output_padding=1)`: (B, C, H, W) -> (B, 1, 2H, 2W)."""

    def __init__(self, channels: int) -> None:
        super().__init__(channels, 1, 3, stride=2, padding=1, output_padding=1)

    def forward(self, signal: Tensor, output_size: list[int] | None = None) -> Tensor:
        """The upsampled picture."""
        if signal.device.type != "cpu":
            return super().forward(signal, output_size)
        return _Upsample.apply(signal, self.weight, self.bias)  # type: ignore[no-any-return]


class _Upsample(torch.autograd.Function):
    """Input pixel (i, j) adds its product with tap (a, b) of the kernel to output pixel (2i + a - 1, 2j + b - 1)."""

    @staticmethod
    def forward(context: Any, signal: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        batch, channels, height, width = signal.shape
        pixels = signal.permute(0, 2, 3, 1).reshape(-1, channels)  # (BHW, C)
        kernel = weight.reshape(channels, 9)  # (C, 9)
        context.save_for_backward(pixels, kernel)
        context.size = batch, height, width
        taps = (kernel.T @ pixels.T).view(3, 3, batch, height, width)
        picture = signal.new_empty(batch, height, 2, width, 2)  # the row and the column, each as (half, parity)
        torch.add(taps[1, 1], bias, out=picture[:, :, 0, :, 0])
        column, row, corner = taps[1, 2] + bias, taps[2, 1] + bias, taps[2, 2] + bias
        column[:, :, :-1] += taps[1, 0, :, :, 1:]
        row[:, :-1] += taps[0, 1, :, 1:]
        corner[:, :, :-1] += taps[2, 0, :, :, 1:]
        corner[:, :-1] += taps[0, 2, :, 1:]
        corner[:, :-1, :-1] += taps[0, 0, :, 1:, 1:]
        picture[:, :, 0, :, 1], picture[:, :, 1, :, 0], picture[:, :, 1, :, 1] = column, row, corner
        return picture.view(batch, 1, 2 * height, 2 * width)

    @staticmethod
    def backward(context: Any, *gradients: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        pixels, kernel = context.saved_tensors
        batch, height, width = context.size
        taps = _seen_by_taps(gradients[0])  # (9, BHW)
        signal = (taps.T @ kernel.T).view(batch, height, width, -1).permute(0, 3, 1, 2)
        return signal, (taps @ pixels).T.reshape(-1, 1, 3, 3), gradients[0].sum().view(1)


def _seen_by_taps(picture: Tensor) -> Tensor:
    """(B, 1, 2H, 2W) -> (9, BHW): the pixel under each tap of the kernel, for every position of the kernel."""
    batch, _, height, width = picture.shape
    padded = nn.functional.pad(picture[:, 0], (1, 0, 1, 0))
    image, row, column = padded.stride()
    view = padded.as_strided((3, 3, batch, height // 2, width // 2), (row, column, image, 2 * row, 2 * column))
    return view.reshape(9, -1)
