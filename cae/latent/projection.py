"""Codes laid out in two or three dimensions, new points placed among them, and what is lost on the way.

Arrays in, arrays out. cae/web/lib/codes.js holds the twins of `place` and `along`.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from cae.config import MapConfig
from cae.errors import CannotProject, InvalidOption
from cae.latent.space import closeness

Array = NDArray[np.float32]
Indices = NDArray[np.int64]
NEIGHBOURS = 15  # of a point, that should stay its neighbours on a map
VOTERS = 10  # that say of which class a point is
SLICE = 1000  # points whose distances to all others are in memory at once
CROWD = 15  # points near a station of a path that make up its code
_HALF = 0.5 - 1e-5  # so that equal weights, which rounding makes unequal, have one median everywhere
_MANY = 4000  # points, from which on interpolating the repulsion is faster than a tree, and several threads than one
_FEWEST = 7  # points, for the smallest perplexity there is
_CHUNK = 25  # iterations between two snapshots

# Iterations, exaggeration, and the size of the cells in which the repulsion is interpolated. openTSNE's own schedule
# is 250 iterations with an exaggeration of 12 and 500 without, at a momentum of 0.5 first, all in cells of 1.
# Letting go of the exaggeration step by step keeps more neighbours together than both: chosen on training digits.
_Stages = tuple[tuple[int, float, float], ...]
_STAGES: _Stages = ((150, 12.0, 2.0), (100, 4.0, 2.0), (100, 2.0, 2.0), (300, 1.0, 2.0), (75, 1.0, 1.0))
_STAGES_ON: _Stages = ((50, 2.0, 2.0), (150, 1.0, 2.0))  # from where a map that resembles it has ended
_MOMENTUM = 0.8
ITERATIONS = sum(count for count, _, _ in _STAGES)


# -- the plane


def pca(codes: Array, dimensions: int) -> Array:
    """The codes (N, D) along their main directions, (N, K), K = min(dimensions, D, N); the largest spread first.

    The sign of each direction is such that its largest coefficient is positive.
    """
    from sklearn.decomposition import PCA

    count = min(dimensions, *codes.shape)
    with np.errstate(invalid="ignore"):  # the shares of the variance where there is none
        return _single(PCA(count, svd_solver="covariance_eigh").fit_transform(codes.astype(np.float64)))


@dataclass(frozen=True)
class Snapshot:
    """A t-SNE under way.

    positions: (N, 2), moved and scaled so that they just fit into [-1, 1] x [-1, 1].
    kl: the Kullback-Leibler divergence that is made small, in nats.
    """

    iteration: int
    iterations: int
    kl: float
    positions: Array


def check(codes: Array, config: MapConfig) -> None:
    """Raises CannotProject, or InvalidOption, saying why t-SNE has nothing to lay out here."""
    count, dimensions = codes.shape
    require_finite(codes)
    if dimensions == 1:
        raise CannotProject(
            "A code of one number lies on a line already: t-SNE could only fold that line up. "
            "The map shows the number itself instead."
        )
    if dimensions == 2:
        raise CannotProject(
            "A code of two numbers is a point in the plane already: the map shows the codes themselves, undistorted."
        )
    if _spread(codes) < 1e-6:
        raise CannotProject("All digits have the same code: the network has collapsed, and there is nothing to map.")
    if count < _FEWEST:
        raise CannotProject(f"t-SNE needs at least {_FEWEST} digits, and there are {count}.")
    if count < 3 * config.perplexity + 1:
        raise InvalidOption(
            "perplexity",
            f"A perplexity of {config.perplexity:g} needs at least {int(3 * config.perplexity) + 1:,} digits and there "
            f"are {count:,}: choose one of at most {(count - 1) // 3}.",
        )


def require_finite(codes: Array) -> None:
    """Raises CannotProject unless all codes are finite numbers."""
    if not np.isfinite(codes).all():
        raise CannotProject("Some codes are not finite numbers: the weights of this network are damaged.")


def tsne(codes: Array, config: MapConfig, threads: int | None = None) -> Iterator[Snapshot]:
    """Lays out codes (N, D) with openTSNE, from their PCA; yields a snapshot every 25 iterations, the last being it.

    Exact neighbours, a coarse grid for the repulsion that is made finer for the last iterations, and Barnes and Hut's
    way for few points make it several times faster than openTSNE's own settings. Raises as `check` does, before the
    first snapshot.
    """
    check(codes, config)
    from openTSNE import initialization

    start = initialization.pca(codes.astype(np.float64), random_state=config.seed)
    for done, kl, positions in _descend(codes, config, start, _STAGES, threads):
        yield Snapshot(done, ITERATIONS, kl, fitted(positions))


def tsne_series(
    series: Iterable[Array], config: MapConfig, first: Array | None = None, threads: int | None = None
) -> Iterator[Snapshot]:
    """Lays out the same N points several times, for each of the codes (N, D); each starts where the one before ended.

    So they can be laid over each other: every one is turned and scaled as a whole so that its points lie as near as
    they can to those before. `first` are positions (N, 2) from which the first starts, in place of its PCA. Yields the
    last snapshot of each. Raises as `check` does.
    """
    from openTSNE import initialization

    before, shown = None, None
    for codes in series:
        check(codes, config)
        if before is not None:
            start, stages = before, _STAGES_ON
        elif first is not None:
            start, stages = initialization.rescale(first.astype(np.float64)), _STAGES
        else:
            start, stages = initialization.pca(codes.astype(np.float64), random_state=config.seed), _STAGES
        for done, kl, positions in _descend(codes, config, start, stages, threads):
            last = Snapshot(done, sum(count for count, _, _ in stages), kl, _single(positions))
        before = positions - positions.mean(axis=0)
        shown = fitted(before) if shown is None else _laid_over(before, shown)
        yield replace(last, positions=shown)


def _laid_over(positions: NDArray[np.float64], others: Array) -> Array:
    """Centred positions (N, 2), turned and scaled as a whole to lie nearest to `others`, by least squares."""
    from scipy.linalg import orthogonal_procrustes

    middle = others.mean(axis=0)
    turn, overlap = orthogonal_procrustes(positions, others - middle)
    return _single(positions @ turn * (overlap / np.square(positions).sum()) + middle)


def _descend(
    codes: Array, config: MapConfig, start: NDArray[np.float64], stages: _Stages, threads: int | None
) -> Iterator[tuple[int, float, NDArray[np.float64]]]:
    """The iterations done, the divergence and the positions (N, 2), every few iterations."""
    from openTSNE import TSNEEmbedding, affinity

    jobs = threads or (1 if len(codes) < _MANY else os.cpu_count() or 1)
    affinities = affinity.PerplexityBasedNN(
        codes.astype(np.float64), perplexity=config.perplexity, method="exact", n_jobs=jobs, random_state=config.seed
    )
    method = "bh" if len(codes) < _MANY else "fft"
    embedding = TSNEEmbedding(start, affinities, negative_gradient_method=method, n_jobs=jobs, random_state=config.seed)
    done = 0
    for count, exaggeration, cell in stages:
        for first in range(0, count, _CHUNK):
            steps = min(_CHUNK, count - first)
            embedding.optimize(
                steps, exaggeration=exaggeration, momentum=_MOMENTUM, ints_in_interval=cell, inplace=True
            )  # fmt: skip
            done += steps
            yield done, float(embedding.kl_divergence), np.array(embedding, np.float64)


def fitted(positions: NDArray[np.floating]) -> Array:
    """Positions (N, K), moved and scaled by one factor so that they just fit into [-1, 1] in every direction."""
    low, high = positions.min(axis=0), positions.max(axis=0)
    half = float((high - low).max()) / 2
    return _single((positions - (low + high) / 2) / (half or 1.0))


def _spread(codes: Array) -> float:
    """The standard deviation of the codes in relation to their size."""
    values = codes.astype(np.float64)
    return float(values.std(axis=0).max() / max(1.0, np.abs(values).max()))


# -- new points


def place(distances: Array, positions: Array) -> Array:
    """Where on a map, (2,), a new point belongs whose nearest points, K, lie at `positions` (K, 2).

    In each direction the median of the positions, weighing as `space.closeness` says of their distances (K,).
    """
    weights = closeness(distances)
    order = np.argsort(positions, axis=0, kind="stable")  # (K, 2)
    heavy = np.cumsum(weights[order], axis=0) >= _HALF * weights.sum()
    return _single(np.take_along_axis(positions, order, axis=0)[heavy.argmax(axis=0), np.arange(positions.shape[1])])


def along(path: NDArray[np.floating], positions: Array, codes: NDArray[np.floating], stations: int) -> Array:
    """The codes (S, D) that one meets on a path over a map, at S stations of equal distance.

    path: (P, 2), P at least 1, the corners of the path. positions, codes: (N, 2) and (N, D) of the points of the map.
    At each station the mean of the codes of its CROWD nearest points, weighing (1 - (d / r)^2)^2 at the distance d,
    where r is the distance of the first that is left out: they come and go without a jump.
    """
    return _single(np.stack([_code_at(station, positions, codes) for station in _stations(path, stations)]))


def _stations(path: NDArray[np.floating], count: int) -> NDArray[np.float64]:
    corners = path.astype(np.float64)
    lengths = np.concatenate([[0.0], np.linalg.norm(np.diff(corners, axis=0), axis=1).cumsum()])
    wanted = np.linspace(0, lengths[-1], count)
    return np.stack([np.interp(wanted, lengths, corners[:, axis]) for axis in range(2)], axis=1)  # (S, 2)


def _code_at(station: NDArray[np.float64], positions: Array, codes: NDArray[np.floating]) -> NDArray[np.float64]:
    squared = np.square(positions.astype(np.float64) - station).sum(axis=1)  # (N,)
    nearest = np.argsort(squared, kind="stable")[: CROWD + 1]
    if len(nearest) <= CROWD:
        radius = float(squared[nearest[-1]]) * 1.01
    else:
        radius, nearest = float(squared[nearest[-1]]), nearest[:-1]
    weights = np.square(1 - squared[nearest] / radius) if radius > 0 else np.ones(len(nearest))
    if not weights.sum() > 0:  # all of them equally far
        weights = np.ones(len(nearest))
    mean: NDArray[np.float64] = weights @ codes[nearest].astype(np.float64) / weights.sum()
    return mean


# -- what is kept, and what is lost


def neighbours(points: NDArray[np.floating], count: int = NEIGHBOURS) -> Indices:
    """The nearest other points of each point, (N, K), K = min(count, N - 1), nearest first, by Euclidean distance."""
    from sklearn.neighbors import NearestNeighbors

    found = NearestNeighbors(n_neighbors=min(count, len(points) - 1)).fit(points)
    return found.kneighbors(return_distance=False).astype(np.int64)  # type: ignore[no-any-return]


def preserved(true: Indices, seen: Indices) -> NDArray[np.uint8]:
    """How many of each point's neighbours `true` (N, K) are among its neighbours `seen` (N, K), (N,)."""
    return (true[:, :, None] == seen[:, None, :]).sum(axis=(1, 2), dtype=np.uint8)  # type: ignore[no-any-return]


def trustworthiness(codes: NDArray[np.floating] | NDArray[np.integer], seen: Indices) -> float:
    """How far one may trust the neighbours on a map, at most 1, given its neighbours (N, K) and the codes (N, D).

    1 - 2 / (N K (2 N - 3 K - 1)) times the sum, over all that are among the K nearest on the map and not among the K
    nearest codes, of their rank among the codes less K (Venna and Kaski 2001). A slice of the distances at a time.
    """
    count, kept = map(int, seen.shape)
    if 2 * count - 3 * kept - 1 <= 0:
        return float("nan")
    points = codes.astype(np.float64)
    squares = np.square(points).sum(axis=1)
    excess = 0
    for first in range(0, count, SLICE):
        rows = np.arange(first, min(first + SLICE, count))
        distances = (squares[rows, None] - 2 * points[rows] @ points.T + squares).astype(np.float32)  # (S, N)
        distances[np.arange(len(rows)), rows] = np.inf  # nobody is a neighbour of itself
        for rank in range(kept):
            limit = np.take_along_axis(distances, seen[rows, rank, None], axis=1)  # (S, 1)
            nearer = np.count_nonzero(distances < limit, axis=1)
            excess += int(np.maximum(nearer + 1 - kept, 0).sum())
    return 1.0 - 2 * excess / (count * kept * (2 * count - 3 * kept - 1))


def vote_accuracy(seen: Indices, labels: NDArray[np.integer], classes: int) -> float:
    """The share of points of the class that most of their VOTERS nearest others, of `seen` (N, K), have."""
    votes = np.zeros((len(seen), classes))
    for rank in range(min(VOTERS, seen.shape[1])):
        votes[np.arange(len(seen)), labels[seen[:, rank]]] += 1
    return float((votes.argmax(axis=1) == labels).mean())


def _single(values: NDArray[np.floating]) -> Array:
    return np.ascontiguousarray(values, np.float32)
