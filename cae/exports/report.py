"""A run's report: one HTML file that needs nothing else, for a screen, a phone and paper."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from html import escape
from typing import Any

from cae.config import PRIORS, RECIPES, Config, ModelConfig, Option
from cae.data import metrics
from cae.evaluation.errors import Comparison
from cae.exports.facts import EXAMPLES, Facts, gather, training_command
from cae.network.records import EpochRecord, loss_curve
from cae.plots import svg
from cae.plots.figures import CLASS_COLOURS
from cae.plots.pictures import Pixels, png_uri, sheet, signed_error, webp_uri
from cae.runs.info import RunInfo
from cae.web import bundle

__all__ = ["gather", "html"]

_DATASETS = {"mnist": "MNIST", "fashion-mnist": "Fashion-MNIST", "kmnist": "KMNIST"}
_LICENCES = {
    "mnist": "The pictures are of MNIST: Y. LeCun, C. Cortes and C. J. C. Burges, “The MNIST database of handwritten "
    "digits”, derived from NIST’s Special Databases 1 and 3, under the terms of the Creative Commons "
    "Attribution-Share Alike 3.0 licence (CC BY-SA 3.0). Pictures of its digits on this page are under the same.",
    "fashion-mnist": "The pictures are of Fashion-MNIST: H. Xiao, K. Rasul and R. Vollgraf, Zalando SE, MIT licence.",
    "kmnist": "The pictures are of KMNIST: “KMNIST Dataset” (created by CODH), adapted from “Kuzushiji Dataset” "
    "(created by NIJL and others), doi:10.20676/00000341, CC BY-SA 4.0.",
}
_PRIORS = {"normal": "N(0, 1)", "gaussian": "A Gaussian fitted to the codes", "mixture": "A mixture of Gaussians"}
_NO_PICTURES = "The data set is not on this machine: there is nothing to show here."
_MOST_POINTS = 300  # of the training loss


def html(facts: Facts) -> str:
    """The report, a whole HTML document; the same for the same facts."""
    parts = (
        _header, _architecture, _recipe, _loss, _reconstructions, _film, _map, _samples, _codes, _again, _limits,
        _licence,
    )  # fmt: skip
    policy = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
    head = (
        '<meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<meta name="color-scheme" content="light dark">'
        f"<title>{escape(_called(facts))}: report of an autoencoder</title><style>\n{bundle.style('report')}</style>"
    )
    body = "\n".join(filter(None, (part(facts) for part in parts)))
    asked = facts.name if facts.epoch is None else f"{facts.name} --epoch {facts.epoch}"
    foot = f"<footer>Made by {_code(f'python -m cae report {asked}')}. This file is all there is of it.</footer>"
    return f'<!DOCTYPE html>\n<html lang="en"><head>{head}</head>\n<body><main>\n{body}\n{foot}</main></body></html>\n'


# -- the sections


def _called(facts: Facts) -> str:
    """The run, and after which epoch it is reported where that is not its last."""
    return facts.name if facts.epoch is None else f"{facts.name} after epoch {facts.epoch}"


def _header(facts: Facts) -> str:
    dimensions, found, mse = facts.info.model.latent_dim, facts.evaluation, facts.test_mse
    what = f"{facts.parameters:,} parameters squeeze every picture of 28 × 28 pixels into {_numbers(dimensions)}"
    figures = []
    if mse is not None:
        count = f"{found.overall.count:,} " if found else ""
        what += (
            f" and give the {count}test images of {_title(facts.dataset)} back with a mean squared error of "
            f"{_three(mse)} on [-1, 1]"
        )
        figures.append(("Test MSE", _three(mse), f"on [-1, 1]; {_three(metrics.unit(mse))} on [0, 1]"))
    figures.append(("Compression", f"784 → {dimensions}", f"{784 / dimensions:.3g} times fewer numbers"))
    if found:
        pca, mean = _three(found.pca_mse), _three(found.mean_image_mse)
        what += f", where PCA with as many numbers reaches {pca} and the mean image {mean}"
        figures.append(("PSNR", f"{found.overall.psnr:.2f} dB", "mean over the test images, on [0, 1]"))
        figures.append(("SSIM", f"{found.overall.ssim:.3f}", "structural similarity, 1 at best"))
    tiles = "".join(
        f"<div><dt>{escape(name)}</dt><dd><strong>{escape(value)}</strong> <span>{_prose(scale)}</span></dd></div>"
        for name, value, scale in figures
    )
    kicker = " · ".join(("An autoencoder’s report", _title(facts.dataset), _date(facts.info)))
    notes = "".join(f'<p class="note">{escape(text)}</p>' for text in (facts.info.note, facts.problem) if text)
    return (
        f'<header><p class="kicker">{escape(kicker)}</p><h1>{escape(_called(facts))}</h1>'
        f'<p class="lead">{_prose(what + "." + _unfinished(facts))}</p>{notes}'
        f'<dl class="figures">{tiles}</dl></header>'
    )


def _architecture(facts: Facts) -> str:
    config, faces = facts.info.model, None
    if facts.examples:
        faces = png_uri(facts.examples.originals[0], 4), png_uri(facts.examples.reconstructions[0], 4)
    drawing = svg.hourglass(
        [svg.Block(layer.shape, _layer(layer.name)) for layer in facts.layers],
        code=[] if facts.code is None else facts.code.tolist(), faces=faces,
        title="The network as an hourglass",
        description=f"From 28 by 28 pixels through {config.latent_dim} numbers and back.",
    )  # fmt: skip
    rows = [
        (layer.part, layer.name, " × ".join(map(str, layer.shape)), f"{layer.parameters:,}" if layer.parameters else "")
        for layer in facts.layers
    ]
    heads, all_of_them = ("part", "layer", "output", "parameters"), ("", "all", "", f"{facts.parameters:,}")
    table = _table(heads, [*rows, all_of_them], text=3, kind="layers")
    activation = {"relu": "ReLU", "gelu": "GELU", "silu": "SiLU"}[config.activation]
    words = (
        f"Pixels are scaled to [-1, 1]. Convolutions are 3 × 3 with stride 2; {activation} follows each layer but the "
        "one that gives the code, which is unbounded, and the last, which a Tanh brings to [-1, 1]."
    )
    return _section("Architecture", f'<figure class="wide">{drawing}</figure>', _p(words), table)


def _recipe(facts: Facts) -> str:
    info = facts.info
    if info.train is None:
        words = "The weights were imported alone: how they were trained is not known."
        return _section("Recipe", _p(words), _pairs(_options(info.model)))
    options = [*_options(info.model), *_options(info.train)]
    named = f"Recipe {_code(info.recipe)}. {escape(RECIPES[info.recipe].summary)} " if info.recipe in RECIPES else ""
    if any("differs" in option for option in options):
        named += f"Marked is what differs from the recipe {_code('original')}, the founding document’s."
    else:
        named += "No option differs from the founding document’s."
    machine = [("Device", info.device), ("Threads", info.threads)]
    if facts.history:
        last = facts.history[-1]
        machine += [("Time", _duration(last.seconds)), ("Last epoch", f"{last.images_per_second:,.0f} images/s")]
    machine += [(name.capitalize(), version) for name, version in _versions(info)]
    known = _pairs(_pair(name, value) for name, value in machine if value is not None)
    return _section("Recipe", f"<p>{named}</p>", _pairs(options), _together("Where it was trained", known))


def _loss(facts: Facts) -> str:
    if not facts.history:
        return _section("Loss", _p("There is no record of the training of these weights."))
    lines = [svg.Line("training", _training(facts), "var(--quiet)", 1.5)]
    validation = [(float(each.epoch), each.validation_mse) for each in facts.history if each.validation_mse is not None]
    if validation:
        lines.append(svg.Line("validation", validation, "var(--accent)", 2, "5 4"))
    tested = [(float(each.epoch), each.test_mse) for each in facts.history]
    lines.append(svg.Line("test", tested, "var(--accent)", 2.5, dots=len(tested) < 60))
    levels = []
    if facts.evaluation:
        of = facts.evaluation
        levels = [
            svg.Level(f"mean image {_three(of.mean_image_mse)}", of.mean_image_mse),
            svg.Level(f"PCA-{of.latent_dim} {_three(of.pca_mse)}", of.pca_mse),
        ]
    last = facts.history[-1]
    words = _reached(last)
    charts = "".join(
        f'<div class="{shown}">'
        + svg.chart(
            lines, levels, title="Loss over epochs", description=words, x_label="epoch", y_label="MSE on [-1, 1]",
            width=width, height=height,
        )
        + "</div>"
        for shown, width, height in (("broad", 760, 340), ("narrow", 380, 300))
    )  # fmt: skip
    caption = (
        f"{words} The scale is logarithmic. Training: means while it learned; test: the test images after each epoch."
    )
    return _section("Loss", f'<figure class="wide">{charts}<figcaption>{_prose(caption)}</figcaption></figure>')


def _reconstructions(facts: Facts) -> str:
    if facts.examples is None or facts.hardest is None:
        return _section("Reconstructions", _p(_NO_PICTURES))
    legend = (
        '<p class="legend">From above: original, copy, signed error. <span class="scale"><span>ink missing</span>'
        '<i class="errors"></i><span>ink added</span></span></p>'
    )
    among = "class" if len(facts.class_names) <= EXAMPLES else f"of the first {EXAMPLES} classes"
    words = "The ten test images with the largest error, worst first: class, index, and MSE on [-1, 1]."
    return _section(
        "Reconstructions",
        _p(f"The first test image of each {among}: class, index, and MSE on [-1, 1]."),
        legend,
        _compared(facts.examples, facts.class_names),
        _together("The hardest", _p(words), _compared(facts.hardest, facts.class_names)),
    )


def _film(facts: Facts) -> str:
    title = "The film of the training"
    if facts.examples is None:
        return _section(title, _p(_NO_PICTURES))
    if len(facts.film) < 2:
        return _section(title, _p("No weights of earlier epochs are kept: there is no film."))
    rows = [_strip("original", facts.examples.originals, "the originals")]
    rows += [
        _strip(f"epoch {frame.epoch}", frame.copies, f"their copies after epoch {frame.epoch}") for frame in facts.film
    ]
    words = f"The same {_what(facts)} through the weights that are kept; epoch 0 is before the first step."
    return _section(title, _p(words), f'<div class="strips">{"".join(rows)}</div>')


def _map(facts: Facts) -> str:
    title, found = "A map of the codes", facts.map
    if found is None:
        return _section(title, _p(_NO_PICTURES))
    dimensions, command = facts.info.model.latent_dim, ""
    if found.tsne:
        how = f"t-SNE of the codes of {found.count:,} test images, perplexity {found.tsne.config.perplexity:g}"
        if not found.tsne.is_finished:
            how += f", stopped after {found.tsne.iteration} of {found.tsne.iterations} iterations"
    elif dimensions > 2:
        how = f"The codes of {found.count:,} test images along their first two principal components"
        command = f" {_code(f'python -m cae map {facts.name}')} lays them out by t-SNE."
    else:
        axes = (
            "their two numbers are the axes" if dimensions == 2 else "their number grows to the right, class by class"
        )
        how = f"The codes of {found.count:,} test images: {axes}"
    words = f"{how}. {found.shown:,} of them are drawn, each where it lies, as far as there is room."
    if found.scores:
        accuracy = _percent(found.scores.accuracy)
        words += f" Trustworthiness {found.scores.trustworthiness:.4f}; 10-NN accuracy on the map {accuracy}."
    swatches = "".join(
        f'<span><i style="background:{_colour(label)}"></i>{escape(name)}</span>'
        for label, name in enumerate(facts.class_names)
    )
    picture = f'<img class="map" src="{webp_uri(found.picture)}" alt="Test {_what(facts)} laid out by their codes">'
    caption = f'<p class="classes">{swatches}</p><figcaption>{_prose(words)}{command}</figcaption>'
    return _section(title, f'<figure class="wide">{picture}{caption}</figure>')


def _samples(facts: Facts) -> str:
    found, title = facts.samples, f"New {_what(facts)}"
    if found is None:
        return _section(title, _p(_NO_PICTURES))
    parts = [_p(f"Codes drawn at random, decoded. {_what_judges(found.judge)}")]
    for each in found.of:
        read = "" if each.sure is None else f": {_percent(each.sure, 1)} of {each.count:,} are read surely"
        tiles = [
            _tile([(digit, f"new, number {number + 1}")], *each.says[number : number + 1])
            for number, digit in enumerate(each.digits)
        ]
        parts.append(_together(_PRIORS[each.prior] + read, f'<div class="tiles">{"".join(tiles)}</div>'))
    if found.problem:
        parts.append(_p(found.problem))
    if found.qualities:
        names = {"real": "real test images", "copies": "their copies", **PRIORS}
        rows = [
            (names[name], _percent(of.sure, 1), f"{of.precision:.3f}", f"{of.recall:.3f}", f"{of.evenness:.3f}")
            for name, of in found.qualities.items()
        ]
        parts.append(_table(("", "read surely", "precision", "recall", "evenness of classes"), rows, text=1))
    elif not found.problem:
        command = _code(f"python -m cae priors {facts.name}")
        parts.append(f"<p>No mixture has been fitted to the codes, and judged, yet: {command} does both.</p>")
    return _section(title, *parts)


def _codes(facts: Facts) -> str:
    parts = []
    if facts.evaluation:
        per_class, of = facts.evaluation.per_class, facts.evaluation.overall
        most = max((each.mse for each in per_class), default=0) or 1
        rows = [
            (
                f'<i style="background:{_colour(each.label)}"></i>{escape(each.name)}', f"{each.count:,}",
                f'<b class="bar" style="width:{4 * each.mse / most:.2f}rem"></b>{_three(each.mse)}',
                f"{each.psnr:.2f}", f"{each.ssim:.4f}",
            )
            for each in per_class
        ]  # fmt: skip
        rows.append(("all", f"{of.count:,}", _three(of.mse), f"{of.psnr:.2f}", f"{of.ssim:.4f}"))
        heads = ("class", "images", "MSE on [-1, 1]", "PSNR, dB", "SSIM")
        parts.append(_together("Class by class", _table(heads, rows, text=1, is_safe=True)))
    else:
        parts.append(_p(_NO_PICTURES))
    codes = facts.probing
    if codes:
        probe = "" if math.isnan(codes.probe_accuracy) else _percent(codes.probe_accuracy)
        pairs = [
            ("10-NN accuracy", _percent(codes.knn_accuracy)), ("Linear probe", probe or "one class only"),
            ("Clusters: NMI", f"{codes.nmi:.3f}"), ("Clusters: ARI", f"{codes.ari:.3f}"),
            ("Dead dimensions", _dimensions(codes.dead)), ("Redundant dimensions", _dimensions(codes.redundant)),
        ]  # fmt: skip
        words = (
            "How much of the classes is in codes that were never shown a label: test codes named by their ten nearest "
            "training codes, and by logistic regression; and k-means of the test codes beside the classes."
        )
        known = _pairs(_pair(name, value) for name, value in pairs)
        parts.append(_together("What the codes know", _p(words), known))
    if facts.traversals and codes:
        words = (
            "Those that cost most to lose, with what the MSE on [-1, 1] grows by when each is replaced by its mean. "
            f"Test image #{facts.traversals[0].start}, whose error is the median, while one number goes from what "
            " 1 % of the test codes are below to what 99 % are."
        )
        strips = "".join(
            _strip(f"z{each.dimension}", each.digits, f"decoded along z{each.dimension}",
                   f"{codes.dimensions[each.dimension].zeroed_mse:+.4f}")
            for each in facts.traversals
        )  # fmt: skip
        parts.append(_together("What its numbers do", _p(words), f'<div class="strips">{strips}</div>'))
    return _section("What the codes are worth", *parts)


def _again(facts: Facts) -> str:
    info = facts.info
    weights = _pairs([_pair("SHA-256 of the weights", facts.weights)], "options one")
    if info.train is None:
        return _section("Train it again", _p("How these weights were trained is not known."), weights)
    if info.device == "cpu":
        count = info.threads or "the same number of"
        threads = f"{count} thread{'' if count == 1 else 's'} (OMP_NUM_THREADS)"
        words = f"On a CPU, with {threads} and these versions, the weights come out the same, bit for bit: "
    else:
        words = f"It was trained on {info.device}, where sums need not be added in the same order twice; the versions: "
    versions = ", ".join(f"{name} {version}" for name, version in _versions(info)) or "not known"
    line = f"<pre><code>{escape(training_command(facts.name, info))}</code></pre>"
    of_then = "" if facts.epoch is None else f" The weights of this report are those after epoch {facts.epoch} of it."
    return _section("Train it again", line, _p(f"The seed is {info.train.seed}. {words}{versions}.{of_then}"), weights)


def _limits(facts: Facts) -> str:
    dimensions, train = facts.info.model.latent_dim, facts.info.train
    if train is None:
        found = ["What these weights were trained on is not known: if it was the test images, the figures flatter."]
    else:
        found = [
            "The training does not see the test images and keeps the weights of its last epoch, not of its best; the "
            "test error after each epoch is only recorded. Whoever chooses options by the figures here tunes on the "
            "test set: that is what training images held out for validation are for.",
            f"It is one training with one seed ({train.seed}): another gives slightly other figures.",
            "Times depend on the machine, and on what else it had to do.",
        ]
    found += [
        f"784 → {dimensions} counts numbers. In bytes, with single precision, it is 784 to {4 * dimensions}.",
        "PSNR and SSIM are means of per-image values, on [0, 1]; there, an MSE is a quarter of that on [-1, 1].",
    ]
    if facts.map and facts.map.tsne:
        found.append("t-SNE keeps near neighbours near: how large groups are and how far apart means little.")
    if facts.samples and facts.samples.judge is not None:
        found.append(
            "The judge can be sure of a smudge: what it reads says how legible new pictures are, not how good."
        )
    return _section("Limits", f"<ul>{''.join(f'<li>{_prose(each)}</li>' for each in found)}</ul>")


def _licence(facts: Facts) -> str:
    return _section("Licence", _p(_LICENCES[facts.dataset])) if facts.dataset in _LICENCES else ""


# -- pieces of a page


def _section(title: str, *parts: str) -> str:
    return f"<section><h2>{escape(title)}</h2>{''.join(parts)}</section>"


def _together(title: str, *parts: str) -> str:
    """What stands on one page, under a title."""
    return f'<div class="together"><h3>{_prose(title)}</h3>{"".join(parts)}</div>'


def _p(text: str) -> str:
    return f"<p>{_prose(text)}</p>"


def _prose(text: str) -> str:
    """Text as HTML, in which neither a scale nor a percentage is broken over two lines."""
    return escape(text).replace(", 1]", ",\u00a01]").replace(" %", "\u00a0%")


def _code(text: str) -> str:
    return f"<code>{escape(text)}</code>"


def _pair(name: str, value: Any, original: str = "") -> str:
    """A name with its value, marked where the founding document's recipe has another, `original`."""
    marked, other = (' class="differs"', f" <small>not {escape(original)}</small>") if original else ("", "")
    return f"<div{marked}><dt>{escape(name)}</dt><dd>{escape(str(value))}{other}</dd></div>"


def _pairs(pairs: Iterable[str], kind: str = "options") -> str:
    return f'<dl class="{kind}">{"".join(pairs)}</dl>'


def _options(config: Config) -> Iterator[str]:
    reference: Config = RECIPES["original"].model if isinstance(config, ModelConfig) else RECIPES["original"].train
    for option in config.options():
        value, other = getattr(config, option.name), getattr(reference, option.name)
        yield _pair(option.label, _value(option, value), _value(option, other) if value != other else "")


def _value(option: Option, value: Any) -> str:
    if value is None:
        return option.optional
    shown = f"{value:,}" if isinstance(value, int) else f"{value:g}" if isinstance(value, float) else str(value)
    unit = option.unit.removesuffix("s") if value == 1 else option.unit
    return shown if option.unit in ("", option.label.lower()) else f"{shown} {unit}"


def _table(
    heads: Sequence[str], rows: Sequence[Sequence[str]], *, text: int, kind: str = "", is_safe: bool = False
) -> str:
    """The first `text` columns are words, the others numbers. `is_safe`: the cells are HTML already."""
    kinds = ["" if number < text else ' class="number"' for number in range(len(heads))]
    top = "".join(f'<th scope="col"{each}>{_prose(head)}</th>' for head, each in zip(heads, kinds, strict=True))
    body = "".join(
        "<tr>"
        + "".join(f"<td{each}>{cell if is_safe else escape(cell)}</td>" for cell, each in zip(row, kinds, strict=True))
        + "</tr>"
        for row in rows
    )
    head = f"<thead><tr>{top}</tr></thead>"
    return f'<div class="scrolls"><table class="{kind}">{head}<tbody>{body}</tbody></table></div>'


def _tile(faces: Sequence[tuple[Pixels, str]], *lines: str) -> str:
    shown = "".join(f'<img src="{png_uri(face, 4)}" alt="{escape(words)}">' for face, words in faces)
    return f"<figure>{shown}<figcaption>{'<br>'.join(map(_prose, lines))}</figcaption></figure>"


def _compared(of: Comparison, names: Sequence[str]) -> str:
    errors = signed_error(of.originals, of.reconstructions)
    tiles = [
        _tile(
            [(original, f"{names[label]}, test image #{index}"), (copy, "its copy"), (error, "signed error")],
            f"{names[label]} · #{index}",
            _three(mse),
        )
        for index, label, original, copy, error, mse in zip(
            of.indices, of.labels, of.originals, of.reconstructions, errors, of.mse, strict=True
        )
    ]
    return f'<div class="tiles">{"".join(tiles)}</div>'


def _strip(name: str, digits: Pixels, words: str, figure: str = "") -> str:
    picture = f'<img src="{png_uri(sheet(digits, len(digits), scale=3))}" alt="{escape(words)}">'
    return f"<div><p>{escape(name)} <span>{escape(figure)}</span></p>{picture}</div>"


# -- words


def _title(dataset: str) -> str:
    return _DATASETS.get(dataset, dataset)


def _layer(name: str) -> str:
    return name.replace("ConvTranspose2d", "ConvT").replace("Conv2d", "Conv")


def _three(value: float) -> str:
    """Three significant digits."""
    return f"{value:#.3g}"


def _colour(label: int) -> str:
    return CLASS_COLOURS[label % len(CLASS_COLOURS)]


def _what(facts: Facts) -> str:
    return "digits" if facts.dataset == "mnist" else "pictures"


def _percent(share: float, decimals: int = 2) -> str:
    return f"{100 * share:.{decimals}f} %"


def _numbers(count: int) -> str:
    return "1 number" if count == 1 else f"{count} numbers"


def _dimensions(found: Sequence[int]) -> str:
    return ", ".join(f"z{index}" for index in found) or "none" if len(found) < 9 else f"{len(found)} of them"


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    if not minutes:
        return f"{rest} s"
    return f"{minutes} min {rest:02d} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02d} min"


def _date(info: RunInfo) -> str:
    for text in (info.finished, info.created):
        with contextlib.suppress(ValueError, TypeError):
            when = datetime.fromisoformat(text or "")
            return f"{when.day} {when:%B %Y}"
    return ""


def _versions(info: RunInfo) -> list[tuple[str, str]]:
    found = info.versions if isinstance(info.versions, dict) else {}
    return [(str(name), str(version)) for name, version in found.items()]


def _unfinished(facts: Facts) -> str:
    states = {"queued": "it waits for its turn", "running": "it goes on", "failed": "it failed then"}
    if facts.epoch is not None or facts.state == "finished" or facts.info.train is None:
        return ""
    done = facts.history[-1].epoch if facts.history else 0
    how = states.get(facts.state, "it is stopped")
    return f" This is after {done} of the {facts.info.train.epochs} epochs of its training: {how}."


def _reached(last: EpochRecord) -> str:
    both = f"training {_three(last.train_mse)}, test {_three(last.test_mse)} on [-1, 1]"
    unit = f"{_three(metrics.unit(last.train_mse))} and {_three(metrics.unit(last.test_mse))} on [0, 1]"
    return f"After epoch {last.epoch}: {both}; {unit}."


def _what_judges(accuracy: float | None) -> str:
    if accuracy is None:
        return "There is no independent classifier of this data set that could say what they are."
    return (
        f"Below each is what an independent classifier, right about {_percent(accuracy)} of the test images, reads and "
        "how surely; surely means with over 90 % confidence."
    )


def _training(facts: Facts) -> list[tuple[float, float]]:
    """The training loss over epochs: means of neighbouring records; of whole epochs where there are no others."""
    epochs = [(float(each.epoch), each.train_mse) for each in facts.history]
    return loss_curve(facts.progress, _MOST_POINTS) or epochs
