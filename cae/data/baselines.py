"""The reconstruction errors of simpler methods: the mean training image, and PCA."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray

from cae.data import catalogue, metrics
from cae.data.metrics import Floats
from cae.disk import reading
from cae.disk.kept import Kept
from cae.disk.tensors import npy

_PIXELS = 28 * 28


@dataclass(frozen=True)
class Baselines:
    """The errors of simpler methods on the test images, MSE on [-1, 1].

    mean_image: of the mean training image, shown whatever the digit.
    pca: `pca[k - 1]` is the error of PCA with k components, fitted to the training images.
    """

    mean_image: float
    pca: tuple[float, ...]

    def pca_with(self, components: int) -> float:
        """The error of PCA with as many components as a code has latent dimensions."""
        return self.pca[min(components, len(self.pca)) - 1]


@dataclass(frozen=True)
class Components:
    """The PCA of training images in [-1, 1]: their mean (784,) and orthonormal axes (C, 784)."""

    mean: Floats
    axes: Floats

    def reconstruct(self, pixels: NDArray[np.uint8], count: int) -> Floats:
        """What the first `count` components make of uint8 (K, 28, 28): (K, 28, 28) on [-1, 1], unclipped."""
        axes = self.axes[:count]
        codes = (_flat(pixels) - self.mean) @ axes.T  # (K, count)
        return (codes @ axes + self.mean).reshape(pixels.shape)  # type: ignore[no-any-return]


def fit_components(train_pixels: NDArray[np.uint8]) -> Components:
    """The principal components of uint8 (N, 28, 28), in order of the variance they explain."""
    from sklearn.decomposition import PCA

    pca = PCA(svd_solver="covariance_eigh").fit(_flat(train_pixels))
    return Components(pca.mean_, pca.components_)


def measured(train_pixels: NDArray[np.uint8], test_pixels: NDArray[np.uint8]) -> Baselines:
    """Both baselines, from uint8 (N, 28, 28). PCA's output is not clipped.

    The components are orthonormal: the error of k of them is the total less the k squared projections.
    """
    pca = fit_components(train_pixels)
    centred = _flat(test_pixels) - pca.mean
    kept = np.square(centred @ pca.axes.T, dtype=np.float64).sum(axis=0).cumsum()
    total = np.square(centred, dtype=np.float64).sum()
    left = np.maximum(total - kept, 0) / centred.size
    return Baselines(float(total / centred.size), tuple(float(value) for value in left))


def _flat(pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Pixels as rows in [-1, 1], (N, 784)."""
    return pixels.reshape(len(pixels), -1).astype(np.float32) / 127.5 - 1


def baselines(dataset: str) -> Baselines:
    """The baselines of a data set, computed once (about 2 s)."""
    from cae.data.images import load

    def to_bytes(found: Baselines) -> bytes:
        return json.dumps(asdict(found)).encode()

    def from_bytes(content: bytes) -> Baselines:
        values = reading.parsed(content)
        mean_image = reading.number(values["mean_image"], 0, 4)
        pca = tuple(reading.number(value, 0, mean_image * (1 + 1e-6)) for value in values["pca"])
        if list(pca) != sorted(pca, reverse=True) or not 1 <= len(pca) <= _PIXELS:
            raise ValueError("errors that do not fall")
        return Baselines(mean_image, pca)

    name = f"baselines-{catalogue.key(dataset)}.json"
    return Kept(name, to_bytes, from_bytes, largest=reading.LARGEST_TEXT).get(
        lambda: measured(load(dataset, "train").pixels.numpy(), load(dataset, "test").pixels.numpy())
    )


def components(dataset: str) -> Components:
    """The principal components of a data set's training images, computed once (about 2 s)."""
    from cae.data.images import load

    def to_bytes(found: Components) -> bytes:
        return npy(np.concatenate([found.mean[None], found.axes]).astype(np.float32))

    def from_bytes(content: bytes) -> Components:
        rows = reading.finite(reading.array(content, np.float32, (_PIXELS,)), -1 - 1e-3, 1 + 1e-3)
        if len(rows) < 2 or not np.allclose(rows[1:] @ rows[1:].T, np.eye(len(rows) - 1), atol=1e-3):
            raise ValueError("no orthonormal axes")
        return Components(rows[0], rows[1:])

    return Kept(f"pca-{catalogue.key(dataset)}.npy", to_bytes, from_bytes).get(
        lambda: fit_components(load(dataset, "train").pixels.numpy())
    )


def pca_copies(dataset: str, pixels: NDArray[np.uint8], count: int) -> tuple[NDArray[np.uint8], NDArray[np.floating]]:
    """What `count` principal components make of `pixels`, both uint8 (K, 28, 28), and the MSE of each on [-1, 1].

    The pictures are clipped to what can be shown; the errors, (K,), are not, as in `Baselines.pca`.
    """
    copies = components(dataset).reconstruct(pixels, count)
    errors = metrics.mse(pixels / np.float32(127.5) - 1, copies)
    return np.clip(np.round((copies + 1) * 127.5), 0, 255).astype(np.uint8), errors
