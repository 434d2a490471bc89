"""The latent space of a run: where the codes of real digits lie in it, and which way to go for a thicker one.

Measured once on training digits, kept under the hash of the weights, and sent to the browser as it is:
cae/web/lib/codes.js holds the twins of `neighbours`, `vote` and `off_manifold`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from cae.disk.tensors import single
from cae.errors import InvalidOption

Array = NDArray[np.float32]
NEIGHBOURS = 10  # that vote, and whose mean distance says how far off the manifold a code is


@dataclass(frozen=True)
class References:
    """The codes of real digits, stored coarsely: `low + step * points`.

    points: uint8 (N, D), or uint16 where they are finer. labels: uint8 (N,). low: (D,).
    usual: (101,), the percentiles 0 to 100 of the off-manifold distance among other real digits.
    """

    points: NDArray[np.uint8] | NDArray[np.uint16]
    labels: NDArray[np.uint8]
    low: Array
    step: float
    usual: Array

    def codes(self) -> NDArray[np.float64]:
        """The codes (N, D), to within half a step."""
        return self.low + np.float64(self.step) * self.points

    def with_usual(self, distances: NDArray[np.floating]) -> References:
        """The references with the off-manifold distances of other real digits."""
        return replace(self, usual=single(np.percentile(distances, np.arange(101))))


@dataclass(frozen=True)
class LatentSpace:
    """What was measured of a run's latent space, with D dimensions, on a data set of C classes.

    digits: a fingerprint of the pictures of the references.
    real, inked: reference codes of the digits as they are, and of the same digits re-inked as drawings are.
    mean, low, high: of the codes, (D,); low and high are the 1st and the 99th percentile.
    influence: (D,), the MSE on [-1, 1] between the pictures of low and high, all other dimensions as in real codes.
    covariance: (D, D).
    axes: (A, D), the main directions of the codes, A = min(2, D), of length 1; `axes_low` and `axes_high`, (A,), are
        the 1st and 99th percentile of the codes along them, from the mean.
    class_means: (C, D).
    directions: (4, D), what a code changes by when one of ATTRIBUTES grows by its standard deviation within a class and
        the others stay.
    weights: the hash of the weights it was measured with, where that is known.
    """

    class_names: tuple[str, ...]
    digits: str
    real: References
    inked: References
    mean: Array
    low: Array
    high: Array
    influence: Array
    covariance: Array
    axes: Array
    axes_low: Array
    axes_high: Array
    class_means: Array
    directions: Array
    weights: str = ""


def neighbours(references: References, code: Array, count: int = NEIGHBOURS) -> tuple[NDArray[np.int64], Array]:
    """The positions (K,) of the references nearest to a code (D,), nearest first, and their distances (K,)."""
    squared = np.square(references.codes() - code.astype(np.float64)).sum(axis=1)  # (N,)
    nearest = np.argsort(squared, kind="stable")[:count]
    return nearest, np.sqrt(squared[nearest]).astype(np.float32)


def vote(references: References, code: Array, classes: int, count: int = NEIGHBOURS) -> Array:
    """The share of each class, (C,), among the nearest references, each counting with its distance to the power -4."""
    nearest, distances = neighbours(references, code, count)
    weights = closeness(distances)
    shares = np.bincount(references.labels[nearest], weights, minlength=classes)
    return single(shares / weights.sum())


def off_manifold(references: References, code: Array) -> tuple[float, float]:
    """The mean distance of a code to its ten nearest references, and the percentage of real digits that are nearer.

    The references are codes of training digits: Steer takes those of the digits as they are, Draw those of the digits
    with their ink made like a drawing's, and a path over the map those of the test digits on it.
    """
    _, distances = neighbours(references, code)
    distance = float(distances.mean())
    return distance, float(np.interp(distance, references.usual, np.arange(101)))


def off_manifolds(references: References, codes: NDArray[np.floating]) -> NDArray[np.float64]:
    """The mean distance of each code, (N, D), to its nearest references, (N,)."""
    from sklearn.neighbors import NearestNeighbors

    points = references.codes()
    model = NearestNeighbors(n_neighbors=min(NEIGHBOURS, len(points)), algorithm="brute").fit(points)
    found: NDArray[np.float64] = model.kneighbors(codes.astype(np.float64))[0].mean(axis=1)
    return found


def closeness(distances: Array) -> NDArray[np.float64]:
    """How much neighbours at these distances, (K,), weigh: the distance to the power -4."""
    return 1 / np.maximum(distances.astype(np.float64), 1e-6) ** 4


def sample(space: LatentSpace, count: int, seed: int) -> Array:
    """New codes (S, D) from the Gaussian that has the mean and the covariance of the real ones."""
    generator = np.random.default_rng(seed)
    values, vectors = np.linalg.eigh(space.covariance.astype(np.float64))
    normal = generator.standard_normal((count, len(values)))
    return single(space.mean + (normal * np.sqrt(np.maximum(values, 0))) @ vectors.T)


def interpolate(start: Array, end: Array, shares: NDArray[np.floating], *, spherical: bool = False) -> Array:
    """The codes (S, D) on the way from one code (D,) to another, at these shares (S,) of it.

    Straight; or spherical: along the arc about zero, so that codes in between are as long as those at the ends (K.
    Shoemake 1985; T. White, "Sampling generative networks", 2016). Straight too where the two have no angle between
    them, or are opposite.
    """
    a, b, t = start.astype(np.float64), end.astype(np.float64), np.asarray(shares, np.float64)[:, None]
    lengths = np.linalg.norm(a) * np.linalg.norm(b)
    angle = float(np.arccos(np.clip(a @ b / lengths, -1, 1))) if lengths > 0 else 0.0
    if not spherical or not 1e-4 < angle < np.pi - 1e-4:
        return single((1 - t) * a + t * b)
    return single((np.sin((1 - t) * angle) * a + np.sin(t * angle) * b) / np.sin(angle))


def traverse(space: LatentSpace, code: NDArray[np.floating], dimension: int, steps: int) -> Array:
    """The code (D,) with one of its numbers going evenly from its 1st to its 99th percentile among real codes, (S, D).

    A number of the code that lies outside is reached all the same. Raises InvalidOption for a dimension there is not.
    """
    if not 0 <= dimension < len(code):
        raise InvalidOption("dimension", f"There is no dimension {dimension}: the last is {len(code) - 1}.")
    low, high = min(space.low[dimension], code[dimension]), max(space.high[dimension], code[dimension])
    codes = np.tile(code.astype(np.float64), (steps, 1))
    codes[:, dimension] = np.linspace(low, high, steps)
    return single(codes)
