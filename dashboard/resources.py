"""Every cache of the app. What the pages show is fetched here, and computed at most once."""

from __future__ import annotations

import importlib
import threading
from collections.abc import Callable
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from cae import evaluation
from cae.config import ModelConfig
from cae.evaluation import Comparison
from cae.metrics import Baselines
from cae.records import EpochRecord, Progress
from cae.runs import Run

if TYPE_CHECKING:
    from cae.data import Images
    from cae.model import ConvAutoencoder, Layer

_STATIC = Path(__file__).resolve().parent / "static"


@st.cache_resource(show_spinner=False)
def warm_up() -> None:
    """Begins to import torch and Plotly in the background, so that the first page's title need not wait for it."""
    threading.Thread(target=_import_slowly, daemon=True).start()


def _import_slowly() -> None:
    torch = importlib.import_module("torch")
    torch.set_num_threads(1)  # the script threads of the sessions share the cores already
    importlib.import_module("plotly.graph_objects")


@st.cache_resource(show_spinner=False)
def plotly_address() -> str:
    """Where the browser finds Plotly's script: a file that this server serves."""
    name = f"plotly-{metadata.version('plotly')}.min.js"
    if not (_STATIC / name).exists():
        from plotly.offline import get_plotlyjs

        from cae.files import write_whole

        script = get_plotlyjs().encode()
        try:
            _STATIC.mkdir(exist_ok=True)
            write_whole(_STATIC / name, script)
        except OSError:  # the checkout cannot be written to: from memory, then
            from streamlit.runtime import get_instance

            return get_instance().media_file_mgr.add(script, "application/javascript", "plotly").lstrip("/")
    return f"app/static/{name}"


@st.cache_resource(max_entries=4, show_spinner="Reading the pictures ...")
def test_set(dataset: str) -> Images:
    """The test images of a data set."""
    from cae import data

    return data.load(dataset, "test")


@st.cache_data(max_entries=4, show_spinner="Working out the baselines ...")
def baselines(dataset: str) -> Baselines:
    """What the mean image and PCA reach on a data set."""
    return evaluation.baselines(dataset)


@st.cache_data(max_entries=16, show_spinner=False)
def layers(config: ModelConfig) -> list[Layer]:
    """The layers of a model of this shape."""
    from cae import model

    return model.layers(config)


def model(run: Run, epoch: int | None = None) -> ConvAutoencoder:
    """The network of a run, after its last epoch or a kept one."""
    return _model(str(run.path), epoch, _stamp(run.weights_file(epoch)))


@st.cache_resource(max_entries=24, show_spinner="Loading the network ...")
def _model(path: str, epoch: int | None, stamp: int) -> ConvAutoencoder:
    _import_slowly()
    return Run(Path(path)).model(epoch)


def errors(run: Run) -> NDArray[np.float32]:
    """The MSE on [-1, 1] of every test image, (N,)."""
    return _errors(str(run.path), _stamp(run.path / "model.safetensors"))


@st.cache_data(max_entries=16, show_spinner="Reconstructing the 10,000 test digits ...")
def _errors(path: str, stamp: int) -> NDArray[np.float32]:
    return evaluation.errors_per_image(Run(Path(path)))


def references(run: Run) -> tuple[float, float]:
    """What the mean image reaches, and PCA with as many numbers as the run has; from its evaluation if there is one."""
    found = evaluation.kept(run) if run.weights_file().exists() else None
    if found is not None:
        return found.mean_image_mse, found.pca_mse
    reference = baselines(evaluation.dataset_of(run))
    return reference.mean_image, reference.pca_with(run.info.model.latent_dim)


def compare(run: Run, indices: NDArray[np.int64], epoch: int | None = None, *, with_ssim: bool = False) -> Comparison:
    """Test images beside what the run's network makes of them."""
    numbers = tuple(int(index) for index in indices)
    return _compare(str(run.path), numbers, epoch, _stamp(run.weights_file(epoch)), with_ssim)


@st.cache_data(max_entries=200, show_spinner=False)
def _compare(path: str, indices: tuple[int, ...], epoch: int | None, stamp: int, with_ssim: bool) -> Comparison:
    run = Run(Path(path))
    images = test_set(evaluation.dataset_of(run))
    return evaluation.compare(model(run, epoch), images, np.array(indices, np.int64), with_ssim=with_ssim)


def code(run: Run, index: int) -> NDArray[np.float32]:
    """The latent code (D,) of one test image."""
    from cae.data import to_model

    images = test_set(evaluation.dataset_of(run))
    return model(run).encode(to_model(images.pixels[index : index + 1]))[0].numpy()  # type: ignore[no-any-return]


def test_mse(run: Run) -> float:
    """The error on the test set, on [-1, 1]: as the training measured it, or measured now."""
    history = run.history()
    return history[-1].test_mse if history else float(errors(run).mean())


def curve(run: Run) -> tuple[list[EpochRecord], list[Progress]]:
    """The history of a run and its progress between the epochs."""
    return _curve(str(run.path), _stamp(run.path / "history.jsonl"), _stamp(run.path / "progress.jsonl"))


@st.cache_resource(max_entries=64, show_spinner=False)  # not copied at every tick: nobody changes a record
def _curve(path: str, history: int, progress: int) -> tuple[list[EpochRecord], list[Progress]]:
    run = Run(Path(path))
    return run.history(), run.progress()


def zipped(run: Run) -> Callable[[], bytes]:
    """Packs the run as a zip, when it is asked for."""

    def pack() -> bytes:
        from cae.exchange import pack

        return pack(run)

    return pack


def _stamp(path: Path) -> int:
    """What changes when the file does."""
    try:
        found = path.stat()
    except OSError:
        return 0
    return found.st_mtime_ns ^ found.st_size
