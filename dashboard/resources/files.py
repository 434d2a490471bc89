"""The addresses of files for the browser: Plotly, the network and the latent space of a run, and its epochs."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from cae.data import picks
from cae.errors import DataUnavailable
from cae.latent.explore import FORMAT, reference_pictures, to_bytes
from cae.runs.run import Run
from cae.web import bundle
from resources.loading import Key, key_of, run_of, stamp_of
from resources.networks import latent_space
from resources.pictures import training_set
from server import serving


def plotly_address() -> str:
    """The address of Plotly's script."""
    return serving.address(f"plotly-{metadata.version('plotly')}.min.js", bundle.plotly_script)


def sheet(tiles: NDArray[np.uint8]) -> str:
    """The address of a file of images, uint8 (T, 28, 28), which the browser keeps."""
    content = tiles.tobytes()
    return serving.address(f"{hashlib.sha256(content).hexdigest()}.tiles", lambda: content)


@dataclass(frozen=True)
class Addresses:
    """The addresses of a run's network, of its latent space, and of the reference digits of its data set."""

    network: str
    space: str
    pictures: str


def addresses(run: Run) -> Addresses:
    """The addresses for a run; measures its latent space if needed."""
    space = latent_space(run)
    dataset = run.dataset
    space_file = f"{space.weights}-space-{FORMAT}-{space.real.points.dtype}.safetensors"
    return Addresses(
        network=network_address(run),
        space=serving.address(space_file, lambda: to_bytes(space)),
        pictures=_pictures(dataset, space.digits),
    )


def _pictures(dataset: str, fingerprint: str) -> str:
    """The address of the reference digits; empty if the training images here differ: neighbours then lack images."""
    try:
        return serving.address(f"{fingerprint}.gz", lambda: reference_pictures(training_set(dataset), fingerprint))
    except DataUnavailable:
        return ""


def network_address(run: Run) -> str:
    """The address of a run's weights."""
    name, content = _network(key_of(run), stamp_of(run.weights_file()))
    return serving.address(f"{name}.safetensors", lambda: content)


@st.cache_resource(max_entries=8, show_spinner=False)
def _network(key: Key, stamp: int) -> tuple[str, bytes]:
    """The hash of the weights and the bytes that have it: a training may replace the file at any time."""
    content = run_of(key).weights_content()
    return hashlib.sha256(content).hexdigest(), content


MOST_FRAMES = 100  # of a film


@dataclass(frozen=True)
class Frame:
    """One kept epoch of a run: the address of its weights, and the test MSE if it was measured."""

    epoch: int
    network: str
    test_mse: float | None


def film(run: Run, wanted: int | None = None) -> list[Frame]:
    """The kept epochs of a run, in order. Raises Damaged.

    If there are more than MOST_FRAMES, only so many: close together where a network learns fastest, and `wanted`.
    """
    kept, planned = run.epochs(), run.info.train.epochs if run.info.train else 0
    places = picks.film(max(planned, len(kept) - 1), MOST_FRAMES)  # which stay the same as epochs are added
    some = (
        {kept[place] for place in places if place < len(kept)}
        | {*kept[-1:]}
        | {epoch for epoch in kept if epoch == wanted}
    )
    past = _film(str(run.path), tuple(sorted(some)), *stamps_of_film(run))
    frames = [
        Frame(epoch, serving.address(f"{weights}.safetensors", run.at(epoch).weights_content), mse)
        for epoch, weights, mse in past[:-1]
    ]
    return [*frames, *(Frame(epoch, network_address(run.at(None)), mse) for epoch, _, mse in past[-1:])]


def stamps_of_film(run: Run) -> list[int]:
    """What changes when the kept epochs change."""
    return [stamp_of(run.path / name) for name in ("history.jsonl", "model.safetensors", "epochs")]


@st.cache_resource(max_entries=32, show_spinner=False)
def _film(path: str, epochs: tuple[int, ...], *stamps: int) -> list[tuple[int, str, float | None]]:
    """The epochs with the hashes of their weights, and the test MSE if it was measured."""
    run = Run(Path(path))
    measured = {record.epoch: record.test_mse for record in run.history()}
    return [(epoch, _hash((path, epoch), stamp_of(run.weights_file(epoch))), measured.get(epoch)) for epoch in epochs]


@st.cache_resource(max_entries=20_000, show_spinner=False)  # each frame once, though every epoch changes the film
def _hash(key: Key, stamp: int) -> str:
    return Run(Path(key[0])).at(key[1]).weights_hash()
