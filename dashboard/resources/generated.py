"""New digits of a run: their priors, how they look, and how good they are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from cae.errors import CaeError
from cae.latent import space
from cae.runs.run import Run
from resources.loading import Key, key_of, run_of, stamp_of
from resources.networks import latent_space, model
from resources.pictures import test_set, training_set, training_squares

if TYPE_CHECKING:
    from cae.config import SampleConfig
    from cae.evaluation.classifier import Judge
    from cae.evaluation.quality import Quality
    from cae.latent.sampling import Fitted, Seen


@st.cache_resource(max_entries=4, show_spinner=False)
def _classifier(dataset: str, stamp: int) -> Judge:
    from cae.evaluation.classifier import judge_of

    return judge_of(dataset)


def classifier(dataset: str) -> Judge | None:
    """The independent classifier of a data set, if there is one."""
    from cae.evaluation.classifier import path

    try:
        return _classifier(dataset, stamp_of(path(dataset)))
    except CaeError:
        return None


def fitted(run: Run) -> Fitted | None:
    """The priors of a run, if they have been fitted."""
    from cae.latent import sampling

    return _fitted(key_of(run), stamp_of(run.weights_file()), stamp_of(sampling.job(run).result))


@st.cache_resource(max_entries=4, show_spinner=False)
def _fitted(key: Key, stamp: int, result: int) -> Fitted | None:
    from cae.latent import sampling

    return sampling.kept(run_of(key))


@dataclass(frozen=True)
class Fresh:
    """New digits, and for each the training image most like it: its index, class and pixels, and their MSE (S,)."""

    seen: Seen
    nearest: NDArray[np.int64]
    labels: NDArray[np.int64]
    pictures: NDArray[np.uint8]
    mse: NDArray[np.float64]


def fresh(run: Run, priors: Fitted, config: SampleConfig) -> Fresh:
    """New digits of the run. Raises CannotFit."""
    return _fresh(key_of(run), config, stamp_of(run.weights_file()), len(priors.priors), priors)


@st.cache_data(max_entries=24, show_spinner=False)
def _fresh(key: Key, config: SampleConfig, stamp: int, count: int, _priors: Fitted) -> Fresh:
    codes = _priors.prior(config.prior, config.of_class).sample(config.count, config.seed)
    return _beside_training(run_of(key), look(run_of(key), codes))


def look(run: Run, codes: NDArray[np.float32]) -> Seen:
    """The digits that codes (S, D) decode to, what the classifier reads in them, and their off-manifold distances."""
    from cae.latent import sampling

    return sampling.look(model(run), latent_space(run), classifier(run.dataset), codes)


def beside_training(run: Run, codes: NDArray[np.float32]) -> Fresh:
    """The digits that codes (S, D) decode to, beside the training images most like them."""
    return _beside_training(run, look(run, codes))


def _beside_training(run: Run, seen: Seen) -> Fresh:
    from cae.evaluation import quality

    dataset = run.dataset
    train = training_set(dataset)
    nearest, mse = quality.nearest(seen.pictures, train.pixels.numpy(), training_squares(dataset))
    return Fresh(seen, nearest, train.labels[nearest].numpy(), train.pixels[nearest].numpy(), mse)


def quality_of(run: Run, priors: Fitted, prior: str, label: int) -> Quality | None:
    """How good 1,000 digits of one class are; None if there is no classifier."""
    return _quality(key_of(run), prior, label, stamp_of(run.weights_file()), len(priors.priors), priors)


@st.cache_data(max_entries=100, show_spinner="Measuring 1,000 of them ...")
def _quality(key: Key, prior: str, label: int, stamp: int, count: int, _priors: Fitted) -> Quality | None:
    from cae.data.images import to_model
    from cae.latent import sampling

    run = run_of(key)
    dataset = run.dataset
    reader = classifier(dataset)
    if reader is None:
        return None
    import torch

    codes = _priors.prior(prior, label).sample(1000, 0)
    digits = to_model(torch.from_numpy(sampling.decoded(model(run), codes).pictures))
    return sampling.yardstick(reader, latent_space(run), test_set(dataset), label).measure(digits, codes)


def distances(run: Run, priors: Fitted, prior: str, label: int | None = None) -> NDArray[np.float64]:
    """The percentiles 0 to 100 of the off-manifold distance of codes from a prior, (101,)."""
    return _distances(key_of(run), prior, label, stamp_of(run.weights_file()), len(priors.priors), priors)


@st.cache_data(max_entries=100, show_spinner=False)
def _distances(key: Key, prior: str, label: int | None, stamp: int, count: int, _priors: Fitted) -> NDArray[np.float64]:
    off = space.off_manifolds(latent_space(run_of(key)).real, _priors.prior(prior, label).sample(1000, 0))
    percentiles: NDArray[np.float64] = np.percentile(off, np.arange(101))
    return percentiles
