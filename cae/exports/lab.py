"""The laboratory as one file: a page with a run's network, its test digits and the widgets of cae/web.

It needs no server: the page holds, compressed, the files that the widgets fetch; lab.js unpacks them.
"""

from __future__ import annotations

import base64
import functools
import gzip
import hashlib
import json
import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from cae import words
from cae.config import MapConfig
from cae.errors import CaeError, DoesNotFit
from cae.evaluation import errors
from cae.evaluation.codes import codes_of
from cae.latent import mapfiles, maps, projection
from cae.latent.explore import coarse, measuring, points_type, re_inked, to_bytes
from cae.latent.mapfiles import TSNE, Points
from cae.latent.space import LatentSpace, References, sample
from cae.plots.figures import CLASS_COLOURS
from cae.runs.run import Run
from cae.steps import Step, Steps, result_of
from cae.web import bundle
from cae.web.templates import render

if TYPE_CHECKING:
    from cae.data.images import Images

LARGEST = 6_000_000  # bytes
DIGITS = 5_000  # test digits by default
FEWEST = 100  # digits: a network that leaves room for fewer does not fit
RANDOM_CODES = 100  # to start steering from: those of the dashboard for the seeds 0, 1, ...
TSNE_FILE = "tsne.safetensors"


@dataclass(frozen=True)
class Lab:
    """A page, how many of the available test digits it holds, and remarks on it, a sentence each."""

    content: bytes
    digits: int
    available: int
    remarks: tuple[str, ...]


def html(run: Run, digits: int = DIGITS) -> bytes:
    """The page of a run with this many test digits, or as many as fit into LARGEST bytes. Raises as `make` does."""
    return result_of(make(run, digits)).content


def make(run: Run, digits: int = DIGITS) -> Steps[Lab]:
    """The page of a run, with remarks on it; takes some 10 s the first time.

    Raises InvalidOption, RunNotFound where the run has no weights yet, Damaged, DataUnavailable, and DoesNotFit for a
    network that is too large.
    """
    weights = run.weights_hash()
    whole = {**_packed({"network.safetensors": _network(run)}), **_plotly()}
    if sum(map(len, whole.values())) > LARGEST:  # before the digits are encoded, which takes a while
        raise _no_room(run)
    images = run.test_images()
    config = MapConfig(points=digits)
    digits = min(digits, len(images))
    space = yield from measuring(run)
    whole |= _packed({"random.safetensors": _random(space)})
    remarks = []
    while True:
        points, tsne, files = yield from _digits(run, images, space, config)
        if {points.weights, space.weights, run.weights_hash()} != {weights}:
            raise CaeError(f"The weights of {run.name} have changed meanwhile: try again.")
        page = functools.partial(render, "lab.html", **_frame(run, points, len(images), tsne))
        content = page(files={**whole, **_packed(files)}).encode()
        if len(content) <= LARGEST:
            break
        fixed = len(page(files=whole).encode())
        fewer = int(0.98 * len(points.indices) * (LARGEST - fixed) / (len(content) - fixed))
        if fewer < FEWEST:
            raise _no_room(run)
        remarks = [f"With {digits:,} digits the page would be larger than {LARGEST / 1e6:g} MB: it has {fewer:,}."]
        config = MapConfig(points=fewer)
    if not tsne and not maps.why_not(points, MapConfig()):
        which = " ".join(run.arguments())
        remarks.append(f"There is no t-SNE yet, so the map shows PCA: run python -m cae map {which}, then this again.")
    return Lab(content, len(points.indices), len(images), tuple(remarks))


def _no_room(run: Run) -> DoesNotFit:
    model = run.info.model
    return DoesNotFit(
        f"{run.name} does not fit into a page of {LARGEST / 1e6:g} MB: its network of width {model.width} with "
        f"{words.count(model.latent_dim, 'latent dimension')} leaves no room for digits."
    )


# -- the files that the widgets fetch


def _network(run: Run) -> bytes:
    """The weights in half precision, as safetensors."""
    from safetensors.numpy import save

    with np.errstate(over="ignore"):
        half = {name: value.astype(np.float16) for name, value in run.weights().items()}
    if not all(np.isfinite(value).all() for value in half.values()):
        raise DoesNotFit(f"{run.name} has weights beyond 65,504, which a page in half precision cannot hold.")
    return save(half, metadata={"model": json.dumps(run.info.model.to_json(), sort_keys=True)})


def _random(space: LatentSpace) -> bytes:
    from safetensors.numpy import save

    return save({"random": np.concatenate([sample(space, 1, seed) for seed in range(RANDOM_CODES)])})


def _digits(
    run: Run, images: Images, space: LatentSpace, config: MapConfig
) -> Steps[tuple[Points, TSNE | None, dict[str, bytes]]]:
    """The chosen digits, their places in the run's t-SNE if it has one, and the files about them."""
    yield Step("encoding the test digits")
    points = maps.points(run, images, config)
    yield Step("re-inking them as if they were drawn")
    files = {
        "space.safetensors": to_bytes(_among_test_digits(run, images, points, space)),
        "points.safetensors": mapfiles.for_browser(points),
        "pictures.gz": images.pixels[points.indices].numpy().tobytes(),
    }
    kept = maps.kept(run, MapConfig(), maps.fingerprint(images, np.arange(len(images))), len(images))
    if not kept:
        return points, None, files
    tsne = replace(kept[0], positions=kept[0].positions[points.indices])
    return points, tsne, {**files, TSNE_FILE: mapfiles.tsne_for_browser(points, tsne)}


def _among_test_digits(run: Run, images: Images, points: Points, space: LatentSpace) -> LatentSpace:
    """The latent space with the digits of the map as its references, so that the page holds their pictures once."""
    from cae.data.images import Images

    some = Images(images.pixels[points.indices], images.labels[points.indices], images.class_names)
    inked = result_of(re_inked(f"{run.dataset}-test", some))
    codes = codes_of(run.model(), inked)
    real, drawn = (_references(each, points.labels) for each in (points.codes.codes(), codes))
    return replace(space, real=real, inked=drawn, digits=points.digits)


def _references(codes: NDArray[np.floating], labels: NDArray[np.uint8]) -> References:
    """The codes (N, D) in steps, and which distances are usual among them."""
    references = coarse(codes, labels, points_type(codes.shape[1]))
    return maps.with_usual(references, projection.neighbours(references.points.astype(np.float64)))


@functools.cache
def _plotly() -> dict[str, str]:
    """Plotly's script, packed like the files; kept, as packing it takes half a second."""
    return _packed({"plotly.js": bundle.plotly_script()})


def _packed(files: dict[str, bytes]) -> dict[str, str]:
    """Files as the text of script elements."""
    return {
        name: base64.b64encode(gzip.compress(content, compresslevel=9, mtime=0)).decode()
        for name, content in files.items()
    }


# -- the page


def _frame(run: Run, points: Points, available: int, tsne: TSNE | None) -> dict[str, Any]:
    """The values for the template, except the files."""
    measured = errors.kept(run)
    guard, script = (_inside_script(bundle.script(name)) for name in ("guard", "lab"))
    title = tsne and f"Perplexity {tsne.config.perplexity:g}, laid out with all {available:,} test digits"
    return {
        "words": words, "run": run, "pca_mse": measured and measured.pca_mse,
        "mse": measured.overall.mse if measured else float(errors.errors_per_image(run).mean()),
        "digits": len(points.indices), "available": available, "tsne": tsne and {"file": TSNE_FILE, "title": title},
        "colours": CLASS_COLOURS,
        "guard": guard, "script": script,
        "hashes": [_hash(each) for each in (guard.encode(), script.encode(), bundle.plotly_script())],
        "styles": {name: bundle.style(name) for name in ("lab", "start", "steer", "draw", "map")},
    }  # fmt: skip


def _inside_script(text: str) -> str:
    """The script, without anything that would end its element."""
    return re.sub(r"<(?=/script|!--)", r"<\\", text, flags=re.IGNORECASE)


def _hash(script: bytes) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(script).digest()).decode()}'"
