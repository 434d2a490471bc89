"""Several runs as a table: the figures of each, the best of every row, and the options that differ."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from cae import words
from cae.config import Config, ModelConfig, Option, TrainConfig
from cae.evaluation.errors import Evaluation
from cae.evaluation.probes import Probing
from cae.evaluation.quality import Quality
from cae.latent.mapfiles import Scores
from cae.runs.summary import Summary
from components import Cell, Group, Row

MISSING = "–"


@dataclass(frozen=True)
class Subject:
    """What is known of a run. `model` is None for a damaged run, `train` also for imported weights.

    normal, mixture: how good digits from these priors are.
    """

    summary: Summary
    dataset: str
    model: ModelConfig | None = None
    train: TrainConfig | None = None
    parameters: int | None = None
    evaluation: Evaluation | None = None
    probing: Probing | None = None
    map: Scores | None = None
    normal: Quality | None = None
    mixture: Quality | None = None


@dataclass(frozen=True)
class Measure:
    """A row of the table: its label, what that means, and its value for a run, None if unknown.

    `better` says which of two values wins; neither if it is None.
    """

    label: str
    what: str
    value: Callable[[Subject], float | str | None]
    show: Callable[[Any], str] = str
    better: Literal["lower", "higher"] | None = None
    title: Callable[[Any], str] = field(default=lambda _: "")


def _decimals(value: float) -> str:
    return f"{value:.3f}"


def _count(value: float) -> str:
    return f"{value:,.0f}"


def _epochs(of: Subject) -> str | None:
    return f"{of.summary.epochs_done} of {of.summary.epochs}" if of.summary.epochs else None


def _mse(of: Subject) -> float | None:
    if of.evaluation:
        return of.evaluation.overall.mse
    return of.summary.last.test_mse if of.summary.last else None


def _of(part: str, value: Callable[[Any], float | str]) -> Callable[[Subject], float | str | None]:
    """A value of one part of a subject; None if that part is unknown."""

    def value_of(of: Subject) -> float | str | None:
        known = of.summary.last if part == "last" else getattr(of, part)
        return None if known is None else value(known)

    return value_of


MEASURES: dict[str, tuple[Measure, ...]] = {
    "The run": (
        Measure("State", "Whether its training finished.", lambda of: of.summary.state),
        Measure("Data set", "What it was trained on.", lambda of: of.dataset or None),
        Measure("Epochs trained", "How many epochs it has trained, of how many planned.", _epochs),
        Measure("Training time", "Without pauses, on the machine that trained it.",
                _of("last", lambda last: last.seconds), words.duration),
        Measure("Images per second", "In its last epoch, on the machine that trained it.",
                _of("last", lambda last: last.images_per_second), _count),
        Measure("Parameters", "How many numbers the network learned.", lambda of: of.parameters, _count),
    ),
    "Its reconstructions of the test images": (
        Measure("MSE on [-1, 1]", "Mean squared error: lower is better.", _mse, words.number, "lower",
                words.other_scale),
        Measure("PSNR", "Peak signal-to-noise ratio in dB: higher is better.",
                _of("evaluation", lambda errors: errors.overall.psnr), "{:.2f} dB".format, "higher"),
        Measure("SSIM", "Structural similarity: 1 at best.",
                _of("evaluation", lambda errors: errors.overall.ssim), _decimals, "higher"),
    ),
    "Its codes": (
        Measure("10-NN accuracy", "The share of test images whose class wins the vote of their ten nearest training "
                "codes.", _of("probing", lambda codes: codes.knn_accuracy), words.percent, "higher"),
        Measure("Linear probe", "The share of test images that a linear classifier of the codes gets right.",
                _of("probing", lambda codes: codes.probe_accuracy), words.percent, "higher"),
        Measure("Clusters: NMI", "Normalised mutual information of k-means clusters and classes: 1 at best.",
                _of("probing", lambda codes: codes.nmi), _decimals, "higher"),
        Measure("Clusters: ARI", "Adjusted Rand index of clusters and classes: 1 at best, 0 for chance.",
                _of("probing", lambda codes: codes.ari), _decimals, "higher"),
        Measure("Dead dimensions", "Latent dimensions that hardly vary.",
                _of("probing", lambda codes: f"{len(codes.dead)} of {len(codes.dimensions)}")),
        Measure("Redundant dimensions", "Latent dimensions that follow from the others.",
                _of("probing", lambda codes: f"{len(codes.redundant)} of {len(codes.dimensions)}")),
    ),
    "Its t-SNE map": (
        Measure("Trustworthiness", "Whether neighbours on the map are neighbours among the codes: 1 at best.",
                _of("map", lambda scores: scores.trustworthiness), _decimals, "higher"),
        Measure("10-NN accuracy on the map", "The share of test images whose class wins the vote of their ten nearest "
                "on the map.", _of("map", lambda scores: scores.accuracy), words.percent, "higher"),
    ),
    "Its new digits": (
        Measure("N(0, 1): read surely", "The share of digits decoded from N(0, 1) codes that an independent classifier "
                "reads with over 90 % confidence. It can be sure of a smudge, so more is not better.",
                _of("normal", lambda quality: quality.sure), words.percent),
        Measure("Mixture: read surely", "The same share for codes from a mixture of Gaussians fitted to its codes.",
                _of("mixture", lambda quality: quality.sure), words.percent, "higher"),
        Measure("Mixture: precision", "The share of its new digits that lie among real ones, as the classifier sees "
                "them.", _of("mixture", lambda quality: quality.precision), _decimals, "higher"),
        Measure("Mixture: recall", "The share of real digits that lie among its new ones, as the classifier sees them.",
                _of("mixture", lambda quality: quality.recall), _decimals, "higher"),
    ),
}  # fmt: skip


def measured(subjects: Sequence[Subject]) -> list[Group]:
    """The figures of the runs, the best of each row marked, or several that tie to the digits shown.

    Nothing is marked if the runs have different data sets, or if only one was measured.
    """
    comparable = len({of.dataset for of in subjects if of.dataset}) == 1
    return [
        Group(title, tuple(_measured(measure, subjects, comparable) for measure in measures))
        for title, measures in MEASURES.items()
    ]


def _measured(measure: Measure, subjects: Sequence[Subject], comparable: bool) -> Row:
    values = [_known(measure.value(of)) for of in subjects]
    texts = [MISSING if value is None else measure.show(value) for value in values]
    numbers = [value for value in values if isinstance(value, int | float)]
    best = None
    if measure.better and comparable and len(numbers) > 1:
        best = measure.show(min(numbers) if measure.better == "lower" else max(numbers))
    return Row(
        Cell(measure.label, measure.what),
        tuple(
            Cell(text, "Not measured yet" if value is None else measure.title(value), is_best=text == best)
            for text, value in zip(texts, values, strict=True)
        ),
    )


def _known(value: float | str | None) -> float | str | None:
    return None if isinstance(value, float) and not math.isfinite(value) else value


def is_measured(of: Subject) -> bool:
    """Whether everything but a map has been measured."""
    return of.evaluation is not None and of.probing is not None


def options(subjects: Sequence[Subject]) -> tuple[list[Row], list[Row]]:
    """The options of model and training in which the runs differ, and those that they share.

    A run with unknown options has dashes and differs from none.
    """
    different: list[Row] = []
    alike: list[Row] = []
    parts: tuple[tuple[type[Config], list[Config | None]], ...] = (
        (ModelConfig, [of.model for of in subjects]),
        (TrainConfig, [of.train for of in subjects]),
    )
    for kind, configs in parts:
        known = [config for config in configs if config is not None]
        for option in kind.options() if known else ():
            first = getattr(known[0], option.name)
            cells = tuple(_option(option, config, first) for config in configs)
            (different if any(cell.is_changed for cell in cells) else alike).append(
                Row(Cell(option.label, option.help), cells)
            )
    return different, alike


def _option(option: Option, config: Config | None, first: Any) -> Cell:
    if config is None:
        return Cell(MISSING, "Not known")
    value = getattr(config, option.name)
    text = option.optional if value is None else words.value(value)
    return Cell(text, option.unit, is_changed=value != first)
