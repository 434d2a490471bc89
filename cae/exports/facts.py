"""Gathers everything that the report of a run says: its measurements, and pictures of them."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeVar

import numpy as np
from numpy.typing import NDArray

from cae import words
from cae.config import RECIPES, Config, MapConfig
from cae.data import picks
from cae.errors import CannotFit, Damaged, DataUnavailable, DoesNotFit, NoJudge, RunNotFound
from cae.evaluation import errors as evaluation_errors
from cae.evaluation import probes
from cae.evaluation.classifier import SURE, Judge, judge_of
from cae.evaluation.codes import codes_of
from cae.evaluation.errors import Comparison, Evaluation
from cae.evaluation.probes import Probing
from cae.evaluation.quality import Quality
from cae.latent import evaluate, maps, priors, sampling
from cae.latent.priors import Prior
from cae.network.model import Layer, layers
from cae.network.records import EpochRecord, Progress
from cae.plots import figures, pictures
from cae.plots.pictures import Pixels
from cae.runs.info import RunInfo
from cae.runs.run import Run
from cae.steps import Step, Steps, changed

if TYPE_CHECKING:
    from cae.data.images import Images
    from cae.latent.mapfiles import TSNE, Scores
    from cae.network.model import ConvAutoencoder

EXAMPLES = 10  # classes shown, by one image each
HARDEST = 10
FRAMES = 8  # of the film, at most
STRONGEST = 6  # latent dimensions that are traversed
STEPS = 11  # of a traversal
SAMPLES = 20  # shown of each prior
_READ = 1000  # samples that the classifier reads of a prior without a kept quality
_FITTED_TO = 10_000  # training images, if a Gaussian is fitted on the spot
R = TypeVar("R", EpochRecord, Progress)


@dataclass(frozen=True)
class Frame:
    """The reconstructions of the examples after an epoch, uint8 (K, 28, 28)."""

    epoch: int
    reconstructions: Pixels


@dataclass(frozen=True)
class MapPicture:
    """A map drawn with its digits, RGB (H, W, 3): `shown` of `count` test images, as many as fit.

    It is a t-SNE if one was computed; otherwise the codes themselves, or their first two principal components. `scores`
    are None for codes of one dimension, which are laid out by class.
    """

    picture: Pixels
    count: int
    shown: int
    scores: Scores | None
    tsne: TSNE | None


@dataclass(frozen=True)
class Sampled:
    """Digits decoded from a prior, uint8 (S, 28, 28), and what the classifier reads in each, (S,).

    sure: the share of `count` such digits that it reads with over 90 % confidence. Without a classifier, `readings` is
    empty and `sure` is None.
    """

    prior: str
    digits: Pixels
    readings: tuple[str, ...]
    sure: float | None
    count: int


@dataclass(frozen=True)
class Samples:
    """Digits from N(0, 1) and from the best fitted prior; `problem` says why the latter are missing.

    qualities: by prior, if they were measured before. accuracy: the share of test images that the classifier reads
    correctly, None without a classifier.
    """

    drawn: tuple[Sampled, ...]
    problem: str
    qualities: dict[str, Quality]
    accuracy: float | None


@dataclass(frozen=True)
class Traversal:
    """What one latent dimension does: digits, uint8 (S, 28, 28), along it through the code of test image `start`."""

    dimension: int
    start: int
    digits: Pixels


@dataclass(frozen=True)
class Facts:
    """What the report of a run says; None or empty is what is not available.

    problem: why there are no pictures of the data set. code: of the first example, (D,).
    """

    name: str
    state: str
    info: RunInfo
    dataset: str
    weights: str  # SHA-256 of model.safetensors
    layers: tuple[Layer, ...]
    history: tuple[EpochRecord, ...]
    progress: tuple[Progress, ...]
    epoch: int | None = None  # that the report is about; None is the last
    class_names: tuple[str, ...] = ()
    problem: str = ""
    evaluation: Evaluation | None = None
    probing: Probing | None = None
    code: NDArray[np.float32] | None = None
    examples: Comparison | None = None
    hardest: Comparison | None = None
    film: tuple[Frame, ...] = ()
    map: MapPicture | None = None
    samples: Samples | None = None
    traversals: tuple[Traversal, ...] = ()

    @property
    def parameters(self) -> int:
        """How many parameters the network has."""
        return sum(layer.parameters for layer in self.layers)

    @property
    def test_mse(self) -> float | None:
        """The MSE of the test images on [-1, 1], from the evaluation or else from the last epoch."""
        if self.evaluation:
            return self.evaluation.overall.mse
        return self.history[-1].test_mse if self.history else None


def training_command(name: str, info: RunInfo) -> str:
    """The command that trains such a run again: its recipe and the options that differ; empty if they are unknown.

    A command cannot unset an option that the recipe sets: then it names what differs from the founding document's
    recipe.
    """
    if info.train is None:
        return ""
    for recipe in (info.recipe, "original"):
        if recipe not in RECIPES:
            continue
        pairs: tuple[tuple[Config, Config], ...] = (
            (info.model, RECIPES[recipe].model), (info.train, RECIPES[recipe].train),
        )  # fmt: skip
        given = {
            option.name: getattr(mine, option.name)
            for mine, theirs in pairs
            for option in mine.options()
            if getattr(mine, option.name) != getattr(theirs, option.name)
        }
        if None not in given.values():
            break
    flags = "".join(f" --{option.replace('_', '-')} {value}" for option, value in given.items())
    several = re.fullmatch(r"(\d+) x \w+", str(info.device))
    start = f"torchrun --nproc-per-node {several[1]}" if several else "python"
    return f"{start} -m cae train --name {name[:58]}-again --recipe {recipe}{flags}"


def gather(run: Run, *, full: bool = False) -> Steps[Facts]:
    """What the report of a run says. Measures what is not kept, if that takes seconds only (some 10 s).

    A t-SNE and a mixture appear if they were computed before; `full` computes them (a minute or two). Raises
    RunNotFound where the run has no weights yet, Damaged or DoesNotFit.
    """
    from cae.data.images import load

    run.weights()  # damaged weights are reported before anything else
    facts = Facts(
        run.name, run.state, run.info, run.dataset, run.weights_hash(),
        tuple(layers(run.info.model)), tuple(_until(run, run.history())), tuple(_until(run, run.progress())), run.epoch,
    )  # fmt: skip
    yield Step("reading the data set")
    try:
        train, test = load(facts.dataset, "train"), load(facts.dataset, "test")
    except (DataUnavailable, Damaged) as reason:
        return replace(facts, problem=str(reason), evaluation=evaluation_errors.kept(run), probing=probes.kept(run))
    if full:
        yield from evaluate.judge(run)
        yield from changed(sampling.fit(run), lambda step: Step(f"{step.text}, {words.percent(step.share or 0.0, 0)}"))
    errors = yield from evaluation_errors.evaluate(run)
    codes = yield from probes.probe(run)
    yield Step("drawing")
    model = run.model()
    first = picks.one_per_class(test.labels.numpy(), len(test.class_names))[:EXAMPLES]
    examples = evaluation_errors.compare(model, test, first)
    return replace(
        facts, class_names=test.class_names, evaluation=errors, probing=codes,
        code=codes_of(model, examples.originals[:1])[0], examples=examples,
        hardest=evaluation_errors.compare(model, test, picks.hardest(evaluation_errors.errors_per_image(run), HARDEST)),
        film=_film(run, test, first), map=_map(run, test), samples=_samples(run, model, train),
        traversals=_traversals(run, model, test, codes),
    )  # fmt: skip


def _until(run: Run, records: list[R]) -> Iterator[R]:
    """The records up to the epoch that the report is about."""
    return (record for record in records if run.epoch is None or record.epoch <= run.epoch)


def _film(run: Run, test: Images, indices: NDArray[np.int64]) -> tuple[Frame, ...]:
    """At most FRAMES of the kept epochs, without those that are damaged or thinned out meanwhile."""
    kept, frames = [epoch for epoch in run.epochs() if run.epoch is None or epoch <= run.epoch], []
    for number in picks.film(len(kept) - 1, FRAMES):
        with contextlib.suppress(Damaged, DoesNotFit, RunNotFound):
            model = run.model(kept[number])
            frames.append(Frame(kept[number], evaluation_errors.compare(model, test, indices).reconstructions))
    return tuple(frames)


def _map(run: Run, test: Images) -> MapPicture:
    config = MapConfig()
    kept = maps.found(run, config)
    tsne, scores = (kept[0], kept[0].scores) if kept else (None, None)
    if tsne:
        positions = tsne.positions
    else:
        points = maps.points(run, test, config)
        positions = points.positions(2)  # (N, 2)
        if run.info.model.latent_dim == 1:
            positions = positions / np.maximum(np.ptp(positions, axis=0), 1e-9)  # the axes have different units
        else:
            scores = maps.flat_scores(run, points)[2]
    chosen = maps.chosen(len(test), config)
    colours = np.array([list(bytes.fromhex(colour[1:])) for colour in figures.CLASS_COLOURS], np.uint8)  # (10, 3)
    tints = colours[test.labels[chosen].numpy() % len(colours)]
    picture, shown = pictures.scattered(test.pixels[chosen].numpy(), positions, tints)
    return MapPicture(picture, len(chosen), len(shown), scores, tsne)


def _samples(run: Run, model: ConvAutoencoder, train: Images) -> Samples:
    classifier: Judge | None = None
    with contextlib.suppress(NoJudge, Damaged):
        classifier = judge_of(run.dataset)
    chosen: dict[str, Prior] = {"normal": priors.normal(run.info.model.latent_dim)}
    fitted, problem = sampling.kept(run), ""
    try:
        if fitted is None:
            chosen["gaussian"] = priors.gaussian(codes_of(model, train.pixels[:_FITTED_TO]))
        elif ("mixture", None) in fitted.priors:
            chosen["mixture"] = fitted.prior("mixture")
        else:
            chosen["gaussian"] = fitted.prior("gaussian")
    except CannotFit as reason:
        problem = str(reason)
    qualities = fitted.qualities if fitted else {}
    drawn = tuple(
        _sampled(kind, prior, model, classifier, names=train.class_names, known=qualities.get(kind))
        for kind, prior in chosen.items()
    )
    return Samples(drawn, problem, qualities, classifier.accuracy if classifier else None)


def _sampled(
    kind: str,
    prior: Prior,
    model: ConvAutoencoder,
    classifier: Judge | None,
    *,
    names: Sequence[str],
    known: Quality | None,
) -> Sampled:
    import torch

    from cae.data.images import to_model

    digits = sampling.decoded(model, prior.sample(_READ if classifier and not known else SAMPLES, seed=0)).pictures
    if classifier is None:
        return Sampled(kind, digits, (), None, 0)
    reading = classifier.read(to_model(torch.from_numpy(digits)))
    readings = tuple(
        f"{names[label]}, {words.percent(float(share), 0)}"
        for label, share in zip(reading.classes[:SAMPLES], reading.confidence[:SAMPLES], strict=True)
    )
    sure, count = (known.sure, known.count) if known else (float((reading.confidence > SURE).mean()), len(digits))
    return Sampled(kind, digits[:SAMPLES], readings, sure, count)


def _traversals(run: Run, model: ConvAutoencoder, test: Images, of: Probing) -> tuple[Traversal, ...]:
    """The dimensions that cost most to lose, each from the 1st to the 99th percentile of the test codes.

    All start from the test image whose error is the median.
    """
    errors = evaluation_errors.errors_per_image(run)
    start = int(np.argsort(errors, kind="stable")[len(errors) // 2])
    codes = codes_of(model, test.pixels)  # (N, D)
    ranked = sorted(range(len(of.dimensions)), key=lambda i: -of.dimensions[i].zeroed_mse)
    traversals = []
    for dimension in ranked[:STRONGEST]:
        low, high = np.percentile(codes[:, dimension], (1, 99))
        along = codes[[start] * STEPS]  # (S, D)
        along[:, dimension] = np.linspace(low, high, STEPS)
        traversals.append(Traversal(dimension, start, sampling.decoded(model, along).pictures))
    return tuple(traversals)
