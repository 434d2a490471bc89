"""Traversals to take home: what one number of the code does, as a film, and all of them on a sheet."""

from __future__ import annotations

import numpy as np
import streamlit as st

import resources
import state
from cae import animation, pictures
from cae.runs import Run
from components import Start
from sections.keeping import add_steered
from sections.taking import take_home


def traversals(run: Run, start: Start) -> None:
    """From the code to which somebody has moved."""
    space = resources.latent_space(run)
    moved = state.steered(start.place, start.code)
    code = start.code if moved is None else np.array(moved, np.float32)
    order = [int(dimension) for dimension in np.argsort(-space.influence, kind="stable")]
    add_steered(run, start, code)
    with st.expander("Take a traversal home"):
        st.caption(
            "From the digit as it is now: one number of its code from the 1st to the 99th percentile of real codes "
            "and back; or every number, a row each, the strongest first."
        )
        with st.container(horizontal=True, vertical_alignment="bottom"):
            dimension = st.selectbox(
                "Number", order, format_func=lambda each: f"z{each}", width=120, key=state.choice("traversed", order)
            )
            take_home(
                "Traversal (GIF)", lambda: animation.traversal(resources.model(run), space, code, dimension).gif(),
                f"z{dimension}.gif", key="gif traversal", help="It moves.",
            )  # fmt: skip
            take_home(
                "All traversals (PNG)",
                lambda: pictures.png(animation.traversals(resources.model(run), space, code, order)),
                "traversals.png", key="png traversals", help=f"{len(order)} rows of eleven digits.",
            )  # fmt: skip
