"""Traversals as files: one latent dimension as a film, and all of them on a sheet."""

from __future__ import annotations

import numpy as np
import streamlit as st

from cae.exports import films
from cae.plots import pictures
from cae.runs.run import Run
from components import Start
from resources import networks
from shared.keeping import add_steered
from shared.taking import take_home
from state import pages, steering


def traversals(run: Run, start: Start) -> None:
    """Traversals from the code that the visitor has reached."""
    space = networks.latent_space(run)
    moved = steering.steered(start.place, start.code)
    code = start.code if moved is None else np.array(moved, np.float32)
    order = [int(dimension) for dimension in np.argsort(-space.influence, kind="stable")]
    add_steered(run, start, code)
    with st.expander("Take a traversal home"):
        st.caption(
            "A traversal starts from the digit as it is now. It moves one latent dimension from the 1st to the 99th "
            "percentile of real codes and back; or each of them, in a row of its own, the strongest first."
        )
        with st.container(horizontal=True, vertical_alignment="bottom"):
            dimension = st.selectbox(
                "Dimension", order, format_func=lambda each: f"z{each}", width=120, key=pages.choice("traversed", order)
            )
            take_home(
                "Traversal (GIF)", lambda: films.traversal(networks.model(run), space, code, dimension).gif(),
                f"z{dimension}.gif", key="gif traversal", help="An animation.",
            )  # fmt: skip
            take_home(
                "All traversals (PNG)",
                lambda: pictures.png(films.traversals(networks.model(run), space, code, order)),
                "traversals.png", key="png traversals", help=f"{len(order)} rows of eleven digits.",
            )  # fmt: skip
