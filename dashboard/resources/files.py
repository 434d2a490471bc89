"""Where the browser finds what it computes with: Plotly, the files of a run, and the film of its epochs."""

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
from cae.latent.space import FORMAT, reference_pictures, to_bytes
from cae.runs.run import Run
from cae.web import bundle
from resources.loading import Key, key_of, run_of, stamp_of
from resources.networks import latent_space
from resources.pictures import training_set
from server import serving


def plotly_address() -> str:
    """Where the browser finds Plotly's script."""
    return serving.address(f"plotly-{metadata.version('plotly')}.min.js", bundle.plotly_script)


def sheet(tiles: NDArray[np.uint8]) -> str:
    """Where the browser finds pictures, uint8 (T, 28, 28): once for all who look, and kept there."""
    content = tiles.tobytes()
    return serving.address(f"{hashlib.sha256(content).hexdigest()}.tiles", lambda: content)


@dataclass(frozen=True)
class Addresses:
    """Where the browser finds what it computes with: a run's network, its latent space, the digits of its data set."""

    network: str
    space: str
    pictures: str


def addresses(run: Run) -> Addresses:
    """The files of a run for the browser; measures the latent space where that has not been done."""
    space = latent_space(run)
    dataset = run.dataset
    space_file = f"{space.weights}-space-{FORMAT}-{space.real.points.dtype}.safetensors"
    return Addresses(
        network=network_address(run),
        space=serving.address(space_file, lambda: to_bytes(space)),
        pictures=_pictures(dataset, space.digits),
    )


def _pictures(dataset: str, fingerprint: str) -> str:
    """Where the reference digits are; nowhere, if the training digits here are others: neighbours then go without."""
    try:
        return serving.address(f"{fingerprint}.gz", lambda: reference_pictures(training_set(dataset), fingerprint))
    except DataUnavailable:
        return ""


def network_address(run: Run) -> str:
    """Where the browser finds the weights of a run."""
    name, content = _network(key_of(run), stamp_of(run.weights_file()))
    return serving.address(f"{name}.safetensors", lambda: content)


@st.cache_resource(max_entries=8, show_spinner=False)
def _network(key: Key, stamp: int) -> tuple[str, bytes]:
    """The hash of the weights, and the very bytes that have it: a training may replace the file at any time."""
    content = run_of(key).weights_content()
    return hashlib.sha256(content).hexdigest(), content


MOST_FRAMES = 100  # of a film


@dataclass(frozen=True)
class Frame:
    """One epoch of a run's film: where the browser finds the weights of then, and the test MSE, if it was measured."""

    epoch: int
    network: str
    test_mse: float | None


def film(run: Run, wanted: int | None = None) -> list[Frame]:
    """The epochs of a run to travel through, in order. Raises Damaged.

    All that are kept; of more than MOST_FRAMES so many, close together where a network learns fastest, and `wanted`.
    """
    kept, planned = run.epochs(), run.info.train.epochs if run.info.train else 0
    places = picks.film(max(planned, len(kept) - 1), MOST_FRAMES)  # they stay where they are while epochs are added
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
    """What changes when an epoch is added to what is kept, or taken from it."""
    return [stamp_of(run.path / name) for name in ("history.jsonl", "model.safetensors", "epochs")]


@st.cache_resource(max_entries=32, show_spinner=False)
def _film(path: str, epochs: tuple[int, ...], *stamps: int) -> list[tuple[int, str, float | None]]:
    """The epochs with the hashes of their weights and the test MSE, if it was measured."""
    run = Run(Path(path))
    measured = {record.epoch: record.test_mse for record in run.history()}
    return [(epoch, _hash((path, epoch), stamp_of(run.weights_file(epoch))), measured.get(epoch)) for epoch in epochs]


@st.cache_resource(max_entries=20_000, show_spinner=False)  # of a frame once: every epoch changes the film
def _hash(key: Key, stamp: int) -> str:
    return Run(Path(key[0])).at(key[1]).weights_hash()
