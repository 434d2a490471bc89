"""How good generated pictures are, beside real ones: by what a judge reads in them, and by where its features lie."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating]
NEIGHBOURS = 3  # as Kynkaanniemi et al. recommend
_SLICE = 1000


@dataclass(frozen=True)
class Quality:
    """Generated pictures, measured. Shares are between 0 and 1.

    sure: of pictures that the judge reads with over 90 % confidence. precision: of those that lie among real ones.
    recall: of real ones that lie among the generated. balance: of each class among those read, (C,).
    evenness: the entropy of that in units of the largest possible one, 1 where all classes are equally frequent.
    off_manifold: the median distance of the codes to their ten nearest real ones.
    beyond: the share of codes further off than 95 % of the codes of real digits.
    """

    count: int
    sure: float
    precision: float
    recall: float
    balance: tuple[float, ...]
    evenness: float
    off_manifold: float
    beyond: float

    def to_json(self) -> dict[str, Any]:
        """The fields by name."""
        return asdict(self)


def precision_recall(real: Floats, generated: Floats, neighbours: int = NEIGHBOURS) -> tuple[float, float]:
    """Improved precision and recall of generated features (M, F) beside real ones (N, F), both shares.

    Precision: of the generated points that lie within the distance of some real point to its k-th nearest real other;
    recall: the same with the roles exchanged (T. Kynkaanniemi et al., "Improved precision and recall metric for
    assessing generative models", 2019).
    """
    return _share_inside(generated, real, neighbours), _share_inside(real, generated, neighbours)


def _share_inside(points: Floats, cloud: Floats, neighbours: int) -> float:
    """The share of points (N, F) that lie in the ball of some point of the cloud (M, F)."""
    radii = _squared_radii(cloud, neighbours)  # (M,)
    inside = [(distances <= radii).any(axis=1) for distances in _squared_distances(points, cloud)]
    return float(np.concatenate(inside).mean())


def _squared_radii(cloud: Floats, neighbours: int) -> NDArray[np.float64]:
    k = min(neighbours, len(cloud) - 1)
    found = [np.partition(distances, k, axis=1)[:, k] for distances in _squared_distances(cloud, cloud)]
    return np.concatenate(found)  # the nearest of all is the point itself


def _squared_distances(points: Floats, cloud: Floats) -> Any:
    """Those of each slice of the points to all of the cloud, (S, M)."""
    centre = cloud.mean(axis=0, dtype=np.float64)
    centred = cloud.astype(np.float64) - centre
    squares = np.square(centred).sum(axis=1)
    for first in range(0, len(points), _SLICE):
        part = points[first : first + _SLICE].astype(np.float64) - centre
        found = np.square(part).sum(axis=1)[:, None] - 2 * part @ centred.T + squares
        yield np.maximum(found, 0)


def balance(classes: NDArray[np.integer], count: int) -> tuple[tuple[float, ...], float]:
    """The share of each of `count` classes, and how even they are: 1 where all are equally frequent, 0 where one is."""
    shares = np.bincount(classes, minlength=count) / max(1, len(classes))
    present = shares[shares > 0]
    evenness = float(-(present * np.log(present)).sum() / np.log(count)) if count > 1 and len(present) else 0.0
    return tuple(float(share) for share in shares), evenness


def squares(pictures: NDArray[np.uint8]) -> NDArray[np.float32]:
    """The sum of squared pixels of each picture (N, 28, 28), (N,)."""
    parts = (pictures[first : first + _SLICE] for first in range(0, len(pictures), _SLICE))
    return np.concatenate([np.square(part.reshape(len(part), -1), dtype=np.float32).sum(axis=1) for part in parts])


def nearest(
    pictures: NDArray[np.uint8], among: NDArray[np.uint8], among_squares: NDArray[np.float32] | None = None
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Which `among` others (N, 28, 28) is most like each picture (S, 28, 28): positions (S,), and MSE on [-1, 1].

    `among_squares` are the `squares` of the others, for callers that ask about the same ones repeatedly.
    """
    import torch

    mine = torch.from_numpy(pictures).reshape(len(pictures), -1).float()  # (S, H * W)
    best = torch.full((len(mine),), float("inf"))
    where = torch.zeros(len(mine), dtype=torch.int64)
    theirs = torch.from_numpy(squares(among) if among_squares is None else among_squares)  # (N,)
    for first in range(0, len(among), _SLICE):
        part = torch.from_numpy(among[first : first + _SLICE]).reshape(-1, mine.shape[1]).float()
        distances = torch.addmm(theirs[first : first + _SLICE], mine, part.T, alpha=-2)  # less the picture's own square
        least, position = distances.min(dim=1)
        closer = least < best
        best, where = torch.where(closer, least, best), torch.where(closer, position + first, where)
    found = torch.from_numpy(among[where.numpy()]).reshape(mine.shape)  # sums of squares lose what is small
    errors = (found.double() - mine).square().mean(dim=1) * (2 / 255) ** 2
    return where.numpy(), errors.numpy()
