"""What each number of a code does: what it costs to lose it, and what the others know of it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import streamlit as st

from cae import words
from cae.evaluation.probes import Probing
from cae.plots import figures
from cae.runs.run import Run
from components import Card, chart, digits
from resources import measured, networks
from resources.pictures import test_images

_ORDERS = ["By cost", "By number"]


def what_they_do(run: Run, found: Probing) -> None:
    """The cost of every dimension, how they hang together, and one of them in pictures."""
    costs, together = st.columns([1.5, 1], gap="large")
    ranked = sorted(range(len(found.dimensions)), key=lambda index: -found.dimensions[index].zeroed_mse)
    with costs:
        title, choice = st.columns([1.5, 1], vertical_alignment="bottom")
        title.header("What does each number do?")
        order = choice.segmented_control("Order", _ORDERS, default=_ORDERS[0], key="judge order", required=True,
                                         label_visibility="collapsed")  # fmt: skip
        chart(
            figures.zeroing(found.dimensions, ranked if order == _ORDERS[0] else sorted(ranked), found.dead),
            key="zeroing", description="By how much the error grows without each dimension", keep=f"{run.name} {order}",
        )  # fmt: skip
        st.caption("How much larger the error becomes when a number is replaced by its mean, whatever the digit.")
    with together:
        st.header("Do they say the same?")
        chart(
            figures.correlation(found.correlation), key="correlation", keep=run.name,
            description="Correlation of every two dimensions over the test images",
        )  # fmt: skip
        st.caption("Correlation over the test images: red rise together, blue in opposite directions.")
    st.markdown(
        f"**Dead**, so that they say nothing: {words.dimensions(found.dead)}. "
        f"**Redundant**, so that the others give 95 % of them: {words.dimensions(found.redundant)}."
    )
    one_of_them(run, found, ranked)


def one_of_them(run: Run, found: Probing, ranked: Sequence[int]) -> None:
    """The test images that lose most by one dimension, without it."""
    told, pictures = st.columns([1, 1.5], gap="large")
    with told:
        dimension = st.selectbox(
            "Dimension", range(len(ranked)), index=ranked[0], key=f"judge dimension {run.name}",
            format_func=lambda index: f"z{index}, number {ranked.index(index) + 1} of {len(ranked)} by cost",
        )  # fmt: skip
        one = found.dimensions[dimension]
        st.markdown(
            f"Without **z{dimension}** the error grows by **{words.number(one.zeroed_mse)}**. It has a standard "
            f"deviation of {words.number(one.deviation)}, and a linear combination of all others explains "
            f"{words.percent(one.explained, 0)} of its variance."
        )
        st.caption("Beside this: the five test digits that it hurts most to lose it.")
    indices = np.array(one.hurt, np.int64)
    images = test_images(run)
    whole, (copies, errors) = networks.compare(run, indices), measured.without(run, indices, dimension)
    count, said = len(indices), ", ".join(f"#{index}" for index in one.hurt)
    classes = ", ".join(images.class_names[label] for label in whole.labels)
    rows = (
        (f"Test digits {said} of classes {classes}", "test digits", None),
        ("Their copies", "copy", float(whole.mse.mean())),
        (f"Their copies without z{dimension}", f"without z{dimension}", float(errors.mean())),
    )  # fmt: skip
    with pictures:
        digits(
            np.concatenate([whole.originals, whole.reconstructions, copies]),
            [
                Card(
                    tuple(range(row * count, (row + 1) * count)), description,
                    (name,) if mse is None else (name, f"MSE {words.number(mse)}"),
                    said if mse is None else words.other_scale(mse),
                )
                for row, (description, name, mse) in enumerate(rows)
            ],
            key="without", layout="rows wide",
        )  # fmt: skip
