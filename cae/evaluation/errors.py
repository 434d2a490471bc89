"""What is measured of a run on its test set: computed once, kept under the hash of its weights."""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from cae.data import baselines, catalogue, metrics
from cae.data.metrics import Scores
from cae.disk import reading
from cae.disk.kept import Kept
from cae.disk.tensors import npy
from cae.runs.run import Run
from cae.steps import Step, Steps

if TYPE_CHECKING:
    from cae.data.images import Images
    from cae.network.model import ConvAutoencoder

FORMAT = 1
FILE = "evaluation.json"
REPORTED_TEST_MSE = 0.0171  # of the founding document's network, on MNIST


@dataclass(frozen=True)
class ClassScores(Scores):
    """The scores of one class of the test set."""

    label: int
    name: str


@dataclass(frozen=True)
class Evaluation:
    """A run on the test set of its data set. MSE on [-1, 1], PSNR in dB; all are means of per-image values."""

    dataset: str
    weights: str  # SHA-256 of model.safetensors
    latent_dim: int
    overall: Scores
    per_class: tuple[ClassScores, ...]
    mean_image_mse: float
    pca_mse: float  # with latent_dim components

    def to_json(self) -> dict[str, Any]:
        """What `python -m cae evaluate --json` prints; `_unit` is on pixels in [0, 1]."""
        return {
            "dataset": self.dataset, "weights": self.weights, "latent_dim": self.latent_dim,
            "images": self.overall.count,
            "test_mse": self.overall.mse, "test_mse_unit": metrics.unit(self.overall.mse),
            "psnr": self.overall.psnr, "ssim": self.overall.ssim,
            "per_class": [
                {"class": of.label, "name": of.name, "count": of.count, "mse": of.mse, "psnr": of.psnr, "ssim": of.ssim}
                for of in self.per_class
            ],
            "baselines": {"mean_image": self.mean_image_mse, "pca": self.pca_mse},
        }  # fmt: skip


def evaluate(run: Run) -> Steps[Evaluation]:
    """The evaluation of the run's last weights: kept, or computed in about 5 s.

    Raises RunNotFound where the run has no weights yet, and Damaged.
    """
    before = kept(run)
    if before is not None:
        return before
    dataset, (model, fingerprint) = run.dataset, run.model_and_hash()
    yield Step("reconstructing the test set")
    originals, reconstructions, labels, names = _both(dataset, model)
    yield Step("measuring PSNR and SSIM")
    values = [measure(originals, reconstructions) for measure in (metrics.mse, metrics.psnr, metrics.ssim)]  # each (N,)
    _kept_errors(dataset, fingerprint).keep(values[0].astype(np.float32))
    yield Step("fitting PCA")
    reference = baselines.baselines(dataset)
    per_class = tuple(
        ClassScores(**asdict(metrics.scores(*(value[labels == label] for value in values))), label=label, name=name)
        for label, name in enumerate(names)
        if (labels == label).any()
    )
    latent_dim = run.info.model.latent_dim
    evaluation = Evaluation(
        dataset, fingerprint, latent_dim, metrics.scores(*values), per_class,
        reference.mean_image, reference.pca_with(latent_dim),
    )  # fmt: skip
    return place(run, fingerprint).keep(evaluation)


def kept(run: Run) -> Evaluation | None:
    """The evaluation of the run's last weights if it was made before: shipped with the run, or in the cache."""
    return place(run, run.weights_hash()).read()


def place(run: Run, weights: str) -> Kept[Evaluation]:
    """Where the evaluation of a run with these weights is kept."""
    known = (run.dataset, weights, run.info.model.latent_dim)
    return Kept(
        FILE, to_bytes, from_bytes, lambda found: (found.dataset, found.weights, found.latent_dim) == known,
        under=weights, shipped=run.path / FILE, largest=reading.LARGEST_TEXT,
    )  # fmt: skip


@dataclass(frozen=True)
class Comparison:
    """Some test images beside their reconstructions, uint8 (K, 28, 28), and their measures, (K,); MSE on [-1, 1].

    `ssim` is empty unless it was asked for: its library takes half a second to load.
    """

    indices: NDArray[np.int64]
    labels: NDArray[np.int64]
    originals: NDArray[np.uint8]
    reconstructions: NDArray[np.uint8]
    mse: NDArray[np.floating]
    psnr: NDArray[np.floating]
    ssim: NDArray[np.floating]


def compare(
    model: ConvAutoencoder, images: Images, indices: NDArray[np.int64], *, with_ssim: bool = False
) -> Comparison:
    """What `model` makes of the `images` at these indices, (K,)."""
    from cae.data.images import to_model, to_pixels
    from cae.network.model import reconstruct

    chosen = images.pixels[indices]
    originals = to_model(chosen)
    results = reconstruct(model, originals)
    pair = originals[:, 0].numpy(), results[:, 0].numpy()
    return Comparison(
        indices, images.labels[indices].numpy(), chosen.numpy(), to_pixels(results).numpy(),
        metrics.mse(*pair), metrics.psnr(*pair), metrics.ssim(*pair) if with_ssim else np.empty(0),
    )  # fmt: skip


def errors_per_image(run: Run) -> NDArray[np.float32]:
    """The MSE on [-1, 1] of each test image, (N,), with the run's last weights; kept like the evaluation."""
    found = _kept_errors(run.dataset, run.weights_hash()).read()
    return errors_of(run.dataset, *run.model_and_hash()) if found is None else found


def errors_of(dataset: str, model: ConvAutoencoder, weights: str) -> NDArray[np.float32]:
    """The error of each test image, (N,), for a loaded model and the hash of its weights."""

    def measure() -> NDArray[np.float32]:
        originals, reconstructions, _, _ = _both(dataset, model)
        return metrics.mse(originals, reconstructions).astype(np.float32)

    return _kept_errors(dataset, weights).get(measure)


def _kept_errors(dataset: str, weights: str) -> Kept[NDArray[np.float32]]:
    from cae.data.images import load

    def from_bytes(content: bytes) -> NDArray[np.float32]:
        return reading.finite(reading.array(content, np.float32), 0)

    return Kept(
        "test-mse.npy", npy, from_bytes, lambda errors: len(errors) == len(load(dataset, "test")), under=weights
    )


def _both(dataset: str, model: ConvAutoencoder) -> tuple[Any, Any, Any, tuple[str, ...]]:
    """The test images and their reconstructions, both (N, 28, 28) in [-1, 1], the labels and the class names."""
    from cae.data.images import load, to_model
    from cae.network.model import reconstruct

    images = load(dataset, "test")
    originals = to_model(images.pixels)
    reconstructions = reconstruct(model, originals)
    return originals[:, 0].numpy(), reconstructions[:, 0].numpy(), images.labels.numpy(), images.class_names


# -- as a file


def to_bytes(found: Evaluation) -> bytes:
    """An evaluation.json."""
    return json.dumps({"format": FORMAT, **asdict(found)}, indent=1).encode()


def from_bytes(content: bytes) -> Evaluation:
    """Reads what `to_bytes` wrote. Raises one of reading.UNREADABLE if it is something else, or contradicts itself."""
    values = reading.parsed(content)
    if values.pop("format") != FORMAT:
        raise ValueError("of another format")
    values["overall"] = Scores(**values["overall"])
    values["per_class"] = tuple(ClassScores(**scores) for scores in values["per_class"])
    found = Evaluation(**values)
    for of in (found.overall, *found.per_class):
        reading.whole(of.count, 1), reading.number(of.mse, 0, 4), reading.number(of.ssim, -1, 1 + 1e-6)
        reading.number(of.psnr, -1, math.inf)
    for each in found.per_class:
        reading.whole(each.label, 0, catalogue.MOST_CLASSES - 1), reading.text(each.name, catalogue.LONGEST_NAME)
    labels = [each.label for each in found.per_class]
    if labels != sorted(set(labels)) or sum(each.count for each in found.per_class) != found.overall.count:
        raise ValueError("not the classes of these images")
    for measure in ("mse", "psnr", "ssim"):
        mean = sum(each.count * getattr(each, measure) for each in found.per_class) / found.overall.count
        if not math.isclose(mean, getattr(found.overall, measure), rel_tol=1e-6, abs_tol=1e-9):
            raise ValueError("the whole is not the sum of its parts")
    reading.number(found.mean_image_mse, 0), reading.number(found.pca_mse, 0)
    return found
