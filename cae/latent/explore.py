"""The latent space of a run, measured once and kept: references among real codes, directions of shape, influences."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from cae.data.shape import ATTRIBUTES, measure
from cae.disk import reading
from cae.disk.kept import Kept
from cae.disk.tensors import metadata, npy, single, tensors
from cae.errors import Damaged, DataUnavailable
from cae.evaluation.codes import codes_of
from cae.runs.run import Run
from cae.steps import Step, Steps, result_of

if TYPE_CHECKING:
    from cae.data.images import Images
    from cae.network.model import ConvAutoencoder
from cae.latent.space import NEIGHBOURS, Array, LatentSpace, References, off_manifolds

FORMAT = 1


FILE = "space.safetensors"


REFERENCES = 20_000  # training digits that everything is compared with


FEW = 8  # dimensions, up to which a byte for each would tell too few codes apart


_LARGEST = 2**26  # bytes of the file


HELD_OUT = 2_000  # other training digits, whose distances are the usual ones


def latent_space(run: Run) -> LatentSpace:
    """The latent space of the run's last weights: the kept one, or measured now (some 5 s, 20 the very first time).

    Raises RunNotFound where the run has no weights yet, and Damaged.
    """
    return result_of(measuring(run))


def measuring(run: Run) -> Steps[LatentSpace]:
    """Measures the latent space step by step, or reads the kept one."""
    before = kept(run)
    if before is not None:
        return before
    from cae.data.images import load

    yield Step("reading the training digits")
    images = load(run.dataset, "train")
    inked = yield from re_inked(run.dataset, images)
    yield Step("encoding the training digits")
    model, weights = run.model_and_hash()
    return place(run, weights).keep(replace(explore(model, images, inked), weights=weights))


def kept(run: Run) -> LatentSpace | None:
    """The latent space if it was measured before: shipped with the run, or in the cache."""
    return place(run, run.weights_hash()).read()


def place(run: Run, weights: str) -> Kept[LatentSpace]:
    """Where the latent space of a run with these weights is kept."""
    known = (weights, run.info.model.latent_dim)
    return Kept(
        FILE, to_bytes, from_bytes, lambda found: (found.weights, len(found.mean)) == known,
        under=weights, shipped=run.path / FILE, largest=_LARGEST,
    )  # fmt: skip


def chosen(available: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Which of so many training digits are references, and which are held out to say what is usual."""
    held_out = np.arange(0, available, max(10, available // HELD_OUT))[:HELD_OUT]
    others = np.setdiff1d(np.arange(available), held_out) if available > 1 else held_out
    if len(others) > REFERENCES:
        others = others[np.linspace(0, len(others) - 1, REFERENCES).round().astype(np.int64)]
    return others, held_out


def fingerprint(images: Images) -> str:
    """Which pictures the references among these training `images` are."""
    return hashlib.sha256(images.pixels[chosen(len(images))[0]].numpy().tobytes()).hexdigest()[:16]


def reference_pictures(images: Images, digits: str) -> bytes:
    """The reference digits that neighbours are shown by, uint8 (N, 28, 28), gzipped; in the order of the references.

    Raises DataUnavailable where these training `images` are not those that a latent space was measured with.
    """
    from cae.data.images import packed_pictures

    if fingerprint(images) != digits:
        raise DataUnavailable("The training digits here are not those that this run's latent space was measured with.")
    return packed_pictures(images, chosen(len(images))[0])


def re_inked(dataset: str, images: Images) -> Steps[NDArray[np.uint8]]:
    """The training digits (N, 28, 28) with their ink made what a drawing's is; kept, once computed (some 12 s).

    Only the chosen ones: the rest is empty paper.
    """
    from cae.data.ink import normalise_ink

    inked = np.zeros(images.pixels.shape, np.uint8)
    indices = np.concatenate(chosen(len(images)))
    place = Kept(
        f"re-inked-{dataset}-{fingerprint(images)}-{FORMAT}.npy", npy,
        lambda content: reading.array(content, np.uint8, inked.shape[1:]), lambda found: len(found) == len(indices),
    )  # fmt: skip
    before = place.read()
    if before is not None:
        inked[indices] = before
        return inked
    for number, index in enumerate(indices):
        if number % 500 == 0:
            yield Step(f"re-inking training digits as if they were drawn here, {100 * number // len(indices)} %")
        inked[index] = normalise_ink(images.pixels[index].numpy() / np.float32(255))
    place.keep(inked[indices])
    return inked


def explore(model: ConvAutoencoder, images: Images, inked: NDArray[np.uint8]) -> LatentSpace:
    """Measures the latent space of `model` on the training `images`; `inked` are the same, re-inked."""
    indices, held_out = chosen(len(images))
    labels = images.labels.numpy()[indices].astype(np.uint8)
    codes = codes_of(model, images.pixels[indices]).astype(np.float64)  # (N, D)
    others, inked_codes, inked_others = (
        codes_of(model, pixels).astype(np.float64)
        for pixels in (images.pixels[held_out], inked[indices], inked[held_out])
    )
    mean, covariance = codes.mean(axis=0), np.atleast_2d(np.cov(codes.T))
    low, high = np.percentile(codes, [1, 99], axis=0)
    axes = _main_directions(covariance)
    along = (codes - mean) @ axes.T  # (N, A)
    means = np.stack([codes[labels == label].mean(axis=0) if (labels == label).any() else mean
                      for label in range(len(images.class_names))])  # fmt: skip
    return LatentSpace(
        class_names=images.class_names,
        digits=fingerprint(images),
        real=_references(codes, labels, others),
        inked=_references(inked_codes, labels, inked_others),
        mean=single(mean),
        low=single(low),
        high=single(high),
        influence=_influence(model, codes, low, high),
        covariance=single(covariance),
        axes=single(axes),
        axes_low=single(np.percentile(along, 1, axis=0)),
        axes_high=single(np.percentile(along, 99, axis=0)),
        class_means=single(means),
        directions=_directions(codes - means[labels], measure(images.pixels[indices].numpy()), labels),
    )


def coarse(codes: NDArray[np.floating], labels: NDArray[np.uint8], kind: np.dtype[Any]) -> References:
    """The codes (N, D) in steps so small that whole numbers of this `kind` hold them; without what is usual.

    Distances are then the same here and in the browser.
    """
    most, low = np.iinfo(kind).max, codes.min(axis=0).astype(np.float32)
    step = float(np.float32(max(float((codes - low).max()) / most, 1e-12)))
    points = np.clip(np.round((codes.astype(np.float64) - low) / step), 0, most).astype(kind)
    return References(points, labels, low, step, np.zeros(101, np.float32))


def _references(codes: NDArray[np.float64], labels: NDArray[np.uint8], others: NDArray[np.float64]) -> References:
    found = coarse(codes, labels, points_type(codes.shape[1]))
    return found.with_usual(off_manifolds(found, others))


def points_type(dimensions: int) -> np.dtype[Any]:
    """What the points of so many dimensions are stored as."""
    return np.dtype(np.uint16 if dimensions <= FEW else np.uint8)


def _main_directions(covariance: NDArray[np.float64]) -> NDArray[np.float64]:
    """The first two principal axes (A, D), A = min(2, D), each with its largest entry positive."""
    _, vectors = np.linalg.eigh(covariance)  # ascending
    axes = vectors.T[::-1][:2]
    largest = np.take_along_axis(axes, np.abs(axes).argmax(axis=1)[:, None], axis=1)
    return axes * np.where(largest < 0, -1.0, 1.0)


def _influence(
    model: ConvAutoencoder, codes: NDArray[np.float64], low: NDArray[np.float64], high: NDArray[np.float64]
) -> Array:
    """How much each dimension changes the picture, (D,): mean over 64 real codes."""
    import torch

    some = torch.from_numpy(codes[:: max(1, len(codes) // 64)][:64].astype(np.float32))  # (S, D)
    found = []
    with torch.inference_mode():
        for dimension, ends in enumerate(zip(low, high, strict=True)):
            pictures = []
            for end in ends:
                moved = some.clone()
                moved[:, dimension] = float(end)
                pictures.append(model.decode(moved))
            found.append(float((pictures[1] - pictures[0]).square().mean()))
    return np.array(found, np.float32)


def _directions(deviations: NDArray[np.float64], attributes: NDArray[np.float64], labels: NDArray[np.uint8]) -> Array:
    """Regresses what codes deviate by from their class's mean, (N, D), on what their shapes deviate by, (N, 4)."""
    centred = attributes.copy()
    for label in np.unique(labels):
        centred[labels == label] -= attributes[labels == label].mean(axis=0)
    centred /= np.maximum(centred.std(axis=0), 1e-9)
    found, *_ = np.linalg.lstsq(centred, deviations, rcond=None)  # (4, D)
    return single(found)


def to_bytes(space: LatentSpace) -> bytes:
    """The latent space as safetensors, with the hash of the weights it was measured with in the header."""
    from safetensors.numpy import save

    arrays = {name: getattr(space, name) for name in _ARRAYS}
    for group in _GROUPS:
        of: References = getattr(space, group)
        arrays |= {f"{group}.points": of.points, f"{group}.low": of.low, f"{group}.usual": of.usual}
        arrays[f"{group}.step"] = np.array([of.step], np.float32)
    arrays["labels"] = space.real.labels
    words = {
        "format": FORMAT,
        "weights": space.weights,
        "class_names": space.class_names,
        "digits": space.digits,
        "attributes": [[each.name, each.less, each.more] for each in ATTRIBUTES],
        "neighbours": NEIGHBOURS,
    }
    return save(arrays, metadata={"space": json.dumps(words, sort_keys=True)})


def from_bytes(content: bytes) -> LatentSpace:
    """Reads what `to_bytes` wrote. Raises Damaged for anything else."""
    try:
        words, arrays = reading.parsed(metadata(content)["space"]), tensors(content)
        names = tuple(reading.text(name) for name in words["class_names"])
        expected = _layout(len(arrays["labels"]), len(arrays["mean"]), len(names))
        if words["format"] != FORMAT or expected != {name: (each.dtype, each.shape) for name, each in arrays.items()}:
            raise ValueError
        for name, each in arrays.items():
            reading.finite(each, 0 if name.endswith((".usual", "influence")) else -1e36, 1e36)
        if not (arrays["labels"] < len(names)).all() or not len(arrays["labels"]):
            raise ValueError
        if not all(arrays[f"{of}.step"][0] > 0 and (np.diff(arrays[f"{of}.usual"]) >= 0).all() for of in _GROUPS):
            raise ValueError
        sets = {
            group: References(arrays[f"{group}.points"], arrays["labels"], arrays[f"{group}.low"],
                              float(arrays[f"{group}.step"][0]), arrays[f"{group}.usual"])
            for group in _GROUPS
        }  # fmt: skip
        rest: dict[str, Any] = {name: arrays[name] for name in _ARRAYS}
        rest["weights"] = reading.text(words["weights"])
        return LatentSpace(names, reading.text(words["digits"]), sets["real"], sets["inked"], **rest)
    except reading.UNREADABLE as error:
        raise Damaged(f"{FILE} is damaged and cannot be read.") from error


_GROUPS = ("real", "inked")


_ARRAYS = (
    "mean", "low", "high", "influence", "covariance", "axes", "axes_low", "axes_high", "class_means", "directions",
)  # fmt: skip


def _layout(count: int, dimensions: int, classes: int) -> dict[str, tuple[np.dtype[Any], tuple[int, ...]]]:
    """The type and the shape of every array in the file."""
    per_code, axes = (dimensions,), (min(2, dimensions),)
    shapes: dict[str, tuple[int, ...]] = {
        "mean": per_code, "low": per_code, "high": per_code, "influence": per_code,
        "covariance": per_code * 2, "axes": axes + per_code, "axes_low": axes, "axes_high": axes,
        "class_means": (classes, dimensions), "directions": (len(ATTRIBUTES), dimensions),
    }  # fmt: skip
    for group in _GROUPS:
        shapes |= {f"{group}.low": per_code, f"{group}.step": (1,), f"{group}.usual": (101,)}
    floats = {name: (np.dtype(np.float32), shape) for name, shape in shapes.items()}
    points = {f"{group}.points": (points_type(dimensions), (count, dimensions)) for group in _GROUPS}
    return {**floats, **points, "labels": (np.dtype(np.uint8), (count,))}
