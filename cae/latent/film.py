"""The film of a map: the same test digits laid out by their codes after every kept epoch, each map from the next one.

Computed by a process of its own, from the last epoch back to the first, and kept in the cache.
"""

from __future__ import annotations

import hashlib
from collections.abc import Generator, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cae.config import MapConfig
from cae.data import picks
from cae.disk import reading
from cae.disk.files import write_whole
from cae.disk.kept import Kept
from cae.errors import CaeError, Damaged
from cae.evaluation.codes import codes_of
from cae.jobs.job import Job
from cae.latent import mapfiles, maps, projection
from cae.latent.mapfiles import TSNE
from cae.runs.run import Run

FORMAT = 1
CONFIG = MapConfig(points=2000)  # the digits of all maps of the film
_LARGEST = 2**26  # bytes of the file
MOST = 30  # maps of a film


@dataclass(frozen=True)
class MapFilm:
    """The maps of a run after some of its epochs, in order; all show the same digits.

    epochs: (F,). maps: as many. indices: (N,), which test images they are, ascending.
    """

    epochs: tuple[int, ...]
    maps: tuple[TSNE, ...]
    indices: NDArray[np.int32]

    def nearest(self, epoch: int) -> TSNE:
        """The map after this epoch, or after the one nearest to it."""
        return self.maps[min(range(len(self.epochs)), key=lambda number: abs(self.epochs[number] - epoch))]


def epochs_of(run: Run) -> list[int]:
    """The epochs that its film shows: those that are kept, the last among them, and at most so many."""
    kept = run.epochs()
    if len(kept) <= MOST:
        return kept
    wanted = picks.film(kept[-1], MOST)
    return sorted({min(kept, key=lambda epoch: abs(epoch - each)) for each in wanted})


def job(run: Run) -> Job:
    """The process that computes the film of all that the run has kept."""
    return Job(_place(run).path, ["map", run.name, "--film"])


def kept(run: Run) -> MapFilm | None:
    """The film of the run's kept epochs and of the test images that there are now, if it was computed before."""
    return _place(run).read()


def _place(run: Run) -> Kept[MapFilm]:
    """Where the film is kept: by the weights of all its epochs."""

    def is_right(film: MapFilm) -> bool:
        images = run.test_images()
        indices = maps.chosen(len(images), CONFIG)
        known = (maps.fingerprint(images, indices), CONFIG)
        same = list(film.epochs) == epochs_of(run) and np.array_equal(film.indices, indices)
        return same and all((each.digits, each.config) == known for each in film.maps)

    last = run.at(None)
    hashes = [last.at(epoch).weights_hash() for epoch in epochs_of(last)]
    name = f"map-film-{hashlib.sha256(repr(hashes).encode()).hexdigest()[:16]}.safetensors"
    return Kept(name, to_bytes, from_bytes, is_right, under=last.weights_hash(), largest=_LARGEST)


def compute(run: Run) -> Generator[tuple[int, TSNE], None, MapFilm]:
    """Computes the film and keeps it, unless it is there; yields every map with its epoch, the last epoch first.

    The last map starts from the run's usual one, where that has been computed, and so resembles it. Where another
    process computes the film, waits for that one; asked to stop, keeps nothing. Raises RunNotFound, CannotProject,
    InvalidOption, Damaged, Unwritable, and CaeError where it was stopped.
    """
    run = run.at(None)
    work = job(run)
    with work.at_work():
        before = kept(run)
        if before is None:
            epochs, done = epochs_of(run), []
            if not epochs:
                run.weights()  # raises
            for number, each in enumerate(_computed(run, epochs), start=1):
                work.tell(f"laying out epoch {epochs[-number]}", number / len(epochs))
                if work.is_stop_asked():
                    raise CaeError(f"The film of {run.name} was stopped.")
                done.append(each)
                yield epochs[-number], each
            images = run.test_images()
            film = MapFilm(tuple(epochs), tuple(reversed(done)), maps.chosen(len(images), CONFIG))
            write_whole(work.result, to_bytes(film))
            return film
    yield from zip(reversed(before.epochs), reversed(before.maps), strict=True)
    return before


def _computed(run: Run, epochs: list[int]) -> Iterator[TSNE]:
    """The maps from the last epoch back to the first; all fit into [-1, 1] as the last does, or nearly so."""
    images = run.test_images()
    indices = maps.chosen(len(images), CONFIG)
    pixels, labels = images.pixels[indices], images.labels[indices].numpy()
    digits, classes = maps.fingerprint(images, indices), len(images.class_names)
    past = [run.at(epoch) for epoch in reversed(epochs)]
    codes = [codes_of(each.model(), pixels) for each in past]  # (N, D) each
    usual = maps.found(run, MapConfig())
    first = None if usual is None else usual[0].positions[indices]
    for each, mine, state in zip(past, codes, projection.tsne_series(codes, CONFIG, first), strict=True):
        scores = maps.scores(mine, state.positions, labels, classes)
        yield TSNE(
            CONFIG, state.positions, state.iteration, state.iterations, state.kl, 0.0, scores, digits,
            each.weights_hash(),
        )  # fmt: skip


# -- as files


def to_bytes(film: MapFilm) -> bytes:
    """A film as safetensors: the positions (F, N, 2), and everything else in the header."""
    words = {"format": FORMAT, "epochs": film.epochs, "maps": [mapfiles.words_of(each) for each in film.maps]}
    return mapfiles.save(
        {"positions": np.stack([each.positions for each in film.maps]), "indices": film.indices}, words
    )


def from_bytes(content: bytes) -> MapFilm:
    """Reads what `to_bytes` wrote. Raises Damaged for anything else."""
    values, words = mapfiles.read(content)
    try:
        positions, indices = values["positions"], values["indices"]
        epochs = tuple(words["epochs"])
        if words["format"] != FORMAT or not all(type(epoch) is int for epoch in epochs):
            raise ValueError
        if positions.shape != (len(epochs), len(indices), 2) or indices.dtype != np.int32 or indices.ndim != 1:
            raise ValueError
        both = zip(positions, words["maps"], strict=True)
        return MapFilm(epochs, tuple(mapfiles.from_words(each, said) for each, said in both), indices)
    except (*reading.UNREADABLE, CaeError) as error:
        raise Damaged("The film of a map is damaged and cannot be read.") from error


def for_browser(film: MapFilm) -> bytes:
    """The positions (F, N, 2) of all maps, which digits they are, and after which epochs."""
    positions = np.stack([each.positions for each in film.maps])
    return mapfiles.save({"positions": positions, "indices": film.indices}, {"epochs": film.epochs})
