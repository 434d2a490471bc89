"""Runs beside each other as a table: what is known of each, the best of every row, and the options that differ."""

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
from cae.latent.maps import Scores
from cae.runs.summary import Summary
from components import Cell, Group, Row

MISSING = "–"


@dataclass(frozen=True)
class Subject:
    """What is known of one of the runs. `model` is None where the run is damaged, `train` also for weights alone.

    normal, mixture: how good the digits are that these priors give.
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
    """A row of the table, for any run: its name, what that means, and the value, None where it is not known.

    `better` says which of two values is to be preferred; neither where it is None.
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
    """A value of a part of what is known, None where that part is not."""

    def found(of: Subject) -> float | str | None:
        it = of.summary.last if part == "last" else getattr(of, part)
        return None if it is None else value(it)

    return found


MEASURES: dict[str, tuple[Measure, ...]] = {
    "The run": (
        Measure("State", "Whether its training came to its end.", lambda of: of.summary.state),
        Measure("Data set", "What its pictures are of.", lambda of: of.dataset or None),
        Measure("Epochs trained", "How often it has seen its training images, of how often it was to.", _epochs),
        Measure("Training time", "Pauses not counted, on the machine where it was trained.",
                _of("last", lambda it: it.seconds), words.duration),
        Measure("Images per second", "In its last epoch, on the machine where it was trained.",
                _of("last", lambda it: it.images_per_second), _count),
        Measure("Parameters", "Numbers that were learned.", lambda of: of.parameters, _count),
    ),
    "Its copies of the test images": (
        Measure("MSE on [-1, 1]", "Mean squared error: lower is better.", _mse, words.number, "lower",
                words.other_scale),
        Measure("PSNR", "Peak signal-to-noise ratio, in dB: higher is better.",
                _of("evaluation", lambda it: it.overall.psnr), "{:.2f} dB".format, "higher"),
        Measure("SSIM", "Structural similarity, 1 at best.",
                _of("evaluation", lambda it: it.overall.ssim), _decimals, "higher"),
    ),
    "Its codes": (
        Measure("10-NN accuracy", "The share of test images whose class their ten nearest training codes vote for.",
                _of("probing", lambda it: it.knn_accuracy), words.percent, "higher"),
        Measure("Linear probe", "The share of test images that a linear classifier of the codes names rightly.",
                _of("probing", lambda it: it.probe_accuracy), words.percent, "higher"),
        Measure("Clusters: NMI", "Normalised mutual information of k-means clusters and classes, 1 at best.",
                _of("probing", lambda it: it.nmi), _decimals, "higher"),
        Measure("Clusters: ARI", "Adjusted Rand index of the same, 1 at best, 0 for chance.",
                _of("probing", lambda it: it.ari), _decimals, "higher"),
        Measure("Dead dimensions", "Numbers of the code that hardly vary.",
                _of("probing", lambda it: f"{len(it.dead)} of {len(it.dimensions)}")),
        Measure("Redundant dimensions", "Numbers of the code that follow from the others.",
                _of("probing", lambda it: f"{len(it.redundant)} of {len(it.dimensions)}")),
    ),
    "Its t-SNE": (
        Measure("Trustworthiness", "Whether neighbours on the map are neighbours among the codes, 1 at best.",
                _of("map", lambda it: it.trustworthiness), _decimals, "higher"),
        Measure("10-NN accuracy on the map", "The share of digits whose class their ten nearest on the map vote for.",
                _of("map", lambda it: it.accuracy), words.percent, "higher"),
    ),
    "Its new digits": (
        Measure("N(0, 1): read surely", "The share of digits decoded from N(0, 1) codes that an independent "
                "classifier reads with over 90 % confidence; it can be sure of a smudge, so that more is not better.",
                _of("normal", lambda it: it.sure), words.percent),
        Measure("Mixture: read surely", "The same of codes drawn from a mixture of Gaussians fitted to its codes.",
                _of("mixture", lambda it: it.sure), words.percent, "higher"),
        Measure("Mixture: precision", "The share of its new digits that lie among real ones, to the classifier.",
                _of("mixture", lambda it: it.precision), _decimals, "higher"),
        Measure("Mixture: recall", "The share of real digits that lie among its new ones, to the classifier.",
                _of("mixture", lambda it: it.recall), _decimals, "higher"),
    ),
}  # fmt: skip


def measured(subjects: Sequence[Subject]) -> list[Group]:
    """The figures of the runs. The best of a row is marked, all of them where it is a tie to the digits shown; nothing
    is where the runs are about different data sets, or only one has been measured.
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
    """Whether nothing is missing that could be measured, but for a map."""
    return of.evaluation is not None and of.probing is not None


def options(subjects: Sequence[Subject]) -> tuple[list[Row], list[Row]]:
    """The options of model and training in which the runs differ, and those that all have alike.

    A run whose options are not known has a dash; it differs from none.
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
