"""What pages measure of a run when asked to: its evaluation, and its priors."""

from __future__ import annotations

import streamlit as st

from cae.latent import evaluate
from cae.runs.run import Run
from shared.working import job_part


def measuring(run: Run) -> None:
    """The evaluation of the run: the button that starts it, or how far it is."""

    def offer() -> bool:
        told, button = st.columns([5, 1.2], vertical_alignment="center")
        told.markdown(
            "This run has not been evaluated yet. That takes a minute or so, once: the error by three measures and "
            "class by class, how well its codes tell the classes apart, what each latent dimension does, and how far "
            "its map can be trusted."
        )
        return button.button("Judge this run", type="primary", width="stretch")

    job_part(lambda: evaluate.job(run), "Measuring", offer)


def fitting(run: Run) -> None:
    """The priors of the run: the button that fits them, or how far that is."""

    def offer() -> bool:
        st.info(
            "Priors must first be fitted to the codes of all training images. That takes a minute or two, once.",
            icon=":material/info:",
        )
        return st.button("Fit the priors", type="primary", width="stretch")

    from cae.latent import sampling  # imports torch

    job_part(lambda: sampling.job(run), "Fitting the priors", offer)
