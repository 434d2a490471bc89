"""The map of a run: its test images laid out by their codes, as PCA at once and as t-SNE by a process of its own.

Everything is kept in the cache under the hash of the weights; a shipped run carries its t-SNE with it.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Generator, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from cae.config import MapConfig, from_json
from cae.disk import reading
from cae.disk.files import cache_folder, keep, write_whole
from cae.disk.kept import Kept
from cae.disk.tensors import metadata, tensors
from cae.errors import CaeError, Damaged
from cae.evaluation.codes import codes_of
from cae.evaluation.errors import errors_of
from cae.jobs.process import Job
from cae.latent import projection
from cae.latent.projection import Indices, Snapshot
from cae.latent.space import NEIGHBOURS as VOTERS
from cae.latent.space import References, coarse
from cae.runs.run import Run
from cae.steps import Step

if TYPE_CHECKING:
    from cae.data.images import Images
    from cae.network.model import ConvAutoencoder

Array = NDArray[np.float32]
FORMAT = 1
FILE, FLAT_SCORES = "map.safetensors", "flat-scores.json"
_SECONDS_BETWEEN_SNAPSHOTS = 0.4
_LARGEST = 2**26  # bytes of a file of positions
_FARTHEST = 100.0  # that a position may be from the middle, in a file
_KINDS = {
    "indices": np.int32, "labels": np.uint8, "errors": np.float32, "flat": np.float32, "map.points": np.uint16,
    "map.low": np.float32, "map.usual": np.float32, "map.step": np.float32, "neighbours": np.int32,
}  # fmt: skip


# -- the digits on a map


@dataclass(frozen=True)
class Points:
    """The N digits of a map, with D numbers each.

    indices: (N,), which test images they are, ascending. codes: theirs, among which new ones are placed.
    errors: (N,), MSE on [-1, 1]. neighbours: (N, K), the nearest others of each among the codes, nearest first.
    flat: positions (N, 3), or as many columns as there are numbers: PCA, or the codes themselves where D is 1 or 2.
    digits: a fingerprint of the pictures. weights: the hash of the weights.
    """

    indices: NDArray[np.int32]
    codes: References
    errors: Array
    neighbours: Indices
    flat: Array
    class_names: tuple[str, ...]
    digits: str
    weights: str

    def positions(self, dimensions: int) -> Array:
        """The first columns of `flat`, (N, 2) or (N, 3)."""
        return np.ascontiguousarray(self.flat[:, :dimensions])

    @property
    def labels(self) -> NDArray[np.uint8]:
        """The classes, (N,)."""
        return self.codes.labels


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
        return Kept(name, _points_as_bytes, lambda content: _points_from(content, weights), is_right, under=weights)

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
    """The same, what is usual measured among themselves: the mean distance of each to its nearest others."""
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


@dataclass(frozen=True)
class Scores:
    """What is kept of the neighbourhoods: of 15 neighbours by trustworthiness, of classes by the vote of 10."""

    trustworthiness: float
    accuracy: float


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
        return {int(count): _scores_from(each) for count, each in values["scores"].items()}

    return Kept(
        f"flat-scores-{of.digits}.json", to_bytes, from_bytes, lambda found: found.keys() == set(_flat_dimensions(of)),
        under=of.weights, shipped=run.path / FLAT_SCORES, largest=reading.LARGEST_TEXT,
    )  # fmt: skip


def _flat_dimensions(of: Points) -> range:
    return range(2, of.flat.shape[1] + 1)


def accuracy_of_codes(of: Points) -> float:
    """The share of digits of the class that most of their 10 nearest others in the latent space have."""
    return projection.vote_accuracy(of.neighbours, of.labels, len(of.class_names))


def preserved(of: Points, positions: Array) -> NDArray[np.uint8]:
    """How many of each digit's 15 nearest codes are among the 15 nearest at `positions`, (N,)."""
    return projection.preserved(of.neighbours, projection.neighbours(positions))


# -- t-SNE


@dataclass(frozen=True)
class TSNE:
    """A t-SNE of a run's codes, finished or stopped.

    positions: (N, 2) in [-1, 1]. kl: the Kullback-Leibler divergence reached, in nats.
    """

    config: MapConfig
    positions: Array
    iteration: int
    iterations: int
    kl: float
    seconds: float
    scores: Scores
    digits: str
    weights: str

    @property
    def is_finished(self) -> bool:
        """Whether it was left to run to its end."""
        return self.iteration == self.iterations


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
    """The same of the test images that there are now."""
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
        return Snapshot(*_iterations(words["iteration"], words["iterations"]), kl, _positions(values["positions"]))
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
    """The same, each written where others can see it, but no more often than they would look."""
    written = 0.0
    for each in snapshots:
        if time.monotonic() - written > _SECONDS_BETWEEN_SNAPSHOTS:
            words = {"format": FORMAT, "iteration": each.iteration, "iterations": each.iterations, "kl": each.kl}
            keep(path, save({"positions": each.positions}, words))
            written = time.monotonic()
        yield each


# -- as files


def to_bytes(found: TSNE) -> bytes:
    """A t-SNE as safetensors: the positions, and everything else in the header."""
    return save({"positions": found.positions}, {"format": FORMAT, **words_of(found)})


def from_bytes(content: bytes) -> TSNE:
    """Reads such a file. Raises Damaged where it is none."""
    values, words = read(content)
    try:
        if words.pop("format") != FORMAT:
            raise ValueError
        return from_words(values["positions"], words)
    except (*reading.UNREADABLE, CaeError) as error:
        raise Damaged(f"{FILE} is damaged and cannot be read.") from error


def words_of(found: TSNE) -> dict[str, Any]:
    """Everything about a t-SNE but its positions, as JSON takes it."""
    return {name: value for name, value in asdict(found).items() if name != "positions"}


def from_words(positions: NDArray[Any], words: dict[str, Any]) -> TSNE:
    """The t-SNE of these positions and words. Raises one of reading.UNREADABLE or CaeError where it is none."""
    config, scores = from_json(MapConfig, words["config"]), _scores_from(words["scores"])
    found = TSNE(**{**words, "positions": _positions(positions), "config": config, "scores": scores})
    _iterations(found.iteration, found.iterations)
    reading.number(found.kl), reading.number(found.seconds, 0), reading.text(found.digits), reading.text(found.weights)
    return found


def _positions(found: NDArray[Any]) -> Array:
    if found.dtype != np.float32 or found.ndim != 2 or found.shape[1] != 2:
        raise ValueError("no positions")
    return reading.finite(found, -_FARTHEST, _FARTHEST)


def _iterations(done: Any, all_: Any) -> tuple[int, int]:
    return reading.whole(done, 0, reading.whole(all_)), all_


def _scores_from(values: dict[str, Any]) -> Scores:
    found = Scores(**values)
    reading.share(found.trustworthiness), reading.share(found.accuracy)
    return found


def _points_as_bytes(of: Points) -> bytes:
    words = {"format": FORMAT, "class_names": of.class_names, "digits": of.digits, "weights": of.weights}
    return save(_arrays(of) | {"neighbours": of.neighbours.astype(np.int32)}, words)


def _points_from(content: bytes, weights: str) -> Points:
    arrays, words = read(content)
    try:
        count, dimensions = arrays["map.points"].shape
        rows = {len(arrays[name]) for name in ("indices", "labels", "errors", "flat", "neighbours")}
        sizes = rows, arrays["map.low"].shape, arrays["map.usual"].shape
        if (words["format"], words["weights"], *sizes) != (FORMAT, weights, {count}, (dimensions,), (101,)):
            raise ValueError
        for name, each in arrays.items():
            is_size = name in ("errors", "map.usual", "indices")
            reading.finite(each, 0 if is_size else -1e30, 1e30)
            if each.dtype != _KINDS[name] or each.ndim != (2 if name in ("flat", "map.points", "neighbours") else 1):
                raise ValueError
        names = tuple(reading.text(name) for name in words["class_names"])
        if not arrays["map.step"][0] > 0 or not (arrays["labels"] < len(names)).all():
            raise ValueError
        reading.finite(arrays["neighbours"], 0, count - 1)
        codes = References(
            arrays["map.points"], arrays["labels"], arrays["map.low"], float(arrays["map.step"][0]), arrays["map.usual"]
        )
        return Points(
            arrays["indices"], codes, arrays["errors"], arrays["neighbours"].astype(np.int64), arrays["flat"],
            names, reading.text(words["digits"]), weights,
        )  # fmt: skip
    except reading.UNREADABLE as error:
        raise Damaged("The digits of a map are damaged and cannot be read.") from error


def _arrays(of: Points) -> dict[str, NDArray[Any]]:
    return {
        "indices": of.indices, "labels": of.labels, "errors": of.errors, "flat": of.flat,
        "map.points": of.codes.points, "map.low": of.codes.low, "map.usual": of.codes.usual,
        "map.step": np.array([of.codes.step], np.float32),
    }  # fmt: skip


def for_browser(of: Points) -> bytes:
    """The digits of a map as safetensors: codes, classes, errors, and the flat positions with what they preserve."""
    arrays = _arrays(of)
    for dimensions in range(2, of.flat.shape[1] + 1):
        arrays[f"preserved.{dimensions}"] = preserved(of, of.positions(dimensions))
    return save(arrays, {"class_names": of.class_names})


def tsne_for_browser(of: Points, found: TSNE) -> bytes:
    """The positions of a t-SNE, and what they preserve."""
    return save({"positions": found.positions, "preserved.2": preserved(of, found.positions)}, {})


def for_comparison(positions: Array, images: Images) -> bytes:
    """Positions (N, 2) of the test `images` with their classes: what is needed to lay a map beside others.

    Errors are not among it: the browser decodes the digit that it is asked about, and measures it then.
    """
    arrays: dict[str, NDArray[Any]] = {
        "positions": positions[:, :2].astype(np.float32),
        "labels": images.labels.numpy().astype(np.uint8),
    }
    return save(arrays, {"class_names": images.class_names})


def save(arrays: dict[str, NDArray[Any]], words: dict[str, Any]) -> bytes:
    """Arrays and words as safetensors."""
    from safetensors.numpy import save as saved

    return saved({name: np.ascontiguousarray(value) for name, value in arrays.items()}, {"map": json.dumps(words)})


def read(content: bytes) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
    """The arrays and words of such a file. Raises Damaged where it is none."""
    try:
        words = reading.parsed(metadata(content)["map"])
        if not isinstance(words, dict):
            raise ValueError
        return tensors(content), words
    except reading.UNREADABLE as error:
        raise Damaged(f"{FILE} is damaged and cannot be read.") from error
