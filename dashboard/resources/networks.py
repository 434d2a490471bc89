"""The network of a run: codes, reconstructions, errors, and its latent space."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from cae.config import ModelConfig
from cae.evaluation import errors as evaluation_errors
from cae.evaluation.codes import codes_of
from cae.evaluation.errors import Comparison
from cae.latent import explore
from cae.latent.space import LatentSpace
from cae.runs.run import Run
from resources.loading import Key, import_slowly, key_of, run_of, stamp_of
from resources.pictures import baselines, test_images

if TYPE_CHECKING:
    from cae.network.model import ConvAutoencoder, Layer


@st.cache_data(max_entries=16, show_spinner=False)
def layers(config: ModelConfig) -> list[Layer]:
    """The layers of a model of this shape."""
    from cae.network import model

    return model.layers(config)


def model(run: Run, epoch: int | None = None) -> ConvAutoencoder:
    """The network of a run, after its last epoch or a kept one."""
    return _model(key_of(run), epoch, stamp_of(run.weights_file(epoch)))


@st.cache_resource(max_entries=24, show_spinner="Loading the network ...")
def _model(key: Key, epoch: int | None, stamp: int) -> ConvAutoencoder:
    import_slowly()
    return run_of(key).model(epoch)


def fingerprint(run: Run) -> str:
    """The hash of the run's weights."""
    return _fingerprint(key_of(run), stamp_of(run.weights_file()))


@st.cache_data(max_entries=64, show_spinner=False)
def _fingerprint(key: Key, stamp: int) -> str:
    return run_of(key).weights_hash()


def code(run: Run, index: int) -> NDArray[np.float32]:
    """The code (D,) of one test image."""
    return codes_of(model(run), test_images(run).pixels[index : index + 1])[0]  # type: ignore[no-any-return]


def encode(run: Run, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
    """The code (D,) of an image (28, 28)."""
    return codes_of(model(run), pixels[None])[0]  # type: ignore[no-any-return]


def decode(run: Run, codes: NDArray[np.float32]) -> NDArray[np.uint8]:
    """The images (S, 28, 28) that codes (S, D) decode to."""
    from cae.latent import sampling

    return sampling.decoded(model(run), codes).pictures


def reconstruct(run: Run, pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The reconstruction of an image (28, 28)."""
    return decode(run, encode(run, pixels)[None])[0]  # type: ignore[no-any-return]


def compare(run: Run, indices: NDArray[np.int64], epoch: int | None = None, *, with_ssim: bool = False) -> Comparison:
    """Test images beside their reconstructions."""
    return _compare(key_of(run), tuple(map(int, indices)), epoch, stamp_of(run.weights_file(epoch)), with_ssim)


@st.cache_data(max_entries=200, show_spinner=False)
def _compare(key: Key, indices: tuple[int, ...], epoch: int | None, stamp: int, with_ssim: bool) -> Comparison:
    run = run_of(key)
    images = test_images(run)
    return evaluation_errors.compare(model(run, epoch), images, np.array(indices, np.int64), with_ssim=with_ssim)


def errors(run: Run) -> NDArray[np.float32]:
    """The MSE on [-1, 1] of every test image, (N,)."""
    return _errors(key_of(run), stamp_of(run.weights_file()))


@st.cache_data(max_entries=16, show_spinner="Reconstructing the 10,000 test digits ...")
def _errors(key: Key, stamp: int) -> NDArray[np.float32]:
    return evaluation_errors.errors_per_image(run_of(key))


def test_mse(run: Run) -> float:
    """The MSE on the test images, on [-1, 1]: from the run's history, or measured now."""
    record = run.record()
    return record.test_mse if record else float(errors(run).mean())


def references(run: Run) -> tuple[float, float]:
    """The MSE of the mean image, and of PCA with as many components as the run has latent dimensions."""
    run = run.at(None)  # neither depends on the weights
    evaluation = evaluation_errors.kept(run) if run.weights_file().exists() else None
    if evaluation is not None:
        return evaluation.mean_image_mse, evaluation.pca_mse
    measured = baselines(run.dataset)
    return measured.mean_image, measured.pca_with(run.info.model.latent_dim)


def latent_space(run: Run) -> LatentSpace:
    """The run's latent space; if it has not been measured, shows that it is being measured now."""
    key, stamp = key_of(run), stamp_of(run.weights_file())
    if (key, stamp) not in _measured() and run.weights_file().exists() and explore.kept(run) is None:
        place = st.empty()
        with place.status("Measuring the latent space, once for each network ...") as status:
            for step in explore.measuring(run):
                status.update(label=f"Measuring the latent space: {step.text} ...")
        place.empty()
    _measured().add((key, stamp))
    return _latent_space(key, stamp)


@st.cache_resource(show_spinner=False)
def _measured() -> set[tuple[Key, int]]:
    """The weights whose latent space has been measured."""
    return set()


@st.cache_resource(max_entries=8, show_spinner=False)
def _latent_space(key: Key, stamp: int) -> LatentSpace:
    return explore.latent_space(run_of(key))
