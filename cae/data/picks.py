"""Which images to look at: indices (K,) into a test set, in the order to show them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Indices = NDArray[np.int64]


def at_random(count: int, available: int, seed: int) -> Indices:
    """`count` different images at random, or all if there are fewer; the same for the same seed."""
    return np.random.default_rng(seed).permutation(available)[:count]


def of_class(labels: NDArray[np.integer], label: int, count: int, seed: int) -> Indices:
    """`count` different images of one class, at random."""
    members = np.flatnonzero(labels == label)
    return members[at_random(count, len(members), seed)]


def from_index(first: int, count: int, available: int) -> Indices:
    """`count` images from `first` on, or as many as there are."""
    return np.arange(first, min(first + count, available))


def hardest(errors: NDArray[np.floating], count: int) -> Indices:
    """The images with the largest errors, worst first."""
    return np.argsort(-errors, kind="stable")[:count]


def easiest(errors: NDArray[np.floating], count: int) -> Indices:
    """The images with the smallest errors, best first."""
    return np.argsort(errors, kind="stable")[:count]


def one_per_class(labels: NDArray[np.integer], classes: int) -> Indices:
    """The first image of every class."""
    return np.array([np.flatnonzero(labels == label)[0] for label in range(classes) if (labels == label).any()])


def film(last: int, count: int) -> list[int]:
    """At most `count` epochs from 0 to `last`, both included; closer together at first, where the network learns most.

    Geometric steps: 0 1 2 3 5 8 13 20 for 20 epochs; all epochs if there are few.
    """
    if last < count:
        return list(range(last + 1))
    chosen = [0, 1] if count > 2 else [0]
    for left in range(count - len(chosen), 0, -1):
        ratio = (last / max(chosen[-1], 1)) ** (1 / left)
        chosen.append(max(chosen[-1] + 1, round(max(chosen[-1], 1) * ratio)))
    return chosen
