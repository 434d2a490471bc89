"""How far a reconstruction is from its original, image by image, and what to compare that with."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating]


def mse(originals: Floats, reconstructions: Floats) -> Floats:
    """The mean squared error of each image, (N,), in the scale of the arguments, both (N, 28, 28)."""
    difference = np.asarray(originals, np.float32) - np.asarray(reconstructions, np.float32)
    return np.square(difference).mean(axis=(1, 2))  # type: ignore[no-any-return]


def unit(mse_on_minus_one_to_one: float) -> float:
    """The same error on pixels in [0, 1]: half the range, a quarter of the square."""
    return mse_on_minus_one_to_one / 4


def psnr(originals: Floats, reconstructions: Floats) -> Floats:
    """The peak signal-to-noise ratio of each image in dB, (N,); arguments (N, 28, 28) in [-1, 1].

    10 log10(peak^2 / mse) with a peak of 1 on [0, 1]; infinite where there is no error.
    """
    with np.errstate(divide="ignore"):
        return -10 * np.log10(mse(originals, reconstructions) / 4)


def ssim(originals: Floats, reconstructions: Floats) -> Floats:
    """The structural similarity of each image, (N,), at most 1; arguments (N, 28, 28) in [-1, 1].

    scikit-image's, with its default uniform window of 7 x 7, on [0, 1] (Wang et al. 2004).
    """
    from skimage.metrics import structural_similarity  # half a second, and only needed here

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


@dataclass(frozen=True)
class Baselines:
    """What simpler things reach on the test images, MSE on [-1, 1].

    mean_image: showing the mean training image, whatever the digit.
    pca: `pca[k - 1]` is a principal component analysis with k components, fitted on the training images.
    """

    mean_image: float
    pca: tuple[float, ...]

    def pca_with(self, components: int) -> float:
        """The error of PCA with as many numbers as a code has."""
        return self.pca[min(components, len(self.pca)) - 1]


@dataclass(frozen=True)
class Components:
    """A principal component analysis of training images in [-1, 1]: their mean (784,), orthonormal axes (C, 784)."""

    mean: Floats
    axes: Floats

    def copies(self, pixels: NDArray[np.uint8], count: int) -> Floats:
        """What the first `count` components make of uint8 (K, 28, 28): (K, 28, 28) in the scale [-1, 1], unclipped."""
        axes = self.axes[:count]
        numbers = (_flat(pixels) - self.mean) @ axes.T  # (K, count): the code of each image
        return (numbers @ axes + self.mean).reshape(pixels.shape)  # type: ignore[no-any-return]


def components(train_pixels: NDArray[np.uint8]) -> Components:
    """The principal components of uint8 (N, 28, 28), the one that explains most first."""
    from sklearn.decomposition import PCA

    pca = PCA(svd_solver="covariance_eigh").fit(_flat(train_pixels))
    return Components(pca.mean_, pca.components_)


def baselines(train_pixels: NDArray[np.uint8], test_pixels: NDArray[np.uint8]) -> Baselines:
    """Both baselines, from uint8 (N, 28, 28). PCA's output is not clipped.

    The components are orthonormal: what k of them leave over is the total less the k squared projections.
    """
    pca = components(train_pixels)
    centred = _flat(test_pixels) - pca.mean
    kept = np.square(centred @ pca.axes.T, dtype=np.float64).sum(axis=0).cumsum()
    total = np.square(centred, dtype=np.float64).sum()
    left = np.maximum(total - kept, 0) / centred.size
    return Baselines(float(total / centred.size), tuple(float(value) for value in left))


def _flat(pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Pixels as rows in [-1, 1], (N, 784)."""
    return pixels.reshape(len(pixels), -1).astype(np.float32) / 127.5 - 1
