"""The report of a run: one HTML file that needs no other, for a screen, a phone and paper."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from cae import words
from cae.config import PRIORS, RECIPES, Config, ModelConfig, Option
from cae.data import metrics
from cae.exports.facts import EXAMPLES, Facts, gather, training_command
from cae.network.records import loss_curve
from cae.plots import svg
from cae.plots.figures import CLASS_COLOURS
from cae.plots.pictures import png_uri, sheet, signed_error, webp_uri
from cae.runs.info import RunInfo
from cae.web import bundle
from cae.web.templates import render

__all__ = ["gather", "html"]

_MOST_POINTS = 300  # of the training loss


def html(facts: Facts) -> str:
    """The report, a whole HTML document; the same for the same facts."""
    info = facts.info
    versions = list(info.versions.items()) if isinstance(info.versions, dict) else []
    options = [*_options(info.model), *(_options(info.train) if info.train else ())]
    return render(
        "report.html", words=words, facts=facts, style=bundle.style("report"), date=_date(info), options=options,
        versions=versions, recipes=RECIPES,
        machine=[*_machine(facts), *((str(name).capitalize(), version) for name, version in versions)],
        hourglass=_hourglass(facts), reached=_reached(facts), chart=lambda *size: _chart(facts, *size),
        priors={"real": "real test images", "copies": "their reconstructions", **PRIORS}, most_examples=EXAMPLES,
        command=training_command(facts.name, info), colours=CLASS_COLOURS,
        png=png_uri, webp=webp_uri, sheet=sheet, signed_error=signed_error, unit=metrics.unit,
    )  # fmt: skip


def _date(info: RunInfo) -> str:
    for text in (info.finished, info.created):
        with contextlib.suppress(ValueError, TypeError):
            when = datetime.fromisoformat(text or "")
            return f"{when.day} {when:%B %Y}"
    return ""


def _options(config: Config) -> Iterator[tuple[str, str, str]]:
    """Each option with its value, and the value in the founding document's recipe if that differs."""
    reference: Config = RECIPES["original"].model if isinstance(config, ModelConfig) else RECIPES["original"].train
    for option in config.options():
        value, other = getattr(config, option.name), getattr(reference, option.name)
        yield option.label, _value(option, value), _value(option, other) if value != other else ""


def _value(option: Option, value: Any) -> str:
    if value is None:
        return option.optional
    shown = words.value(value)
    unit = option.unit.removesuffix("s") if value == 1 else option.unit
    return shown if option.unit in ("", option.label.lower()) else f"{shown} {unit}"


def _machine(facts: Facts) -> list[tuple[str, Any]]:
    """Where it was trained and how fast, as far as known."""
    known: list[tuple[str, Any]] = [("Device", facts.info.device), ("Threads", facts.info.threads)]
    if facts.history:
        last = facts.history[-1]
        known += [("Time", words.duration(last.seconds)), ("Last epoch", f"{last.images_per_second:,.0f} images/s")]
    return [(name, value) for name, value in known if value is not None]


# -- drawings


def _hourglass(facts: Facts) -> str:
    faces, examples = None, facts.examples
    if examples:
        faces = png_uri(examples.originals[0], 4), png_uri(examples.reconstructions[0], 4)
    short = {"Conv2d": "Conv", "ConvTranspose2d": "ConvT"}
    return svg.hourglass(
        [svg.Block(layer.shape, short.get(layer.name, layer.name)) for layer in facts.layers],
        code=[] if facts.code is None else facts.code.tolist(), faces=faces,
        title="The network as an hourglass",
        description=f"From 28 by 28 pixels through {facts.info.model.latent_dim} numbers and back.",
    )  # fmt: skip


def _reached(facts: Facts) -> str:
    if not facts.history:
        return ""
    last = facts.history[-1]
    train, test = last.train_mse, last.test_mse
    return (
        f"After epoch {last.epoch}: training {words.number(train)}, test {words.number(test)} on [-1,\u00a01]; "
        f"{words.number(metrics.unit(train))} and {words.number(metrics.unit(test))} on [0,\u00a01]."
    )


def _chart(facts: Facts, width: int, height: int) -> str:
    """The losses over epochs, and the errors of simpler methods."""
    validation = [(float(each.epoch), each.validation_mse) for each in facts.history if each.validation_mse is not None]
    test = [(float(each.epoch), each.test_mse) for each in facts.history]
    lines = [svg.Line("training", _training(facts), "var(--quiet)", 1.5)]
    if validation:
        lines.append(svg.Line("validation", validation, "var(--accent)", 2, "5 4"))
    lines.append(svg.Line("test", test, "var(--accent)", 2.5, dots=len(test) < 60))
    levels, evaluation = [], facts.evaluation
    if evaluation:
        levels = [
            svg.Level(f"mean image {words.number(evaluation.mean_image_mse)}", evaluation.mean_image_mse),
            svg.Level(f"PCA-{evaluation.latent_dim} {words.number(evaluation.pca_mse)}", evaluation.pca_mse),
        ]
    return svg.chart(
        lines, levels, title="Loss over epochs", description=_reached(facts), x_label="epoch",
        y_label="MSE on [-1, 1]", width=width, height=height,
    )  # fmt: skip


def _training(facts: Facts) -> list[tuple[float, float]]:
    """The training loss over epochs: means of neighbouring records, or of whole epochs if there are no others."""
    epochs = [(float(each.epoch), each.train_mse) for each in facts.history]
    return loss_curve(facts.progress, _MOST_POINTS) or epochs
