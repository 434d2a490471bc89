"""What each latent dimension does: what it costs to lose it, and what the others know of it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import streamlit as st

from cae import words
from cae.evaluation.probes import Probing
from cae.plots import figures
from cae.runs.run import Run
from components import DigitRow, chart, digit_rows
from resources import measured, networks
from resources.pictures import test_images

_ORDERS = ["By cost", "By number"]


def what_they_do(run: Run, codes: Probing) -> None:
    """The cost of each dimension, how they correlate, and one of them in digits."""
    costs, together = st.columns([1.5, 1], gap="large")
    ranked = sorted(range(len(codes.dimensions)), key=lambda index: -codes.dimensions[index].zeroed_mse)
    with costs:
        title, choice = st.columns([1.5, 1], vertical_alignment="bottom")
        title.header("What does each dimension do?")
        order = choice.segmented_control("Order", _ORDERS, default=_ORDERS[0], key="judge order", required=True,
                                         label_visibility="collapsed")  # fmt: skip
        chart(
            figures.zeroing(codes.dimensions, ranked if order == _ORDERS[0] else sorted(ranked), codes.dead),
            key="zeroing", description="By how much the error grows without each dimension", keep=f"{run.name} {order}",
        )  # fmt: skip
        st.caption("How much the error grows when one latent dimension is set to its mean, whatever the digit.")
    with together:
        st.header("Do they say the same?")
        chart(
            figures.correlation(codes.correlation), key="correlation", keep=run.name,
            description="Correlation of every two dimensions over the test images",
        )  # fmt: skip
        st.caption("Correlation over the test images: red ones rise together, blue ones in opposite directions.")
    st.markdown(
        f"**Dead** dimensions, which say nothing: {words.dimensions(codes.dead)}. "
        f"**Redundant** ones, which the others explain to 95 %: {words.dimensions(codes.redundant)}."
    )
    _one_of_them(run, codes, ranked)


def _one_of_them(run: Run, codes: Probing, ranked: Sequence[int]) -> None:
    """The test images that a dimension matters most to, without it."""
    told, pictures = st.columns([1, 1.5], gap="large")
    with told:
        dimension = st.selectbox(
            "Dimension", range(len(ranked)), index=ranked[0], key=f"judge dimension {run.name}",
            format_func=lambda index: f"z{index}, number {ranked.index(index) + 1} of {len(ranked)} by cost",
        )  # fmt: skip
        one = codes.dimensions[dimension]
        st.markdown(
            f"Without **z{dimension}** the error grows by **{words.number(one.zeroed_mse)}**. Its standard deviation "
            f"is {words.number(one.deviation)}, and a linear combination of all others explains "
            f"{words.percent(one.explained, 0)} of its variance."
        )
        st.caption("Beside this: the five test images that need it most.")
    indices = np.array(one.hurt, np.int64)
    compared, (without, errors) = networks.compare(run, indices), measured.without(run, indices, dimension)
    numbers = ", ".join(f"#{index}" for index in one.hurt)
    classes = ", ".join(test_images(run).class_names[label] for label in compared.labels)
    rows: list[DigitRow] = [
        (compared.originals, f"Test digits {numbers} of classes {classes}", ("test digits",), numbers)
    ]
    for images, description, name, mse in (
        (compared.reconstructions, "Their reconstructions", "reconstruction", float(compared.mse.mean())),
        (without, f"Their reconstructions without z{dimension}", f"without z{dimension}", float(errors.mean())),
    ):
        rows.append((images, description, (name, f"MSE {words.number(mse)}"), words.other_scale(mse)))
    with pictures:
        digit_rows(rows, key="without")
