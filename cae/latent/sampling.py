"""New codes for a run: its priors, fitted once and kept, and how good the digits are that they give."""

from __future__ import annotations

import contextlib
import io
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from cae.config import PRIORS, SampleConfig
from cae.data import catalogue
from cae.disk import reading
from cae.disk.kept import Kept
from cae.disk.tensors import metadata, tensors
from cae.errors import CannotFit, Damaged, DataUnavailable, InvalidOption, NoJudge
from cae.evaluation import quality
from cae.evaluation.classifier import SURE, Judge, judge_of
from cae.evaluation.codes import codes_of
from cae.evaluation.quality import Quality
from cae.jobs.job import Job
from cae.latent import priors
from cae.latent.explore import latent_space
from cae.latent.priors import Prior
from cae.latent.space import off_manifolds
from cae.plots import pictures
from cae.runs.run import Run
from cae.steps import Step, Steps, changed
from cae.words import percent

if TYPE_CHECKING:
    from cae.data.images import Images
    from cae.latent.space import LatentSpace
    from cae.network.model import ConvAutoencoder

Array = NDArray[np.float32]
Key = tuple[str, int | None]  # a prior, and the class it is of; None for all classes
FORMAT = 1
FILE = "priors.safetensors"
JUDGED = 5000  # samples, and test images, that are compared
_HELD_OUT = 6  # every sixth training code is held out to choose the number of components


@dataclass(frozen=True)
class Fitted:
    """The priors of a run, and where one cannot be, why.

    qualities: of what those of all classes give, by prior; of as many test images, "real", and of their
        reconstructions, "copies". Empty where there is no judge.
    """

    weights: str
    dimensions: int
    class_names: tuple[str, ...]
    priors: dict[Key, Prior]
    problems: dict[Key, str]
    qualities: dict[str, Quality]
    judge: str = ""

    def prior(self, kind: str, label: int | None = None) -> Prior:
        """One of the priors. Raises CannotFit with the reason if it could not be fitted, or InvalidOption."""
        require_known(kind, label, self.class_names)
        if (kind, label) in self.priors:
            return self.priors[kind, label]
        raise CannotFit(self.problems.get((kind, label), "This prior was not fitted."))


def require_known(kind: str, label: int | None, class_names: tuple[str, ...]) -> None:
    """Raises InvalidOption unless there is such a prior and such a class."""
    if kind not in PRIORS:
        raise InvalidOption("prior", f"There is no prior {kind!r}: choose one of {', '.join(PRIORS)}.")
    if label is not None and not 0 <= label < len(class_names):
        raise InvalidOption("class", f"There is no class {label}: there are 0 to {len(class_names) - 1}.")


def job(run: Run) -> Job:
    """The process that fits the priors to the codes of the run's last weights."""
    return Job(_place(run, run.weights_hash()).path, ["priors", *run.arguments()])


def kept(run: Run) -> Fitted | None:
    """The priors of the run's last weights, if they were fitted before."""
    return _place(run, run.weights_hash()).read()


def _place(run: Run, weights: str) -> Kept[Fitted]:
    """Where the priors of a run with these weights are kept."""

    def is_right(found: Fitted) -> bool:
        dataset = run.dataset
        with contextlib.suppress(DataUnavailable, Damaged):
            if found.class_names != catalogue.class_names(dataset):
                return False
        judge = _judge_now(dataset)
        known = (weights, run.info.model.latent_dim, judge.fingerprint if judge else "")
        return (found.weights, found.dimensions, found.judge) == known

    return Kept(FILE, to_bytes, from_bytes, is_right, under=weights)


def unfitted(run: Run, class_names: tuple[str, ...]) -> Fitted:
    """What there is before anything is fitted: N(0, 1)."""
    dimensions = run.info.model.latent_dim
    return Fitted(run.weights_hash(), dimensions, class_names, {("normal", None): priors.normal(dimensions)}, {}, {})


def fit(run: Run) -> Steps[Fitted]:
    """The priors of the run's last weights: kept, or fitted to the codes of all training images now (some 60 s).

    Where another process fits them, waits for that one. Raises RunNotFound where the run has no weights yet, Damaged,
    or CaeError where it was stopped.
    """
    return job(run).watched(_fitted(run), f"The fitting of priors to {run.name} was stopped.")


def _fitted(run: Run) -> Steps[Fitted]:
    from cae.data.images import load

    before = kept(run)
    if before is not None:
        return before
    yield Step("encoding the training digits", 0.0)
    dataset = run.dataset
    train = load(dataset, "train")
    model, weights = run.model_and_hash()
    codes = codes_of(model, train.pixels)
    fitted, problems = yield from fit_all(codes, train.labels.numpy(), train.class_names)
    qualities, judge = {}, _judge_now(dataset)
    if judge:
        yield Step("judging what they generate", 0.9)
        test = load(dataset, "test")
        qualities = _qualities(model, yardstick(judge, latent_space(run), test), test, fitted)
    names, reader = train.class_names, judge.fingerprint if judge else ""
    return _place(run, weights).keep(Fitted(weights, codes.shape[1], names, fitted, problems, qualities, reader))


def fit_all(
    codes: Array, labels: NDArray[np.integer], class_names: tuple[str, ...]
) -> Steps[tuple[dict[Key, Prior], dict[Key, str]]]:
    """Every prior of the codes (N, D), of all classes and of each; and why those that are missing are.

    The mixture of all classes is that of the mixtures of each: fitted apart they need a tenth of the time, and their
    digits are read more surely. Where a class has none, one mixture is fitted to all codes.
    """
    found: dict[Key, Prior] = {}
    problems: dict[Key, str] = {}
    is_held_out = np.arange(len(codes)) % _HELD_OUT == 0
    total = len(class_names) + 1
    for number, label in enumerate((*range(len(class_names)), None)):
        mine = np.ones(len(codes), bool) if label is None else labels == label
        whose = "all digits" if label is None else f"class {class_names[label]}"

        def of_all(step: Step, number: int = number, whose: str = whose) -> Step:
            return Step(f"{step.text} to {whose}", 0.05 + 0.8 * (number + (step.share or 0.0)) / total)

        try:
            if not mine.any():
                raise CannotFit(f"There is no training digit of {whose}: nothing can be drawn like it.")
            found["normal", label] = _around(codes[mine], label)
            found["gaussian", label] = priors.gaussian(codes[mine])
            if label is None and all(("mixture", each) in found for each in range(len(class_names))):
                shares = np.bincount(labels, minlength=len(class_names)).tolist()
                found["mixture", None] = priors.united([found["mixture", each] for each in range(len(shares))], shares)
            else:
                fitted_to, tried_on = codes[mine & ~is_held_out], codes[mine & is_held_out]
                found["mixture", label] = yield from changed(priors.mixture(fitted_to, tried_on), of_all)
        except CannotFit as reason:
            problems |= {(kind, label): str(reason) for kind in PRIORS if (kind, label) not in found}
    return found, problems


def _around(codes: Array, label: int | None) -> Prior:
    """N(0, 1); for one class, moved to its mean."""
    unit = priors.normal(codes.shape[1])
    if label is None:
        return unit
    return Prior(unit.weights, codes.mean(axis=0, dtype=np.float64)[None].astype(np.float32), unit.factors)


@dataclass(frozen=True)
class Drawn:
    """New codes (S, D), and the pictures that they decode to, uint8 (S, 28, 28)."""

    codes: Array
    pictures: NDArray[np.uint8]


@dataclass(frozen=True)
class Seen(Drawn):
    """Digits with what can be said of each: the class that a judge reads and how surely, (S,), both empty where there
    is no judge; and the distance of the code to its ten nearest real ones, (S,).
    """

    classes: NDArray[np.int64]
    confidence: NDArray[np.float32]
    distances: NDArray[np.float64]

    def says(self, position: int, class_names: Sequence[str]) -> str:
        """The classifier's class and confidence for one sample; empty without a classifier."""
        if not len(self.classes):
            return ""
        return f"{class_names[self.classes[position]]}, {percent(float(self.confidence[position]), 0)}"


def look(model: ConvAutoencoder, space: LatentSpace, judge: Judge | None, codes: Array) -> Seen:
    """What codes (S, D) decode to, and what can be said of it."""
    shown = _decoded(model, codes)
    reading = judge.read(shown) if judge else None
    return Seen(
        codes, _pixels(shown),
        reading.classes if reading else np.empty(0, np.int64),
        reading.confidence if reading else np.empty(0, np.float32),
        off_manifolds(space.real, codes),
    )  # fmt: skip


def draw(run: Run, fitted: Fitted, config: SampleConfig) -> Drawn:
    """New digits from a prior; the same for the same configuration. Raises CannotFit or InvalidOption."""
    return decoded(run.model(), fitted.prior(config.prior, config.of_class).sample(config.count, config.seed))


def decoded(model: ConvAutoencoder, codes: Array) -> Drawn:
    """Codes (S, D) with what they decode to."""
    return Drawn(codes, _pixels(_decoded(model, codes)))


def _pixels(shown: Any) -> NDArray[np.uint8]:
    """Pictures (S, 1, 28, 28) in [-1, 1] as the eye sees them, (S, 28, 28)."""
    from cae.data.images import to_pixels

    found: NDArray[np.uint8] = to_pixels(shown).numpy()
    return found


def as_file(drawn: Drawn, suffix: str) -> bytes:
    """A sheet of the digits (".png"), or their codes and pictures as arrays (".npz")."""
    if suffix == ".png":
        return pictures.png(pictures.sheet(drawn.pictures, round(len(drawn.pictures) ** 0.5)))
    buffer = io.BytesIO()
    np.savez_compressed(buffer, codes=drawn.codes, pictures=drawn.pictures)
    return buffer.getvalue()


# -- how good they are


def _qualities(model: ConvAutoencoder, by: Yardstick, test: Images, fitted: dict[Key, Prior]) -> dict[str, Quality]:
    """Of real test digits, of their copies, and of what each prior of all classes gives."""
    from cae.data.images import to_model

    originals = test.pixels[:JUDGED]
    codes = codes_of(model, originals)
    found = {"real": by.measure(to_model(originals), codes), "copies": by.measure(_decoded(model, codes), codes)}
    for kind in PRIORS:
        if (kind, None) in fitted:
            drawn = fitted[kind, None].sample(len(codes), seed=0)
            found[kind] = by.measure(_decoded(model, drawn), drawn)
    return found


@dataclass(frozen=True)
class Yardstick:
    """What generated digits are measured by: a judge, its features of real test digits, and the latent space."""

    judge: Judge
    space: LatentSpace
    reference: NDArray[np.float32]

    def measure(self, shown: Any, codes: Array) -> Quality:
        """The quality of pictures (S, 1, 28, 28) in [-1, 1], and of their codes (S, D)."""
        reading = self.judge.read(shown)
        precision, recall = quality.precision_recall(self.reference, reading.features)
        shares, evenness = quality.balance(reading.classes, reading.probabilities.shape[1])
        distances = off_manifolds(self.space.real, codes)
        return Quality(
            len(codes), float((reading.confidence > SURE).mean()), precision, recall, shares, evenness,
            float(np.median(distances)), float((distances > self.space.real.usual[95]).mean()),
        )  # fmt: skip


def yardstick(judge: Judge, space: LatentSpace, test: Images, label: int | None = None) -> Yardstick:
    """The yardstick for digits of all classes, or of one: the last JUDGED test images of it."""
    from cae.data.images import to_model

    pixels = test.pixels if label is None else test.pixels[test.labels == label]
    return Yardstick(judge, space, judge.read(to_model(pixels[-JUDGED:])).features)


def _decoded(model: ConvAutoencoder, codes: Array) -> Any:
    """The pictures (S, 1, 28, 28), rounded to what a screen shows."""
    import torch

    from cae.data.images import to_model, to_pixels

    with torch.inference_mode():
        return torch.cat([to_model(to_pixels(model.decode(part))) for part in torch.from_numpy(codes).split(1000)])


def _judge_now(dataset: str) -> Judge | None:
    with contextlib.suppress(NoJudge, Damaged):
        return judge_of(dataset)
    return None


# -- as a file


def to_bytes(found: Fitted) -> bytes:
    """The priors as safetensors: the arrays of those that were fitted, and everything else in the header."""
    from safetensors.numpy import save

    arrays: dict[str, NDArray[Any]] = {}
    listed = []
    for (kind, label), prior in found.priors.items():
        name = f"{kind}.{'all' if label is None else label}"
        arrays |= {f"{name}.weights": prior.weights, f"{name}.means": prior.means, f"{name}.factors": prior.factors}
        listed.append([kind, label, name, prior.likelihoods])
    words = {
        "format": FORMAT, "weights": found.weights, "dimensions": found.dimensions, "class_names": found.class_names,
        "judge": found.judge, "priors": listed,
        "problems": [[kind, label, text] for (kind, label), text in found.problems.items()],
        "qualities": {name: each.to_json() for name, each in found.qualities.items()},
    }  # fmt: skip
    return save(arrays or {"none": np.zeros(1, np.float32)}, {"priors": json.dumps(words)})


def from_bytes(content: bytes) -> Fitted:
    """Reads what `to_bytes` wrote. Raises Damaged for anything else."""
    try:
        words, arrays = reading.parsed(metadata(content)["priors"]), tensors(content)
        dimensions, names = words["dimensions"], tuple(reading.text(name) for name in words["class_names"])
        if words["format"] != FORMAT:
            raise ValueError
        return Fitted(
            reading.text(words["weights"]), dimensions, names,
            {
                _key(kind, label, names): _prior(arrays, name, dimensions, tried)
                for kind, label, name, tried in words["priors"]
            },
            {_key(kind, label, names): reading.text(text) for kind, label, text in words["problems"]},
            {name: _quality(name, each, names) for name, each in words["qualities"].items()},
            reading.text(words["judge"]),
        )  # fmt: skip
    except (*reading.UNREADABLE, InvalidOption) as error:
        raise Damaged(f"{FILE} is damaged and cannot be read.") from error


def _key(kind: Any, label: Any, names: tuple[str, ...]) -> Key:
    require_known(reading.text(kind), None if label is None else reading.whole(label), names)
    return kind, label


def _quality(name: str, values: dict[str, Any], names: tuple[str, ...]) -> Quality:
    found = Quality(**{**values, "balance": tuple(reading.share(each) for each in values["balance"])})
    for each in (found.sure, found.precision, found.recall, found.beyond):
        reading.share(each)
    reading.whole(found.count, 1)
    reading.number(found.evenness, -1e-9, 1 + 1e-9)
    reading.number(found.off_manifold, 0)
    if name not in ("real", "copies", *PRIORS) or len(found.balance) != len(names):
        raise ValueError("of something else")
    return found


def _prior(arrays: dict[str, NDArray[Any]], name: str, dimensions: int, tried: Any) -> Prior:
    weights, means, factors = (arrays[f"{name}.{part}"] for part in ("weights", "means", "factors"))
    count = len(weights)
    shapes = (weights.shape, means.shape, factors.shape)
    if shapes != ((count,), (count, dimensions), (count, dimensions, dimensions)):
        raise ValueError
    for each in (weights, means, factors):
        if each.dtype != np.float32:
            raise ValueError
        reading.finite(each, 0 if each is weights else -1e18, 1e18)
    if not 0.999 < float(weights.sum(dtype=np.float64)) < 1.001 or np.triu(factors, 1).any():
        raise ValueError
    likelihoods = ((reading.whole(components, 1), reading.number(value)) for components, value in tried)
    return Prior(weights, means, factors, tuple(likelihoods))
