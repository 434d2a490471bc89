"""The images of data sets, the baselines on them, and uploaded pictures as a network sees them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from cae.data import baselines as data_baselines
from cae.data.baselines import Baselines
from cae.runs.run import Run

if TYPE_CHECKING:
    from cae.data.images import Images
    from cae.data.photo import Photo


@st.cache_resource(max_entries=4, show_spinner="Reading the pictures ...")
def test_set(dataset: str) -> Images:
    """The test images of a data set."""
    from cae.data.images import load

    return load(dataset, "test")


def test_images(run: Run) -> Images:
    """The test images of the run's data set."""
    return test_set(run.dataset)


@st.cache_resource(max_entries=2, show_spinner="Reading the pictures ...")
def training_set(dataset: str) -> Images:
    """The training images of a data set."""
    from cae.data.images import load

    return load(dataset, "train")


@st.cache_resource(max_entries=2, show_spinner=False)
def training_squares(dataset: str) -> NDArray[np.float32]:
    """The sum of squares of each training image, for finding the nearest."""
    from cae.evaluation import quality

    return quality.squares(training_set(dataset).pixels.numpy())


@st.cache_data(max_entries=4, show_spinner="Working out the baselines ...")
def baselines(dataset: str) -> Baselines:
    """The errors of the mean image and of PCA on a data set."""
    return data_baselines.baselines(dataset)


def pca_copies(run: Run, indices: NDArray[np.int64]) -> tuple[NDArray[np.uint8], NDArray[np.floating]]:
    """Test images reconstructed by PCA with as many components as latent dimensions, and their MSE on [-1, 1]."""
    return _pca_copies(run.dataset, tuple(map(int, indices)), run.info.model.latent_dim)


@st.cache_data(max_entries=50, show_spinner="Fitting PCA ...")
def _pca_copies(dataset: str, indices: tuple[int, ...], count: int) -> tuple[NDArray[np.uint8], NDArray[np.floating]]:
    return data_baselines.pca_copies(dataset, test_set(dataset).pixels[list(indices)].numpy(), count)


@st.cache_data(max_entries=8, show_spinner="Looking for the digit ...")
def photo(content: bytes) -> Photo:
    """The digit in an uploaded picture. Raises UnreadablePicture."""
    from cae.data.photo import read

    return read(content)


def normalise_ink(ink: NDArray[np.floating]) -> NDArray[np.uint8]:
    """Ink of any size as the network sees it, uint8 (28, 28)."""
    from cae.data.ink import normalise_ink

    return normalise_ink(ink)
