"""Where the steering starts: a digit, a mean, zero, a random code, a drawing or a link."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import streamlit as st

import resources
import state
from cae import evaluation, latent
from cae.latent import LatentSpace
from cae.runs import Run
from components import Start

if TYPE_CHECKING:
    from cae.data import Images

WAYS = ["Test digit", "Class mean", "Zero", "Random code", state.DRAWING]


def starting_point(run: Run, space: LatentSpace) -> Start | None:
    """Draws the choice, and gives the start; None where there is nothing to start from yet."""
    prefix = f"{run.name} {resources.fingerprint(run)[:12]}"
    if problem := state.take_link(len(space.mean)):
        st.warning(problem, icon=":material/link_off:")
    choice, first, second, third = st.columns([4.4, 1.2, 1.2, 1.2], vertical_alignment="bottom")
    with choice:
        way = state.way_picker(WAYS)
    if way == "Class mean":
        with first:
            label = st.selectbox("Class", range(len(space.class_names)), format_func=space.class_names.__getitem__,
                                 key=state.number_key("mean", 0), persist_state="session")  # fmt: skip
        return Start(
            f"{prefix} mean {label}", f"The mean of class {space.class_names[label]}", space.class_means[label]
        )
    if way == "Zero":
        return Start(f"{prefix} zero", "The code of zeros", np.zeros_like(space.mean))
    if way == "Random code":
        with second:
            st.button("Another", on_click=_another_seed, width="stretch", icon=":material/casino:")
        with first:
            seed = int(st.number_input("Seed", 0, 2**31, step=1, key=state.number_key("seed", 0),
                                       persist_state="session", help="Drawn from the Gaussian that has the mean and "
                                       "the covariance of the training digits' codes."))  # fmt: skip
        return Start(f"{prefix} random {seed}", f"Random code {seed}", latent.sample(space, 1, seed)[0])
    if way == state.DRAWING:
        return _drawing(run, prefix)
    if way == state.LINK:
        code = state.linked_code(len(space.mean))
        if code is None:
            st.info("The link belongs to a network with another number of dimensions.")
            return None
        return Start(f"{prefix} link {hash(code)}", "The code of the link", np.array(code, np.float32))
    images = resources.test_set(evaluation.dataset_of(run))
    with second:
        classes = ["any", *images.class_names]
        wanted = st.selectbox("Class", range(len(classes)), format_func=classes.__getitem__,
                              key=state.number_key("class", 0), persist_state="session",
                              help="Of which “Another” takes one at random.")  # fmt: skip
    with third:
        st.button(
            "Another", on_click=_another_digit, args=(images, wanted - 1), width="stretch", icon=":material/casino:"
        )
    with first:
        number = st.number_input("Index", 0, len(images) - 1, step=1, key=state.number_key("index", 0),
                                 persist_state="session", help="The number of a digit in the test set.")  # fmt: skip
    index = int(number)
    name = images.class_names[images.labels[index]]
    return Start(f"{prefix} digit {index}", f"Test digit {index}, a {name}", resources.code(run, index),
                 images.pixels[index].numpy())  # fmt: skip


def _drawing(run: Run, prefix: str) -> Start | None:
    pixels = state.drawing()
    if pixels is None:
        st.info("There is no drawing yet.")
        st.page_link("views/draw.py", label="Draw a digit", icon=":material/draw:")
        return None
    return Start(f"{prefix} drawing {hash(pixels.tobytes())}", "Your drawing", resources.encode(run, pixels), pixels)


def _another_seed() -> None:
    state.set_number("seed", int(np.random.default_rng().integers(2**31)))


def _another_digit(images: Images, label: int) -> None:
    members = np.arange(len(images)) if label < 0 else np.flatnonzero(images.labels.numpy() == label)
    if len(members):
        state.set_number("index", int(np.random.default_rng().choice(members)))
