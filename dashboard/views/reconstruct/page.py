"""Test images beside their reconstructions."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from cae.data import picks
from cae.plots import figures
from cae.runs.run import Run
from components import chart
from resources import networks, pictures
from shared.chosen import show_chosen_run
from shared.compared import beside_errors
from state import pages

if TYPE_CHECKING:
    from cae.data.images import Images

WAYS = ["At random", "One class", "From an index", "The hardest", "The easiest"]


def choose(run: Run, images: Images) -> NDArray[np.int64]:
    way_column, detail_column, count_column = st.columns([3.4, 1.2, 1.2], vertical_alignment="bottom")
    way_key, index_key = pages.reconstruct_keys(WAYS[0])
    way = way_column.segmented_control("Show", WAYS, key=way_key, required=True, persist_state="session")
    count = int(count_column.slider("How many", 3, 36, 12, step=3))
    with detail_column:
        if way == "One class":
            label = st.selectbox("Class", range(len(images.class_names)), format_func=images.class_names.__getitem__)
            return picks.of_class(images.labels.numpy(), label, count, seed=0)
        if way == "From an index":
            last = len(images) - 1
            first = st.number_input("Index", 0, last, step=1, key=index_key, help="Its index in the test set.")
            return picks.from_index(int(first), count, len(images))
        if way == "The hardest":
            return picks.hardest(networks.errors(run), count)
        if way == "The easiest":
            return picks.easiest(networks.errors(run), count)
        seed = st.number_input("Seed", 0, 2**31, 0, step=1, help="Another seed shows other digits.")
        return picks.at_random(count, len(images), int(seed))


def show(run: Run) -> None:
    images = pictures.test_images(run)
    networks.model(run)  # says at once if there are no weights
    compared = networks.compare(run, choose(run, images), with_ssim=True)
    beside_errors(compared, images.class_names, key="digits", wide=True)
    errors = networks.errors(run)
    by_class, histogram = st.columns(2)
    with by_class:
        st.header("Error per class")
        chart(
            figures.error_by_class(errors, images.labels.numpy(), images.class_names),
            key="error-by-class",
            description="Box plot of the error of the test images of every class",
            keep=run.name,
        )
        st.caption("Box: the middle half of the class, with its median and (dashed) mean. Whiskers: 5 to 95 %.")
    with histogram:
        st.header(f"Error of all {len(images):,} test images")
        chart(
            figures.error_histogram(errors, compared.indices),
            key="error-histogram",
            description="Histogram of the error of all test images; the ones shown are marked",
            keep=run.name,
        )
        st.caption("The marks on the axis are the digits shown above.")


st.title("Reconstruct")
st.markdown("Choose digits: the original is on the left, its reconstruction in the middle, the error on the right.")
show_chosen_run(show)
