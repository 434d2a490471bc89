"""Where steering starts: a test image, a class mean, zero, a random code, a drawing, a picture, a sample or a link."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import streamlit as st
from numpy.typing import NDArray
from streamlit.delta_generator import DeltaGenerator

from cae.latent.space import LatentSpace, sample
from cae.runs.run import Run
from components import Start
from resources import networks, pictures
from shared.going import link_to_draw
from shared.markdown import plain
from shared.own_drawing import own_drawing
from state import made, steering

if TYPE_CHECKING:
    from cae.data.images import Images

_MOST_SEEDS = 2**31


def starting_point(run: Run, space: LatentSpace) -> Start | None:
    """Draws the choice of the start; returns None if there is nothing to start from yet."""
    if problem := steering.take_link(run, partial(_exists, run, space)):
        st.warning(plain(problem), icon=":material/link_off:")
    choice, details = st.columns([4.4, 3.8], vertical_alignment="bottom")
    with choice:
        way = steering.way_picker(run)
    start = {
        steering.WAYS["digit"]: _test_digit,
        steering.WAYS["mean"]: _class_mean,
        steering.WAYS["zero"]: _zero,
        steering.WAYS["random"]: _random_code,
        steering.DRAWING: _drawing,
        steering.PICTURE: _picture,
        steering.SAMPLE: _sample,
        steering.LINK: _link,
    }[way]
    return start(run, space, details.container(horizontal=True, wrap=False, vertical_alignment="bottom"))


def _exists(run: Run, space: LatentSpace, kind: str, number: int) -> bool:
    """Whether a start that an address names exists."""
    if kind == "digit":
        return number < len(pictures.test_images(run))
    return number <= {"mean": len(space.class_names) - 1, "zero": 0, "random": _MOST_SEEDS}[kind]


def _test_digit(run: Run, _space: LatentSpace, place: DeltaGenerator) -> Start:
    images = pictures.test_images(run)
    classes, last = ["any", *images.class_names], len(images) - 1
    with place:
        number = st.number_input("Index", 0, last, step=1, key=steering.number_key("digit", last),
                                 persist_state="session",
                                 on_change=_any_class, help="Its index in the test set.")  # fmt: skip
        key = steering.number_key("class", len(images.class_names))
        st.selectbox("Class", range(len(classes)), format_func=classes.__getitem__, key=key, persist_state="session",
                     on_change=_digit_of_class, args=(images,))  # fmt: skip
        st.button("Another", on_click=_another_digit, args=(images,), width="content", icon=":material/casino:")
    index = int(number)
    name = f"Test digit {index}, class {images.class_names[images.labels[index]]}"
    return Start(*_id(run, "digit", index), name, networks.code(run, index), images.pixels[index].numpy())


def _any_class() -> None:
    steering.set_number("class", 0)


def _digit_of_class(images: Images) -> None:
    if steering.number("class"):
        _another_digit(images)


def _another_digit(images: Images) -> None:
    """Takes a random test image of the chosen class."""
    label = steering.number("class") - 1
    members = np.arange(len(images)) if label < 0 else np.flatnonzero(images.labels.numpy() == label)
    if len(members):
        steering.set_number("digit", int(np.random.default_rng().choice(members)))


def _class_mean(run: Run, space: LatentSpace, place: DeltaGenerator) -> Start:
    names = space.class_names
    with place:
        label = st.selectbox("Class", range(len(names)), format_func=names.__getitem__, persist_state="session",
                             key=steering.number_key("mean", len(names) - 1))  # fmt: skip
    return Start(*_id(run, "mean", label), f"The mean code of class {names[label]}", space.class_means[label])


def _zero(run: Run, space: LatentSpace, _: object) -> Start:
    return Start(*_id(run, "zero", 0), "All numbers zero", np.zeros_like(space.mean))


def _random_code(run: Run, space: LatentSpace, place: DeltaGenerator) -> Start:
    with place:
        seed = st.number_input("Seed", 0, _MOST_SEEDS, step=1, key=steering.number_key("random", _MOST_SEEDS),
                               persist_state="session", help="Drawn from the Gaussian with the mean and the "
                               "covariance of real codes.")  # fmt: skip
        st.button("Another", on_click=_another_seed, width="content", icon=":material/casino:")
    return Start(*_id(run, "random", int(seed)), f"Random code {int(seed)}", sample(space, 1, int(seed))[0])


def _another_seed() -> None:
    steering.set_number("random", int(np.random.default_rng().integers(_MOST_SEEDS)))


def _drawing(run: Run, _space: LatentSpace, _: object) -> Start | None:
    pixels = own_drawing()
    if pixels is None:
        st.info("There is no drawing yet.")
        link_to_draw()
        return None
    return _own(run, "drawing", pixels)


def _picture(run: Run, _space: LatentSpace, _: object) -> Start:
    return _own(run, "picture", steering.picture())


def _sample(run: Run, _space: LatentSpace, _: object) -> Start:
    chosen = made.sample(run)
    assert chosen is not None  # otherwise it is not offered
    which, place, _ = _id(run, "sample", hash(chosen.code.tobytes()))
    return Start(which, place, "", chosen.name, chosen.code)


def _own(run: Run, kind: str, pixels: NDArray[np.uint8]) -> Start:
    which, place, _ = _id(run, kind, hash(pixels.tobytes()))
    return Start(which, place, "", f"Your {kind}", networks.encode(run, pixels), pixels)


def _link(run: Run, _space: LatentSpace, _: object) -> Start:
    code = steering.linked_code()
    which, place, _ = _id(run, "link", hash(code))
    return Start(which, place, "", "The code of the link", np.array(code, np.float32))


def _id(run: Run, kind: str, number: int) -> tuple[str, str, str]:
    """A start's id, which depends on the weights; its place, which does not; and its name in an address."""
    place = f"{run.name} {kind} {number}"
    return f"{place} {networks.fingerprint(run)[:12]}", place, f"{kind}-{number}"
