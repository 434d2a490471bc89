"""An independent classifier that judges generated digits: a small CNN, trained with labels, that no autoencoder sees.

What it is sure of reads as a digit; how far apart its features are says how different two pictures are.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from cae.config import TrainConfig
from cae.data import catalogue
from cae.data.images import Images, load, to_model
from cae.disk import reading
from cae.disk.files import SHIPPED_RUNS, require_writable, runs_folder, write_whole
from cae.disk.tensors import metadata, tensors
from cae.errors import Damaged, DataUnavailable, InvalidOption, NoJudge, Unwritable
from cae.network import augment

FORMAT = 1
SURE = 0.9  # a probability above which a picture counts as read
EPOCHS = 12
_LARGEST = 2**24  # bytes of its file
_LARGEST_WEIGHT = 1e4
_HELD_OUT = 5000
_BATCH, _PEAK, _WARM_UP = 128, 2e-3, 0.1
_AUGMENTED = TrainConfig(shift=2.0, rotation=10.0, scaling=10.0)


class JudgeNet(nn.Module):
    """Two convolutions with pooling, 64 features, a score for every class."""

    def __init__(self, classes: int = 10, generator: torch.Generator | None = None) -> None:
        super().__init__()
        with torch.random.fork_rng([]):  # layers draw their first weights from the global state
            self.features = nn.Sequential(
                nn.Conv2d(1, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),  # (B, 16, 14, 14)
                nn.Conv2d(16, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),  # (B, 32, 7, 7)
                nn.Flatten(), nn.Linear(1568, 64), nn.ReLU(),  # (B, 64)
            )  # fmt: skip
            self.classify = nn.Linear(64, classes)
        with torch.no_grad():
            for layer in self.modules():
                if isinstance(layer, nn.Conv2d | nn.Linear):
                    nn.init.kaiming_normal_(layer.weight, nonlinearity="relu", generator=generator)
                    layer.bias.zero_()  # type: ignore[union-attr]

    def forward(self, images: Tensor) -> Tensor:
        """Scores (B, C) of images (B, 1, 28, 28) in [-1, 1]."""
        scores: Tensor = self.classify(self.features(images))
        return scores


@dataclass(frozen=True)
class Reading:
    """What the judge makes of N pictures: probabilities (N, C), and its features (N, 64)."""

    probabilities: NDArray[np.float32]
    features: NDArray[np.float32]

    @property
    def classes(self) -> NDArray[np.int64]:
        """The most probable class of each, (N,)."""
        found: NDArray[np.int64] = self.probabilities.argmax(axis=1)
        return found

    @property
    def confidence(self) -> NDArray[np.float32]:
        """How probable that class is, (N,)."""
        found: NDArray[np.float32] = self.probabilities.max(axis=1)
        return found


@dataclass(frozen=True)
class Judge:
    """A trained judge of one data set, its share of right answers on the test set, and a fingerprint of its weights."""

    net: JudgeNet
    dataset: str
    accuracy: float
    fingerprint: str

    def read(self, images: Tensor) -> Reading:
        """What it makes of images, float (N, 1, 28, 28) in [-1, 1]."""
        features, probabilities = [], []
        with torch.inference_mode():
            for part in images.split(1000):
                found = self.net.features(part)
                features.append(found)
                probabilities.append(self.net.classify(found).softmax(dim=1))
        return Reading(torch.cat(probabilities).numpy(), torch.cat(features).numpy())


@dataclass(frozen=True)
class JudgeEpoch:
    """How the training of a judge stands after an epoch; accuracies are shares."""

    epoch: int
    epochs: int
    loss: float
    held_out_accuracy: float


def train(
    net: JudgeNet, images: Images, *, held_out: Images, epochs: int = EPOCHS, seed: int = 0
) -> Iterator[JudgeEpoch]:
    """Trains `net` in place on labelled images: cross-entropy, Adam, a rate that rises and falls in straight lines."""
    generator = torch.Generator().manual_seed(seed)
    optimizer = torch.optim.Adam(net.parameters(), lr=_PEAK, fused=True)
    steps, step = epochs * -(-len(images) // _BATCH), 0
    for epoch in range(1, epochs + 1):
        total = 0.0
        for batch in torch.randperm(len(images), generator=generator).split(_BATCH):
            for group in optimizer.param_groups:
                group["lr"] = _PEAK * min((step + 1) / (_WARM_UP * steps), (steps - step) / ((1 - _WARM_UP) * steps))
            pictures = augment.augmented(to_model(images.pixels[batch]), _AUGMENTED, seed * 2**31 + step)
            loss = nn.functional.cross_entropy(net(pictures), images.labels[batch])
            optimizer.zero_grad(set_to_none=True)
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            total, step = total + loss.item() * len(batch), step + 1
        yield JudgeEpoch(epoch, epochs, total / len(images), accuracy(net, held_out))


def new(dataset: str, seed: int = 0) -> tuple[JudgeNet, Images, Images]:
    """A judge to be trained, the training images to do it with, and the last 5,000 of them, held out to watch it by.

    Raises InvalidOption for a seed that is not between 0 and 2**32 - 1.
    """
    if not 0 <= seed < 2**32:
        raise InvalidOption("seed", f"The seed must be between 0 and {2**32 - 1:,}, not {seed}.")
    images = load(dataset, "train")
    first = max(1, len(images) - min(_HELD_OUT, len(images) // 10))
    kept, others = (
        Images(images.pixels[part], images.labels[part], images.class_names)
        for part in (slice(None, first), slice(first, None))
    )
    return JudgeNet(len(images.class_names), torch.Generator().manual_seed(seed)), kept, others


def accuracy(net: JudgeNet, images: Images) -> float:
    """The share of images whose class it names."""
    with torch.inference_mode():
        right = [net(to_model(part)).argmax(dim=1) for part in images.pixels.split(1000)]
    return float((torch.cat(right) == images.labels).double().mean())


def path(dataset: str) -> Path:
    """Where the judge of a data set is kept."""
    return runs_folder() / f"judge-{dataset}.safetensors"


def save(net: JudgeNet, dataset: str) -> Judge:
    """Keeps a trained judge, its weights rounded to float16, with its accuracy on the test set; gives it as kept.

    Raises ReadOnly or Unwritable.
    """
    from safetensors.torch import save as to_bytes

    require_writable()
    half = {name: value.half().contiguous() for name, value in net.state_dict().items()}
    net.load_state_dict({name: value.float() for name, value in half.items()})
    words = {"format": FORMAT, "dataset": dataset, "accuracy": accuracy(net, load(dataset, "test"))}
    try:
        path(dataset).parent.mkdir(parents=True, exist_ok=True)
        write_whole(path(dataset), to_bytes(half, {"judge": json.dumps(words, sort_keys=True)}))
    except OSError as error:
        raise Unwritable(f"{path(dataset)} cannot be written: {error.strerror or error}.") from error
    return judge_of(dataset)


def judge_of(dataset: str) -> Judge:
    """The judge of a data set: one's own, or the shipped one. Raises NoJudge or Damaged."""
    for place in dict.fromkeys((path(dataset), SHIPPED_RUNS / path(dataset).name)):
        if place.exists():
            return _read(place, dataset)
    raise NoJudge(
        f"There is no independent judge for {dataset} yet: python -m cae train-judge --dataset {dataset} trains one."
    )


def _read(file: Path, dataset: str) -> Judge:
    try:
        content = reading.content(file, _LARGEST)
        words = reading.parsed(metadata(content)["judge"])
        weights = tensors(content)
        if words["format"] != FORMAT or words["dataset"] != dataset:
            raise ValueError
        if not all(value.dtype.kind == "f" for value in weights.values()):
            raise ValueError
        for value in weights.values():
            reading.finite(value, -_LARGEST_WEIGHT, _LARGEST_WEIGHT)
        net = JudgeNet(_classes(dataset, len(weights["classify.bias"])))
        net.load_state_dict({name: torch.from_numpy(value).float() for name, value in weights.items()})
        right = reading.share(words["accuracy"])
    except (*reading.UNREADABLE, RuntimeError) as error:
        raise Damaged(f"{file.name} is damaged and cannot be read: python -m cae train-judge makes another.") from error
    return Judge(net.eval().requires_grad_(False), dataset, right, hashlib.sha256(content).hexdigest()[:16])


def _classes(dataset: str, known: int) -> int:
    """How many classes it must know. Raises ValueError where they are not those that the data set has."""
    with contextlib.suppress(DataUnavailable, Damaged):
        if len(catalogue.class_names(dataset)) != known:
            raise ValueError("of other classes")
    return reading.whole(known, 1, catalogue.MOST_CLASSES)
