"""Small random shifts, turns and scalings of the training images, which keep a wide network from memorising them."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional

from cae.config import TrainConfig

SIDE = 28  # pixels


def is_asked(config: TrainConfig) -> bool:
    """Whether the training augments its images."""
    return bool(config.shift or config.rotation or config.scaling)


def augmented(images: Tensor, config: TrainConfig, step: int) -> Tensor:
    """The images (N, 1, 28, 28) in [-1, 1], every second one shifted, turned and scaled by its own draw in the bounds.

    The others stay as they are: bicubic interpolation blurs a little, and a network that sees only blurred images is
    worse at real ones. Pixels from outside the image are paper. The draws depend on the seed and the step alone, so a
    resumed training sees the same images.
    """
    generator = torch.Generator().manual_seed(config.seed * 2**31 + step)
    draws = torch.empty(4, len(images[1::2])).uniform_(-1, 1, generator=generator)
    changed = images.clone()
    if len(images) > 1:
        changed[1::2] = warped(images[1::2], *placed(draws, config))
    return changed


def placed(draws: Tensor, config: TrainConfig) -> tuple[Tensor, Tensor, Tensor]:
    """Shifts (2, N) in pixels, angles (N,) in radians and factors (N,) from `draws` (4, N) in [-1, 1]."""
    factors = 1 + draws[3] * config.scaling / 100
    return draws[:2] * config.shift, draws[2] * math.radians(config.rotation), factors


def warped(images: Tensor, shifts: Tensor, angles: Tensor, factors: Tensor) -> Tensor:
    """`images` (N, 1, 28, 28) in [-1, 1], scaled by `factors`, turned clockwise by `angles` and moved by `shifts`.

    Shifts are (2, N), to the right and down, in pixels; the centre of scaling and turning is the image's.
    """
    cosine, sine = angles.cos() / factors, angles.sin() / factors
    x, y = shifts * 2 / SIDE
    back = torch.stack(  # from a place in the result to where it comes from, row by row
        [cosine, sine, -cosine * x - sine * y, -sine, cosine, sine * x - cosine * y], dim=1
    ).view(-1, 2, 3)
    grid = functional.affine_grid(back.to(images.device), list(images.shape), align_corners=False)
    ink = functional.grid_sample(images + 1, grid, mode="bicubic", padding_mode="zeros", align_corners=False)
    return ink.clamp_(0, 2).sub_(1)
