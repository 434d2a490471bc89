"""The maps of a run: points, t-SNE, a film over its epochs, and their addresses for the browser."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from cae.config import MapConfig
from cae.errors import CaeError
from cae.jobs.job import Job
from cae.latent import film, mapfiles, maps
from cae.latent.film import MapFilm
from cae.latent.mapfiles import TSNE, Points, Scores
from cae.runs.run import Run
from resources.files import network_address, stamps_of_film
from resources.loading import Key, import_slowly, key_of, run_of, stamp_of
from resources.pictures import test_images, test_set
from server import serving


@dataclass(frozen=True)
class MapAddresses:
    """The addresses of a map's files: the network, the points with their codes, their images, and their t-SNE
    positions; the last is empty without a t-SNE.
    """

    network: str
    points: str
    pictures: str
    tsne: str


def map_addresses(run: Run, of: Points, layout: TSNE | None) -> MapAddresses:
    """The addresses of a map; `layout` is its t-SNE."""
    from cae.data.images import packed_pictures

    images = test_images(run)
    address = layout and serving.address(
        f"{of.weights}-map-{hashlib.sha256(layout.positions.tobytes()).hexdigest()[:16]}-{of.digits}.safetensors",
        lambda: mapfiles.tsne_for_browser(of, layout),
    )
    return MapAddresses(
        network=network_address(run),
        points=serving.address(
            f"{of.weights}-points-{of.digits}-{mapfiles.FORMAT}.safetensors", lambda: mapfiles.for_browser(of)
        ),
        pictures=serving.address(f"test-{of.digits}.gz", lambda: packed_pictures(images, of.indices)),
        tsne=address or "",
    )


def map_if_ready(run: Run, config: MapConfig, layout: TSNE | None = None) -> MapAddresses | None:
    """The addresses of a map, if its digits are encoded: nobody should wait for that with a pen in hand.

    `layout` is its t-SNE, by default the one with these options.
    """
    if not are_encoded(run, config):
        return None
    return map_addresses(run, points(run, config), layout or tsne(run, config))


def are_encoded(run: Run, config: MapConfig) -> bool:
    """Whether the digits of a map have been encoded."""
    return _which_points(run, config) in _encoded()


def points(run: Run, config: MapConfig) -> Points:
    """The digits of a map, with their codes."""
    which = _which_points(run, config)
    encoded = _points(*which)
    _encoded().add(which)
    return encoded


def _which_points(run: Run, config: MapConfig) -> tuple[Key, int | None, int, int]:
    return key_of(run), config.points, config.seed if config.points else 0, stamp_of(run.weights_file())


@st.cache_resource(show_spinner=False)
def _encoded() -> set[tuple[Key, int | None, int, int]]:
    """The maps whose digits have been encoded."""
    return set()


@st.cache_resource(max_entries=8, show_spinner="Encoding the test digits ...")
def _points(key: Key, count: int | None, seed: int, stamp: int) -> Points:
    import_slowly()
    run = run_of(key)
    return maps.points(run, test_images(run), MapConfig(points=count, seed=seed))


def tsne(run: Run, config: MapConfig) -> TSNE | None:
    """The t-SNE of the run with these options, if it has been computed."""
    of = points(run, config)
    kept = maps.kept(run, config, of.digits, len(of.indices))
    return kept[0] if kept else None


def map_film(run: Run) -> MapFilm | None:
    """The film of maps over a run's epochs, if it has been computed."""
    try:
        result = map_film_job(run).result
    except CaeError:  # its history is damaged, which does not concern the map after the last epoch
        return None
    return _map_film(key_of(run.at(None)), stamp_of(result)) if result.exists() else None


def map_film_job(run: Run) -> Job:
    """The job that computes the film of maps. Raises Damaged or RunNotFound."""
    return _map_film_job(str(run.path), *stamps_of_film(run))


@st.cache_resource(max_entries=32, show_spinner=False)
def _map_film_job(path: str, *stamps: int) -> Job:
    """Cached because its name depends on the weights of all epochs, too many to read at every tick."""
    return film.job(Run(Path(path)))


@st.cache_resource(max_entries=4, show_spinner=False)
def _map_film(key: Key, stamp: int) -> MapFilm | None:
    return film.kept(run_of(key))


def map_film_address(maps_of_epochs: MapFilm) -> str:
    """The address of a film of maps."""
    content = film.for_browser(maps_of_epochs)
    return serving.address(f"film-{hashlib.sha256(content).hexdigest()[:32]}.safetensors", lambda: content)


def usual_tsne(run: Run) -> TSNE | None:
    """The t-SNE of all test images with the default options, if it has been computed; encodes nothing."""
    dataset = run.dataset
    kept = maps.kept(run, MapConfig(), all_digits(dataset), len(test_set(dataset)))
    return kept[0] if kept else None


@st.cache_data(max_entries=4, show_spinner=False)
def all_digits(dataset: str) -> str:
    """The fingerprint of the test images of a data set."""
    images = test_set(dataset)
    return maps.fingerprint(images, np.arange(len(images)))


def places_address(dataset: str, positions: NDArray[np.float32]) -> str:
    """The address of a map of all test images, for the page Compare."""
    content = mapfiles.for_comparison(positions, test_set(dataset))
    return serving.address(f"places-{hashlib.sha256(content).hexdigest()[:32]}.safetensors", lambda: content)


def test_pictures_address(dataset: str) -> str:
    """The address of all test images."""
    from cae.data.images import packed_pictures

    images = test_set(dataset)
    return serving.address(f"test-{all_digits(dataset)}.gz", lambda: packed_pictures(images, np.arange(len(images))))


def map_scores(run: Run, config: MapConfig) -> tuple[float, dict[int, Scores]]:
    """The 10-NN accuracy in the latent space, and the scores of PCA maps with two and three dimensions."""
    of = points(run, config)
    return _map_scores(of.weights, of.digits, run, of)


@st.cache_data(max_entries=16, show_spinner="Comparing neighbourhoods ...")
def _map_scores(weights: str, digits: str, _run: Run, _of: Points) -> tuple[float, dict[int, Scores]]:
    return maps.accuracy_of_codes(_of), maps.flat_scores(_run, _of)
