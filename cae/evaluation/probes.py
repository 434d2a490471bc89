"""What the codes of a run are worth: how well classes can be told from them, and what each of their numbers does."""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from cae.data.catalogue import MOST_IMAGES
from cae.disk import reading
from cae.disk.kept import Kept
from cae.errors import Damaged, DataUnavailable
from cae.evaluation.codes import codes_of
from cae.runs.run import Run
from cae.steps import Step, Steps

if TYPE_CHECKING:
    from cae.data.images import Images
    from cae.network.model import ConvAutoencoder

Floats = NDArray[np.floating]
FORMAT = 1
FILE = "probing.json"
NEIGHBOURS = 10
HARDEST = 10  # test images that are named
_HURT = 5  # test images that are named for every dimension
_ZEROED = 2000  # test images on which it is measured what a dimension is worth
DEAD = 1e-3  # of the largest standard deviation: a dimension that varies less says nothing
REDUNDANT = 0.95  # share of a dimension's variance that the others explain


@dataclass(frozen=True)
class Dimension:
    """One number of the code, over the test images.

    explained: the share of its variance that a linear function of the others gives. zeroed_mse: by how much the error,
    MSE on [-1, 1], grows when it is replaced by its mean. hurt: the test images that lose most by that.
    """

    deviation: float
    explained: float
    zeroed_mse: float
    hurt: tuple[int, ...]

    @property
    def is_redundant(self) -> bool:
        """Whether the others say nearly all that it says."""
        return self.explained > REDUNDANT


@dataclass(frozen=True)
class Probing:
    """What was measured of a run's codes. Accuracies are shares of the test images, from what training codes say.

    probe_accuracy is NaN where there is one class only.

    nmi, ari: of k-means clusters of the test codes, one a class, beside the true classes (normalised mutual
    information; adjusted Rand index). correlation: (D, D), 0 for dead dimensions. hardest: test images, with their MSE
    on [-1, 1].
    """

    weights: str
    knn_accuracy: float
    probe_accuracy: float
    nmi: float
    ari: float
    correlation: tuple[tuple[float, ...], ...]
    dimensions: tuple[Dimension, ...]
    hardest: tuple[tuple[int, float], ...]

    @property
    def has_no_probe(self) -> bool:
        """Whether there is one class only, which no probe can tell from others."""
        return isinstance(self.probe_accuracy, float) and math.isnan(self.probe_accuracy)

    @property
    def dead(self) -> tuple[int, ...]:
        """The dimensions that hardly vary."""
        most = max((each.deviation for each in self.dimensions), default=0.0)
        return tuple(i for i, each in enumerate(self.dimensions) if each.deviation <= DEAD * most)

    @property
    def redundant(self) -> tuple[int, ...]:
        """The living dimensions that follow from the others."""
        return tuple(i for i, each in enumerate(self.dimensions) if each.is_redundant and i not in self.dead)

    def to_json(self) -> dict[str, Any]:
        """What `python -m cae evaluate --json` adds to the errors."""
        values = asdict(self)
        del values["weights"]
        values["probe_accuracy"] = None if math.isnan(self.probe_accuracy) else self.probe_accuracy
        return {**values, "dead": self.dead, "redundant": self.redundant}


def probe(run: Run) -> Steps[Probing]:
    """What the codes of the run's last weights are worth: kept, or measured now (some 20 s).

    Raises RunNotFound where the run has no weights yet, and Damaged.
    """
    before = kept(run)
    if before is not None:
        return before
    from cae.data.images import load

    dataset = run.dataset
    train, test = load(dataset, "train"), load(dataset, "test")
    model, weights = run.model_and_hash()
    return place(run, weights).keep((yield from measure(model, train, test, weights)))


def kept(run: Run) -> Probing | None:
    """The probes if they were measured before: shipped with the run, or in the cache."""
    return place(run, run.weights_hash()).read()


def place(run: Run, weights: str) -> Kept[Probing]:
    """Where the probing of a run with these weights is kept."""

    def is_right(found: Probing) -> bool:
        named = [image for image, _ in found.hardest] + [image for each in found.dimensions for image in each.hurt]
        dimensions = run.info.model.latent_dim
        return (found.weights, len(found.dimensions)) == (weights, dimensions) and max(named) < _images(run)

    return Kept(
        FILE, to_bytes, from_bytes, is_right, under=weights, shipped=run.path / FILE, largest=reading.LARGEST_TEXT
    )


def _images(run: Run) -> int:
    """How many test images there are; as many as there can be, where they are not here and nobody looks at them."""
    try:
        return len(run.test_images())
    except (DataUnavailable, Damaged):
        return MOST_IMAGES


def measure(model: ConvAutoencoder, train: Images, test: Images, weights: str = "") -> Steps[Probing]:
    """Measures the codes that `model` gives the training and the test images."""
    yield Step("encoding both sets")
    train_codes, test_codes = (codes_of(model, images.pixels) for images in (train, test))
    labels, truth = train.labels.numpy(), test.labels.numpy()
    yield Step("asking ten neighbours")
    knn = knn_accuracy(train_codes, labels, test_codes, truth)
    yield Step("fitting a linear probe")
    linear = probe_accuracy(train_codes, labels, test_codes, truth)
    yield Step("finding clusters")
    nmi, ari = clustering(test_codes, truth, len(test.class_names))
    yield Step("zeroing every dimension")
    errors, costs = zeroing(model, test, test_codes)
    deviations, explained = test_codes.astype(np.float64).std(axis=0), explained_variance(test_codes)
    dimensions = tuple(
        Dimension(
            _short(deviations[i]), _short(explained[i]), _short(costs[i].mean()),
            tuple(int(image) for image in np.argsort(-costs[i], kind="stable")[:_HURT]),
        )
        for i in range(test_codes.shape[1])
    )  # fmt: skip
    worst = np.argsort(-errors, kind="stable")[:HARDEST]
    return Probing(
        weights, knn, linear, nmi, ari,
        tuple(tuple(round(float(value), 3) for value in row) for row in correlation(test_codes)),
        dimensions, tuple((int(image), _short(errors[image])) for image in worst),
    )  # fmt: skip


# -- arrays in, numbers out


def knn_accuracy(
    codes: Floats, labels: NDArray[np.integer], test_codes: Floats, truth: NDArray[np.integer], count: int = NEIGHBOURS
) -> float:
    """The share of test codes (M, D) whose class the nearest of the codes (N, D) vote for, each by 1 / distance."""
    from sklearn.neighbors import KNeighborsClassifier

    model = KNeighborsClassifier(min(count, len(codes)), weights="distance", algorithm="brute").fit(codes, labels)
    return float((model.predict(test_codes) == truth).mean())


def probe_accuracy(codes: Floats, labels: NDArray[np.integer], test_codes: Floats, truth: NDArray[np.integer]) -> float:
    """The share of test codes (M, D) that a linear classifier of standardised codes (N, D) classifies correctly.

    scikit-learn's logistic regression, with its own settings; NaN where there is one class only.
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    if len(np.unique(labels)) < 2:
        return float("nan")
    model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=300)).fit(codes, labels)
    return float((model.predict(test_codes) == truth).mean())


def clustering(codes: Floats, truth: NDArray[np.integer], classes: int) -> tuple[float, float]:
    """Normalised mutual information and adjusted Rand index of k-means clusters of the codes (N, D), one a class."""
    from sklearn.cluster import KMeans
    from sklearn.metrics import adjusted_rand_score, normalized_mutual_info_score

    found = KMeans(min(classes, len(codes)), n_init=10, random_state=0).fit_predict(codes)
    return float(normalized_mutual_info_score(truth, found)), float(adjusted_rand_score(truth, found))


def correlation(codes: Floats) -> NDArray[np.float64]:
    """Pearson's correlation of every two numbers of the codes (N, D), (D, D); 0 where one does not vary."""
    centred = codes.astype(np.float64) - codes.mean(axis=0, dtype=np.float64)
    lengths = np.linalg.norm(centred, axis=0)
    units = np.divide(centred, lengths, out=np.zeros_like(centred), where=lengths > 1e-9 * max(lengths.max(), 1e-9))
    found: NDArray[np.float64] = np.clip(units.T @ units, -1, 1)
    return found


def explained_variance(codes: Floats) -> NDArray[np.float64]:
    """The share of each number's variance that a linear function of the others explains, (D,); 0 where it has none.

    1 - 1 / VIF: from the diagonal of the inverse of the correlation matrix.
    """
    matrix = correlation(codes)
    alive = np.diag(matrix) > 0.5
    shares = np.zeros(len(matrix))
    inverse = np.linalg.pinv(matrix[np.ix_(alive, alive)], hermitian=True)
    values, vectors = np.linalg.eigh(matrix[np.ix_(alive, alive)])
    flat = (np.square(vectors[:, values < 1e-9]).sum(axis=1) > 1e-6) if len(values) else np.zeros(0, bool)
    shares[alive] = np.where(flat, 1.0, 1 - 1 / np.maximum(np.diag(inverse), 1))
    return shares


def zeroing(model: ConvAutoencoder, test: Images, codes: Floats) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The error of each test image, (N,), and by how much it grows without each dimension, (D, S), MSE on [-1, 1].

    A dimension is taken away by putting its mean there, for the first S test images: zero itself may mean something.
    """
    import torch

    from cae.data.images import to_model

    def errors_of(some: Floats, pixels: Any) -> NDArray[np.float64]:
        parts = zip(torch.from_numpy(some.astype(np.float32)).split(1000), pixels.split(1000), strict=True)
        with torch.inference_mode():
            found = [(model.decode(z) - to_model(x)).square().mean(dim=(1, 2, 3)).double() for z, x in parts]
        return torch.cat(found).numpy()  # type: ignore[no-any-return]

    errors = errors_of(codes, test.pixels)
    few = min(_ZEROED, len(codes))
    costs = []
    for dimension in range(codes.shape[1]):
        without = codes[:few].copy()
        without[:, dimension] = codes[:, dimension].mean()
        costs.append(errors_of(without, test.pixels[:few]) - errors[:few])
    return errors, np.stack(costs)


def without(
    model: ConvAutoencoder, images: Images, indices: NDArray[np.integer], dimension: int, mean: float
) -> tuple[NDArray[np.uint8], NDArray[np.floating]]:
    """The copies of the `images` at these indices when a dimension holds `mean`, whatever the image; and their MSE.

    uint8 (K, 28, 28), and (K,) on [-1, 1].
    """
    import torch

    from cae.data.images import to_model, to_pixels

    originals = to_model(images.pixels[indices])  # (K, 1, 28, 28)
    with torch.inference_mode():
        codes = model.encode(originals)  # (K, D)
        codes[:, dimension] = mean
        copies = model.decode(codes)
        errors = (copies - originals).square().mean(dim=(1, 2, 3))
    return to_pixels(copies).numpy(), errors.numpy()


# -- as a file


def to_bytes(found: Probing) -> bytes:
    """A probing.json."""
    return json.dumps({"format": FORMAT, **asdict(found)}, separators=(",", ":")).encode()


def from_bytes(content: bytes) -> Probing:
    """Reads what `to_bytes` wrote. Raises one of reading.UNREADABLE if it is something else."""
    values = reading.parsed(content)
    if values.pop("format") != FORMAT:
        raise ValueError("of another format")
    values["correlation"] = tuple(tuple(reading.number(value, -1, 1) for value in row) for row in values["correlation"])
    values["dimensions"] = tuple(_dimension(each) for each in values["dimensions"])
    values["hardest"] = tuple((reading.whole(image), reading.number(error, 0, 4)) for image, error in values["hardest"])
    found = Probing(**values)
    for each in (found.knn_accuracy, found.nmi, *([] if found.has_no_probe else [found.probe_accuracy])):
        reading.number(each, -1e-9, 1 + 1e-9)
    reading.number(found.ari, -1, 1)
    sizes = {len(found.correlation), len(found.dimensions), *map(len, found.correlation)}
    if len(sizes) > 1 or not 1 <= len(found.hardest) <= HARDEST:
        raise ValueError("of several sizes")
    return found


def _dimension(values: dict[str, Any]) -> Dimension:
    found = Dimension(**{**values, "hurt": tuple(reading.whole(image) for image in values["hurt"])})
    reading.number(found.deviation, 0), reading.share(found.explained), reading.number(found.zeroed_mse, -4, 4)
    if not 1 <= len(found.hurt) <= _HURT:
        raise ValueError("too many")
    return found


def _short(value: Any) -> float:
    return float(f"{float(value):.5g}")
