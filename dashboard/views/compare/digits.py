"""The same digits through several runs, and their maps side by side."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from cae import words
from cae.config import MapConfig
from cae.data import picks
from cae.runs.run import Run
from components import DigitRow, Sheet, atlas, digit_rows
from resources import files, networks, pictures
from resources.maps import places_address, points, test_pictures_address, usual_tsne
from shared.markdown import plain
from state import messages

_DIGITS = 10
_WAYS = ["At random", "The hardest"]


def same_digits(runs: Sequence[Run]) -> None:
    """Ten test images, and below them their reconstructions by each run."""
    images = pictures.test_images(runs[0])
    indices = _chosen_digits(runs[0], len(images))
    names, labels = images.class_names, images.labels[indices].tolist()
    listed = ", ".join(f"{index} ({names[label]})" for index, label in zip(indices.tolist(), labels, strict=True))
    rows: list[DigitRow] = [(images.pixels[indices].numpy(), f"Test digits {listed}", ("test digits",), "")]
    for run in runs:
        with messages.errors_in_words():
            compared = networks.compare(run, indices)
            mse, name = float(compared.mse.mean()), words.called(run)
            title = f"{name}, mean of these {len(indices)}: {words.other_scale(mse)}"
            caption = (name, f"MSE {words.number(mse)}")
            rows.append((compared.reconstructions, f"Their reconstructions by {name}", caption, title))
    digit_rows(rows, key="same-digits", of_runs=True)


def _chosen_digits(first: Run, available: int) -> NDArray[np.int64]:
    title, way_column, seed_column = st.columns([3, 1.5, 0.8], vertical_alignment="bottom")
    title.header("The same digits through each")
    way = way_column.segmented_control("Digits", _WAYS, default=_WAYS[0], key="compare digits", required=True,
                                      persist_state="session")  # fmt: skip
    if way == _WAYS[1]:
        seed_column.caption(f"hardest for {plain(first.name)}")
        return picks.hardest(networks.errors(first), _DIGITS)
    seed = seed_column.number_input("Seed", 0, 2**31, 0, step=1, help="Another seed shows other digits.")
    return picks.at_random(_DIGITS, available, int(seed))


def maps(runs: Sequence[Run]) -> None:
    """The maps of the runs, all of which ring the digit under the pointer."""
    st.header("Their maps")
    dataset = runs[0].dataset
    sheets = []
    for run in runs:
        with messages.errors_in_words():
            sheets.append(_sheet(run, dataset))
    if sheets:
        atlas(sheets, test_pictures_address(dataset), key="atlas")
    if any(sheet.what.startswith("PCA") for sheet in sheets):
        st.caption(
            "PCA shows only a shadow of the codes. For a t-SNE, measure what is missing above, or open the page Map."
        )


def _sheet(run: Run, dataset: str) -> Sheet:
    dimensions = run.info.model.latent_dim
    tsne = usual_tsne(run) if dimensions > 2 else None
    if tsne:
        what = f"t-SNE, perplexity {tsne.config.perplexity:g}, of {dimensions} dimensions"
        positions = tsne.positions
    else:
        positions = points(run, MapConfig()).positions(2)
        what = {1: "its one dimension, a lane for each class", 2: "its two dimensions"}.get(
            dimensions, f"PCA of {dimensions} dimensions"
        )
    network = files.network_address(run)
    return Sheet(words.called(run), what, places_address(dataset, positions), network, dimensions == 1)
