"""The evaluation of a run, and its answers to missions."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from cae.config import MapConfig
from cae.latent import evaluate
from cae.runs.run import Run
from resources.generated import fitted
from resources.loading import Key, key_of, run_of, stamp_of
from resources.maps import points
from resources.networks import latent_space, model
from resources.pictures import test_images

if TYPE_CHECKING:
    from cae.classroom.checks import Guess, Outcome, Strip
    from cae.classroom.missions import Mission
    from cae.latent.evaluate import Judgement


def judgement(run: Run) -> Judgement | None:
    """The evaluation of the run, if it is complete."""
    try:
        return _judgement(key_of(run), stamp_of(run.weights_file()))
    except LookupError:
        return None


@st.cache_resource(max_entries=16, show_spinner=False)
def _judgement(key: Key, stamp: int) -> Judgement:
    """Raises LookupError, which is not cached, if something has not been measured yet."""
    evaluation = evaluate.kept(run_of(key))
    if evaluation is None:
        raise LookupError(key)
    return evaluation


def without(run: Run, indices: NDArray[np.int64], dimension: int) -> tuple[NDArray[np.uint8], NDArray[np.floating]]:
    """Reconstructions of test images with one latent dimension set to its mean, and their MSE on [-1, 1]."""
    from cae.evaluation import probes

    mean = float(points(run, MapConfig()).codes.codes()[:, dimension].mean())
    return probes.without(model(run), test_images(run), indices, dimension, mean)


# -- answers to missions


def is_measured(run: Run, needs: str) -> bool:
    """Whether the measurement that a mission needs has been made."""
    return {"judgement": judgement, "priors": fitted}.get(needs, lambda _: True)(run) is not None


def answer(
    run: Run, mission: Mission, guess: Guess, drawing: NDArray[np.uint8] | None
) -> tuple[Outcome, tuple[Strip, ...]]:
    """What the run answers, with digits that illustrate the answer and the guess. Raises CaeError."""
    from cae.classroom import missions
    from cae.latent import sampling

    latent_space(run)  # shows that it is being measured, if it is
    if drawing is not None or mission.guess == "drawing":
        outcome = missions.find(mission, run, drawing)
        return outcome, missions.show(mission, run, outcome, guess, drawing)
    stamps = stamp_of(run.weights_file()), stamp_of(sampling.job(run).result)
    outcome = _answer(key_of(run), mission.measure, *stamps, mission)
    return outcome, _strips(key_of(run), mission.measure, guess, *stamps, mission, outcome)


@st.cache_data(max_entries=100, show_spinner=False)
def _answer(key: Key, measure: str, stamp: int, result: int, _mission: Mission) -> Outcome:
    from cae.classroom import missions

    return missions.find(_mission, run_of(key))


@st.cache_data(max_entries=100, show_spinner=False)
def _strips(
    key: Key, measure: str, guess: Guess, stamp: int, result: int, _mission: Mission, _outcome: Outcome
) -> tuple[Strip, ...]:
    from cae.classroom import missions

    return missions.show(_mission, run_of(key), _outcome, guess)
