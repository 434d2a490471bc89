"""What a map is made of, and the files that hold it: test images as points, their positions, and scores."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from cae.config import MapConfig, from_json
from cae.disk import reading
from cae.disk.tensors import metadata, tensors
from cae.errors import CaeError, Damaged
from cae.latent import projection
from cae.latent.projection import Indices
from cae.latent.space import Array, References

if TYPE_CHECKING:
    from cae.data.images import Images

FORMAT = 1
FILE = "map.safetensors"


_FARTHEST = 100.0  # that a position may be from the middle, in a file


_KINDS = {
    "indices": np.int32, "labels": np.uint8, "errors": np.float32, "flat": np.float32, "map.points": np.uint16,
    "map.low": np.float32, "map.usual": np.float32, "map.step": np.float32, "neighbours": np.int32,
}  # fmt: skip


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


@dataclass(frozen=True)
class Scores:
    """What is kept of the neighbourhoods: of 15 neighbours by trustworthiness, of classes by the vote of 10."""

    trustworthiness: float
    accuracy: float


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


def preserved(of: Points, positions: Array) -> NDArray[np.uint8]:
    """How many of each digit's 15 nearest codes are among the 15 nearest at `positions`, (N,)."""
    return projection.preserved(of.neighbours, projection.neighbours(positions))


def to_bytes(found: TSNE) -> bytes:
    """A t-SNE as safetensors: the positions, and everything else in the header."""
    return save({"positions": found.positions}, {"format": FORMAT, **words_of(found)})


def from_bytes(content: bytes) -> TSNE:
    """Reads what `to_bytes` wrote. Raises Damaged for anything else."""
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
    """The t-SNE of these positions and words. Raises one of reading.UNREADABLE or CaeError for invalid ones."""
    config, scores = from_json(MapConfig, words["config"]), scores_from(words["scores"])
    found = TSNE(**{**words, "positions": positions_from(positions), "config": config, "scores": scores})
    iterations_from(found.iteration, found.iterations)
    reading.number(found.kl), reading.number(found.seconds, 0), reading.text(found.digits), reading.text(found.weights)
    return found


def positions_from(array: NDArray[Any]) -> Array:
    """The positions (N, 2) in a file. Raises ValueError if they cannot be any."""
    if array.dtype != np.float32 or array.ndim != 2 or array.shape[1] != 2:
        raise ValueError("no positions")
    return reading.finite(array, -_FARTHEST, _FARTHEST)


def iterations_from(done: Any, all_: Any) -> tuple[int, int]:
    """How many iterations are done, and of how many. Raises ValueError or TypeError if they cannot be any."""
    return reading.whole(done, 0, reading.whole(all_)), all_


def scores_from(values: dict[str, Any]) -> Scores:
    """The scores in a file. Raises ValueError or TypeError if they cannot be any."""
    found = Scores(**values)
    reading.share(found.trustworthiness), reading.share(found.accuracy)
    return found


def points_as_bytes(of: Points) -> bytes:
    """The points of a map as safetensors."""
    words = {"format": FORMAT, "class_names": of.class_names, "digits": of.digits, "weights": of.weights}
    return save(_arrays(of) | {"neighbours": of.neighbours.astype(np.int32)}, words)


def points_from(content: bytes, weights: str) -> Points:
    """Reads such a file. Raises Damaged, or ValueError if it is of other weights."""
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
    """The arrays and words of a file that `save` wrote. Raises Damaged for anything else."""
    try:
        words = reading.parsed(metadata(content)["map"])
        if not isinstance(words, dict):
            raise ValueError
        return tensors(content), words
    except reading.UNREADABLE as error:
        raise Damaged(f"{FILE} is damaged and cannot be read.") from error
