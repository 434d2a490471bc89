"""The map of a run: its test images laid out by their codes, as PCA at once and as t-SNE by a process of its own.

Everything is kept in the cache under the hash of the weights; a shipped run carries its t-SNE with it.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Generator, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from cae.config import MapConfig
from cae.disk import reading
from cae.disk.files import cache_folder, keep, write_whole
from cae.disk.kept import Kept
from cae.errors import CaeError, Damaged
from cae.evaluation.codes import codes_of
from cae.evaluation.errors import errors_of
from cae.jobs.job import Job
from cae.latent import projection
from cae.latent.explore import coarse
from cae.latent.mapfiles import (
    FILE,
    FORMAT,
    TSNE,
    Points,
    Scores,
    from_bytes,
    iterations_from,
    points_as_bytes,
    points_from,
    positions_from,
    read,
    save,
    scores_from,
    to_bytes,
)
from cae.latent.projection import Indices, Snapshot
from cae.latent.space import NEIGHBOURS as VOTERS
from cae.latent.space import Array, References
from cae.runs.run import Run
from cae.steps import Step

if TYPE_CHECKING:
    from cae.data.images import Images
    from cae.network.model import ConvAutoencoder

FLAT_SCORES = "flat-scores.json"
_SECONDS_BETWEEN_SNAPSHOTS = 0.4
_LARGEST = 2**26  # bytes of a file of positions


# -- the digits on a map


def chosen(available: int, config: MapConfig) -> NDArray[np.int32]:
    """Which test images a map shows, ascending: all, or so many at random."""
    if config.points is None or config.points >= available:
        return np.arange(available, dtype=np.int32)
    some = np.random.default_rng(config.seed).choice(available, config.points, replace=False)
    return np.sort(some).astype(np.int32)


def fingerprint(images: Images, indices: NDArray[np.integer]) -> str:
    """Which pictures those at these indices are."""
    return hashlib.sha256(images.pixels[indices].numpy().tobytes()).hexdigest()[:16]


def points(run: Run, images: Images, config: MapConfig) -> Points:
    """The digits of a map among the test `images`: kept, or encoded and compared now (about 2 s for 10,000).

    Raises RunNotFound where the run has no weights yet, Damaged, and CannotProject for codes that are not numbers.
    """
    indices = chosen(len(images), config)
    digits = fingerprint(images, indices)

    def is_right(of: Points) -> bool:
        same = (np.array_equal(of.indices, indices), np.array_equal(of.labels, _labels(images, indices)))
        known = (images.class_names, digits, run.info.model.latent_dim)
        return all(same) and (of.class_names, of.digits, len(of.codes.low)) == known

    def place(weights: str) -> Kept[Points]:
        name = f"points-{digits}.safetensors"
        return Kept(name, points_as_bytes, lambda content: points_from(content, weights), is_right, under=weights)

    found = place(run.weights_hash()).read()
    if found is not None:
        return found
    model, weights = run.model_and_hash()
    return place(weights).keep(_points(model, images, indices, weights, errors_of(run.dataset, model, weights)))


def _points(model: ConvAutoencoder, images: Images, indices: NDArray[np.int32], weights: str, errors: Array) -> Points:
    labels, exact = _labels(images, indices), _codes(model, images, indices)
    references = coarse(exact, labels, np.dtype(np.uint16))
    neighbours = projection.neighbours(references.points.astype(np.float64))
    return Points(
        indices=indices,
        codes=with_usual(references, neighbours),
        errors=errors[indices],
        neighbours=neighbours,
        flat=_flat(exact, labels),
        class_names=images.class_names,
        digits=fingerprint(images, indices),
        weights=weights,
    )


def _codes(model: ConvAutoencoder, images: Images, indices: NDArray[np.int32]) -> Array:
    """The codes (N, D) of the test images at these indices. Raises CannotProject."""
    codes = codes_of(model, images.pixels[indices])
    projection.require_finite(codes)
    return codes


def _labels(images: Images, indices: NDArray[np.int32]) -> NDArray[np.uint8]:
    return images.labels[indices].numpy().astype(np.uint8)


def with_usual(codes: References, neighbours: Indices) -> References:
    """The codes with their usual off-manifold distances: the mean distance of each to its nearest others."""
    values, nearest = codes.points.astype(np.float64), neighbours[:, :VOTERS]
    away = [np.sqrt(np.square(values - values[nearest[:, rank]]).sum(axis=1)) for rank in range(nearest.shape[1])]
    return codes.with_usual(np.mean(away, axis=0) * codes.step)


def _flat(codes: Array, labels: NDArray[np.uint8]) -> Array:
    count, dimensions = codes.shape
    if dimensions == 1:  # along the line, each class in a lane of its own, so that they do not cover each other
        lane = (np.arange(count) * 0.618034) % 1 - 0.5  # the golden ratio spreads any run of points evenly
        return np.stack([codes[:, 0], labels + 0.7 * lane], axis=1).astype(np.float32)
    return codes if dimensions == 2 else projection.pca(codes, 3)


# -- how far a map may be trusted


def scores(codes: Array, positions: Array, labels: NDArray[np.integer], classes: int) -> Scores:
    """The scores of a map of these codes (N, D), laid out at `positions` (N, 2) or (N, 3); about 2 s for 10,000."""
    seen = projection.neighbours(positions)
    trust = projection.trustworthiness(codes, seen)
    return Scores(trust, projection.vote_accuracy(seen, labels, classes))


def flat_scores(run: Run, of: Points) -> dict[int, Scores]:
    """The scores of the flat positions of a run's digits, in two and in three dimensions, as far as there are so many.

    They are shipped with the run, in the cache, or measured now and kept there (some 5 s for 10,000).
    """

    def measure() -> dict[int, Scores]:
        codes, classes = of.codes.codes().astype(np.float32), len(of.class_names)
        return {count: scores(codes, of.positions(count), of.labels, classes) for count in _flat_dimensions(of)}

    return flat_scores_place(run, of).get(measure)


def flat_scores_place(run: Run, of: Points) -> Kept[dict[int, Scores]]:
    """Where the scores of these flat positions are kept."""

    def to_bytes(found: dict[int, Scores]) -> bytes:
        scores = {count: asdict(each) for count, each in found.items()}
        return json.dumps({"weights": of.weights, "digits": of.digits, "scores": scores}).encode()

    def from_bytes(content: bytes) -> dict[int, Scores]:
        values = reading.parsed(content)
        if (values["weights"], values["digits"]) != (of.weights, of.digits):
            raise ValueError("of other weights or digits")
        return {int(count): scores_from(each) for count, each in values["scores"].items()}

    return Kept(
        f"flat-scores-{of.digits}.json", to_bytes, from_bytes, lambda found: found.keys() == set(_flat_dimensions(of)),
        under=of.weights, shipped=run.path / FLAT_SCORES, largest=reading.LARGEST_TEXT,
    )  # fmt: skip


def _flat_dimensions(of: Points) -> range:
    return range(2, of.flat.shape[1] + 1)


def accuracy_of_codes(of: Points) -> float:
    """The share of digits of the class that most of their 10 nearest others in the latent space have."""
    return projection.vote_accuracy(of.neighbours, of.labels, len(of.class_names))


# -- t-SNE


def job(run: Run, config: MapConfig) -> Job:
    """The process that computes this map of the run's last weights."""
    options = [f"--{name}={value}" for name, value in config.to_json().items() if value is not None]
    return Job(cache_folder() / run.weights_hash() / _name(config), ["map", *run.arguments(), *options])


def kept(run: Run, config: MapConfig, digits: str, count: int) -> tuple[TSNE, Path] | None:
    """This map of the run's last weights and of these so many digits, if it was computed before, and its file.

    It is shipped with the run, or in the cache.
    """
    return place(run, config, digits, count).with_file()


def place(run: Run, config: MapConfig, digits: str, count: int) -> Kept[TSNE]:
    """Where this map of the run's last weights and of these so many digits is kept."""
    known = (run.weights_hash(), config, digits, count)
    return Kept(
        _name(config), to_bytes, from_bytes,
        lambda found: (found.weights, found.config, found.digits, len(found.positions)) == known,
        under=known[0], shipped=run.path / FILE, largest=_LARGEST,
    )  # fmt: skip


def found(run: Run, config: MapConfig) -> tuple[TSNE, Path] | None:
    """The kept map of the current test images, and its file; None if there is none."""
    images = run.test_images()
    indices = chosen(len(images), config)
    return kept(run, config, fingerprint(images, indices), len(indices))


def _name(config: MapConfig) -> str:
    return f"map-{config.key}.safetensors"


def why_not(of: Points, config: MapConfig) -> str:
    """Why there is no t-SNE of these digits; empty where there can be one."""
    try:
        projection.check(of.codes.codes().astype(np.float32), config)
    except CaeError as reason:
        return str(reason)
    return ""


def snapshot(run: Run, config: MapConfig) -> Snapshot | None:
    """How far the process has come, if there is anything to be seen yet."""
    try:
        values, words = read(reading.content(job(run, config).under_way, _LARGEST))
        kl = reading.number(words["kl"])
        return Snapshot(
            *iterations_from(words["iteration"], words["iterations"]), kl, positions_from(values["positions"])
        )
    except (*reading.UNREADABLE, Damaged):
        return None


def compute(run: Run, config: MapConfig) -> Generator[Step | Snapshot, None, TSNE]:
    """Computes this map and keeps it, unless it is there already; yields how far it is.

    Where another process computes it, waits for that one. Asked to stop, it keeps the state so far.
    Raises RunNotFound, CannotProject, InvalidOption, Damaged or Unwritable.
    """
    work = job(run, config)
    with work.at_work():
        images = run.test_images()
        indices = chosen(len(images), config)
        before = kept(run, config, fingerprint(images, indices), len(indices))
        if before and before[0].is_finished:
            return before[0]
        yield Step("encoding the test digits")
        model, weights = run.model_and_hash()
        codes, labels = _codes(model, images, indices), _labels(images, indices)
        began = time.monotonic()
        yield Step("finding neighbours")
        for last in _shown(projection.tsne(codes, config), work.under_way):
            yield last
            if work.is_stop_asked():
                break
        yield Step("comparing neighbourhoods")
        tsne = TSNE(
            config, last.positions, last.iteration, last.iterations, last.kl, time.monotonic() - began,
            scores(codes, last.positions, labels, len(images.class_names)),
            fingerprint(images, indices), weights,
        )  # fmt: skip
        write_whole(work.result, to_bytes(tsne))
        return tsne


def _shown(snapshots: Iterator[Snapshot], path: Path) -> Iterator[Snapshot]:
    """The snapshots, each written to a file for the page, at most every 0.4 s."""
    written = 0.0
    for each in snapshots:
        if time.monotonic() - written > _SECONDS_BETWEEN_SNAPSHOTS:
            words = {"format": FORMAT, "iteration": each.iteration, "iterations": each.iterations, "kl": each.kl}
            keep(path, save({"positions": each.positions}, words))
            written = time.monotonic()
        yield each
