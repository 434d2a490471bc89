"""The evidence for the answers to missions, and pictures of it: votes, correlations, confused digits."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from cae.classroom.checks import Guess, Outcome, Quantity, Ranking, Strip
from cae.config import PRIORS
from cae.data import baselines, picks
from cae.data.shape import ATTRIBUTES, measure
from cae.disk import reading
from cae.disk.kept import Kept
from cae.disk.tensors import npy, single
from cae.errors import CaeError
from cae.evaluation import errors, probes
from cae.evaluation.codes import codes_of
from cae.latent.explore import chosen, fingerprint, latent_space
from cae.latent.space import NEIGHBOURS, closeness, neighbours, traverse
from cae.runs.run import Run

if TYPE_CHECKING:
    from cae.data.images import Images

Pixels = NDArray[np.uint8]
_SHOWN = 10  # digits in a strip


class NoDrawing(CaeError):
    """There is no drawing yet."""


def votes(run: Run) -> NDArray[np.int64]:
    """The class that the nearest training codes vote for, for each test image, (N,); computed once (some 5 s).

    The vote is that of the page Draw: ten neighbours, weighted by their distance to the power -4.
    """
    test = run.test_images()
    return _kept(run, "votes.npy", (len(test),), lambda: _votes(run, test)).astype(np.int64)


def _votes(run: Run, test: Images) -> NDArray[np.floating]:
    from sklearn.neighbors import NearestNeighbors

    space = latent_space(run)
    points, labels = space.real.codes(), space.real.labels
    model = NearestNeighbors(n_neighbors=min(NEIGHBOURS, len(points)), algorithm="brute").fit(points)
    distances, nearest = model.kneighbors(codes_of(run.model(), test.pixels))  # (N, K)
    weights = closeness(distances)
    shares = [(weights * (labels[nearest] == label)).sum(axis=1) for label in range(len(test.class_names))]
    winners: NDArray[np.floating] = np.stack(shares).argmax(axis=0).astype(np.float32)
    return winners


def correlations(run: Run) -> NDArray[np.floating]:
    """Pearson's r of each of ATTRIBUTES with each latent dimension, (4, D), over the test images; computed once.

    Both are deviations from the mean of the image's class, so that differences between classes do not count. 0 for a
    dimension that does not vary.
    """
    shape = len(ATTRIBUTES), run.info.model.latent_dim
    return _kept(run, "shape-correlations.npy", shape, lambda: _correlations(run))


def _correlations(run: Run) -> NDArray[np.floating]:
    test = run.test_images()
    labels, shapes = test.labels.numpy(), measure(test.pixels.numpy())  # (N, 4)
    both = np.concatenate([shapes, codes_of(run.model(), test.pixels)], axis=1).astype(np.float64)  # (N, 4 + D)
    for label in np.unique(labels):
        both[labels == label] -= both[labels == label].mean(axis=0)
    return probes.correlation(both)[: len(ATTRIBUTES), len(ATTRIBUTES) :]


def _kept(
    run: Run, file: str, shape: tuple[int, ...], compute: Callable[[], NDArray[np.floating]]
) -> NDArray[np.floating]:
    """An array that depends on the weights alone, from the cache or computed now."""

    def from_bytes(content: bytes) -> NDArray[np.floating]:
        return reading.finite(reading.array(content, np.float32, shape[1:]))

    place = Kept(file, npy, from_bytes, lambda array: array.shape == shape, under=run.weights_hash())
    return place.get(lambda: single(compute()))


def confused(run: Run, outcome: Outcome, guess: Guess, drawing: Pixels | None) -> tuple[Strip, ...]:
    """Test images of the two classes that the vote takes for each other."""
    assert isinstance(outcome, Ranking)
    if not outcome.candidates or not outcome.candidates[0].strength:
        return ()
    test, voted = run.test_images(), votes(run)
    labels = test.labels.numpy()
    a, b = pair(outcome.candidates[0].key)
    strips = []
    for own, other in ((a, b), (b, a)):
        members = np.flatnonzero((labels == own) & (voted == other))[:_SHOWN]
        if len(members):
            name = f"{test.class_names[own]}, taken for {test.class_names[other]}"
            strips.append(Strip.of(name, test.pixels[members].numpy()))
    return tuple(strips)


def traversals(run: Run, outcome: Outcome, guess: Guess, drawing: Pixels | None) -> tuple[Strip, ...]:
    """The first test image, decoded along the right dimension and along the guessed one."""
    from cae.latent import sampling

    assert isinstance(outcome, Ranking)
    space, model = latent_space(run), run.model()
    start = codes_of(model, run.test_images().pixels[:1])[0]
    wanted = (outcome.candidates[0].key, guess) if outcome.candidates else (guess,)
    shown = dict.fromkeys(int(key) for key in wanted if isinstance(key, int | float) and 0 <= key < len(start))
    return tuple(
        Strip.of(f"along z{i}", sampling.decoded(model, traverse(space, start, i, _SHOWN)).pictures) for i in shown
    )


def of_class(run: Run, outcome: Outcome, guess: Guess, drawing: Pixels | None) -> tuple[Strip, ...]:
    """Test images of the right class, and their reconstructions."""
    assert isinstance(outcome, Ranking)
    test, first = run.test_images(), outcome.candidates[0]
    shown = errors.compare(run.model(), test, np.flatnonzero(test.labels.numpy() == first.key)[:_SHOWN])
    return Strip.of(f"class {first.name}", shown.originals), Strip.of("their reconstructions", shown.reconstructions)


def samples(run: Run, outcome: Outcome, guess: Guess, drawing: Pixels | None) -> tuple[Strip, ...]:
    """Samples from every prior, and real digits."""
    from cae.latent import sampling

    fitted, model = sampling.kept(run), run.model()
    kinds = [kind for kind in PRIORS if fitted and (kind, None) in fitted.priors]
    strips = [
        Strip.of(PRIORS[kind], sampling.decoded(model, fitted.prior(kind).sample(_SHOWN, 0)).pictures)
        for kind in kinds
        if fitted
    ]
    return (*strips, Strip.of("real", run.test_images().pixels[:_SHOWN].numpy()))


def beside_pca(run: Run, outcome: Outcome, guess: Guess, drawing: Pixels | None) -> tuple[Strip, ...]:
    """A test image of every class and its reconstructions by the network and by PCA with as many numbers or more."""
    assert isinstance(outcome, Quantity)
    test, dataset, own = run.test_images(), run.dataset, run.info.model.latent_dim
    indices = picks.one_per_class(test.labels.numpy(), len(test.class_names))[:_SHOWN]
    shown = errors.compare(run.model(), test, indices)
    counts = dict.fromkeys([own, int(outcome.value) if outcome.unit == "components" else own])
    return (
        Strip.of("originals", shown.originals),
        Strip.of(f"the network, {own}", shown.reconstructions),
        *(Strip.of(f"PCA, {n}", baselines.pca_copies(dataset, shown.originals, n)[0]) for n in counts if n),
    )


def of_drawing(run: Run, outcome: Outcome, guess: Guess, drawing: Pixels | None) -> tuple[Strip, ...]:
    """The drawing, its reconstruction and the training images that voted, if they have not changed since."""
    from cae.data.images import load
    from cae.latent import sampling

    pixels, space, model = drawn(drawing), latent_space(run), run.model()
    code = codes_of(model, pixels[None])[0]
    reconstruction = sampling.decoded(model, code[None]).pictures
    strips = [Strip.of("your drawing, its reconstruction", np.concatenate([pixels[None], reconstruction]))]
    train = load(run.dataset, "train")
    if fingerprint(train) == space.digits:
        voters = chosen(len(train))[0][neighbours(space.inked, code)[0]]
        strips.append(Strip.of("its ten neighbours", train.pixels[voters].numpy()))
    return tuple(strips)


def drawn(drawing: Pixels | None) -> Pixels:
    """The drawing. Raises NoDrawing."""
    if drawing is None:
        raise NoDrawing("There is no drawing yet: draw a digit on the page Draw and come back.")
    return drawing


def pair(key: Guess) -> tuple[int, int]:
    """Two classes."""
    assert isinstance(key, tuple)
    return key
