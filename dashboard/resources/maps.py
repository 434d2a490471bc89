"""The map of a run, as points, as t-SNE and as a film over its epochs, and where the browser finds it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from cae.config import MapConfig
from cae.data.images import packed_pictures
from cae.errors import CaeError
from cae.jobs.process import Job
from cae.latent import film, maps
from cae.latent.film import MapFilm
from cae.latent.maps import TSNE, Points, Scores
from cae.runs.run import Run
from resources.files import network_address, stamps_of_film
from resources.loading import Key, import_slowly, key_of, run_of, stamp_of
from resources.pictures import test_images, test_set
from server import serving


@dataclass(frozen=True)
class MapAddresses:
    """Where the browser finds the map of a run: its network, the digits with their codes, their pictures, and where
    t-SNE has put them; empty where it has not.
    """

    network: str
    points: str
    pictures: str
    tsne: str


def map_addresses(run: Run, of: Points, found: TSNE | None) -> MapAddresses:
    """The files of a map for the browser."""
    images = test_images(run)
    tsne = found and serving.address(
        f"{of.weights}-map-{hashlib.sha256(found.positions.tobytes()).hexdigest()[:16]}-{of.digits}.safetensors",
        lambda: maps.tsne_for_browser(of, found),
    )
    return MapAddresses(
        network=network_address(run),
        points=serving.address(
            f"{of.weights}-points-{of.digits}-{maps.FORMAT}.safetensors", lambda: maps.for_browser(of)
        ),
        pictures=serving.address(f"test-{of.digits}.gz", lambda: packed_pictures(images, of.indices)),
        tsne=tsne or "",
    )


def map_if_ready(run: Run, config: MapConfig, found: TSNE | None = None) -> MapAddresses | None:
    """The files of a map for the browser, if its digits have been encoded: nobody waits for that pen in hand.

    `found` is where t-SNE has put them, if not where it has with these options.
    """
    if not are_encoded(run, config):
        return None
    return map_addresses(run, points(run, config), found or tsne(run, config))


def are_encoded(run: Run, config: MapConfig) -> bool:
    """Whether the digits of a map are at hand."""
    return _which_points(run, config) in _encoded()


def points(run: Run, config: MapConfig) -> Points:
    """The digits of a map of the run."""
    which = _which_points(run, config)
    found = _points(*which)
    _encoded().add(which)
    return found


def _which_points(run: Run, config: MapConfig) -> tuple[Key, int | None, int, int]:
    return key_of(run), config.points, config.seed if config.points else 0, stamp_of(run.weights_file())


@st.cache_resource(show_spinner=False)
def _encoded() -> set[tuple[Key, int | None, int, int]]:
    """The digits that are known to be encoded."""
    return set()


@st.cache_resource(max_entries=8, show_spinner="Encoding the test digits ...")
def _points(key: Key, count: int | None, seed: int, stamp: int) -> Points:
    import_slowly()
    run = run_of(key)
    return maps.points(run, test_images(run), MapConfig(points=count, seed=seed))


def tsne(run: Run, config: MapConfig) -> TSNE | None:
    """The t-SNE of the run with these options, where it has been computed."""
    of = points(run, config)
    kept = maps.kept(run, config, of.digits, len(of.indices))
    return kept[0] if kept else None


def map_film(run: Run) -> MapFilm | None:
    """The maps of a run after its kept epochs, if they have been computed."""
    try:
        result = map_film_job(run).result
    except CaeError:  # its history is damaged, which does not concern the map after the last epoch
        return None
    return _map_film(key_of(run.at(None)), stamp_of(result)) if result.exists() else None


def map_film_job(run: Run) -> Job:
    """The process that computes them. Raises Damaged or RunNotFound."""
    return _map_film_job(str(run.path), *stamps_of_film(run))


@st.cache_resource(max_entries=32, show_spinner=False)
def _map_film_job(path: str, *stamps: int) -> Job:
    """It is named after the weights of all epochs, which are not to be read for every tick of a page."""
    return film.job(Run(Path(path)))


@st.cache_resource(max_entries=4, show_spinner=False)
def _map_film(key: Key, stamp: int) -> MapFilm | None:
    return film.kept(run_of(key))


def map_film_address(found: MapFilm) -> str:
    """Where the browser finds them."""
    content = film.for_browser(found)
    return serving.address(f"film-{hashlib.sha256(content).hexdigest()[:32]}.safetensors", lambda: content)


def usual_tsne(run: Run) -> TSNE | None:
    """The t-SNE of all test digits with the usual options, where it has been computed; nothing is encoded for it."""
    dataset = run.dataset
    kept = maps.kept(run, MapConfig(), all_digits(dataset), len(test_set(dataset)))
    return kept[0] if kept else None


@st.cache_data(max_entries=4, show_spinner=False)
def all_digits(dataset: str) -> str:
    """The fingerprint of the test images of a data set."""
    images = test_set(dataset)
    return maps.fingerprint(images, np.arange(len(images)))


def places_address(dataset: str, positions: NDArray[np.float32]) -> str:
    """Where the browser finds a map of all test images, to be laid beside others."""
    content = maps.for_comparison(positions, test_set(dataset))
    return serving.address(f"places-{hashlib.sha256(content).hexdigest()[:32]}.safetensors", lambda: content)


def test_pictures_address(dataset: str) -> str:
    """Where the browser finds all test images."""
    images = test_set(dataset)
    return serving.address(f"test-{all_digits(dataset)}.gz", lambda: packed_pictures(images, np.arange(len(images))))


def map_scores(run: Run, config: MapConfig) -> tuple[float, dict[int, Scores]]:
    """The accuracy of the vote in the latent space, and the scores of PCA in two and three dimensions."""
    of = points(run, config)
    return _map_scores(of.weights, of.digits, run, of)


@st.cache_data(max_entries=16, show_spinner="Comparing neighbourhoods ...")
def _map_scores(weights: str, digits: str, _run: Run, _of: Points) -> tuple[float, dict[int, Scores]]:
    return maps.accuracy_of_codes(_of), maps.flat_scores(_run, _of)
