"""The error of each reconstruction: MSE, PSNR and SSIM."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating]


def mse(originals: Floats, reconstructions: Floats) -> Floats:
    """The mean squared error of each image, (N,), on the scale of the arguments, both (N, 28, 28)."""
    difference = np.asarray(originals, np.float32) - np.asarray(reconstructions, np.float32)
    return np.square(difference).mean(axis=(1, 2))  # type: ignore[no-any-return]


def unit(mse_on_minus_one_to_one: float) -> float:
    """The same MSE on pixels in [0, 1]: half the range, so a quarter of the square."""
    return mse_on_minus_one_to_one / 4


def psnr(originals: Floats, reconstructions: Floats) -> Floats:
    """The peak signal-to-noise ratio of each image in dB, (N,); arguments (N, 28, 28) in [-1, 1].

    10 log10(peak^2 / mse) with a peak of 1 on [0, 1]; infinite for an error of 0.
    """
    with np.errstate(divide="ignore"):
        return -10 * np.log10(mse(originals, reconstructions) / 4)


def ssim(originals: Floats, reconstructions: Floats) -> Floats:
    """The structural similarity of each image, (N,), at most 1; arguments (N, 28, 28) in [-1, 1].

    scikit-image's, with its default uniform window of 7 x 7, on [0, 1] (Wang et al. 2004).
    """
    from skimage.metrics import structural_similarity  # takes half a second, needed only here

    pairs = zip(_to_unit(originals), _to_unit(reconstructions), strict=True)
    return np.array([structural_similarity(a, b, data_range=1.0) for a, b in pairs], np.float64)


def _to_unit(images: Floats) -> Floats:
    return (np.asarray(images, np.float32) + 1) / 2  # type: ignore[no-any-return]


@dataclass(frozen=True)
class Scores:
    """The means over a set of images; MSE on [-1, 1], PSNR in dB."""

    count: int
    mse: float
    psnr: float
    ssim: float


def scores(mse_per_image: Floats, psnr_per_image: Floats, ssim_per_image: Floats) -> Scores:
    """The means of three measures of the same images."""
    means = (float(np.mean(values, dtype=np.float64)) for values in (mse_per_image, psnr_per_image, ssim_per_image))
    return Scores(len(mse_per_image), *means)
