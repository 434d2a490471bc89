"""The results of sweeps: one option, many runs, and the error that each value reached."""

from __future__ import annotations

import streamlit as st

import wording
from cae import figures, sweep
from cae.sweep import Sweep
from components import chart


def sweeps() -> None:
    """What a chosen sweep found, and how to make another."""
    found = {each.name: each for each in sweep.found()}
    title, choice = st.columns([3, 1.5], vertical_alignment="bottom")
    title.header("Sweeps")
    st.markdown("What does one option change? A sweep trains a run for each of its values, all else being equal.")
    if found:
        name = choice.selectbox("Sweep", found, help="Your own before those that come with the project.")
        _shown(found[name])
    else:
        st.info("There are no results of a sweep yet.")
    with st.expander("How to make a sweep"):
        st.markdown(
            "Any option of a recipe, and two values or more. Interrupted, the same command goes on where it was; the "
            "results stay here when the runs are deleted."
        )
        st.code("python -m cae sweep --latent-dim 1,2,4,8,16,32,64 --recipe fast", language="bash")


def _shown(found: Sweep) -> None:
    done = found.finished
    with_pca = found.option == "latent_dim" and bool(found.pca)
    changed = f", {wording.options(found.changed)}" if found.changed else ""
    if done:
        picture, table = st.columns([1.5, 1], gap="large")
        reached = [point.history[-1] for point in done]
        with picture:
            chart(
                figures.sweep(found.label, [point.value for point in done], reached,
                              pca=found.pca if with_pca else ()),
                key="sweep", keep=found.name,
                description=f"Test error of {len(done)} runs against {found.label.lower()}",
            )  # fmt: skip
        with table:
            st.markdown(_table(found, with_pca))
    notes = [f"{found.dataset}, recipe {found.recipe}{changed}; test error, MSE on [-1, 1], after the last epoch."]
    if with_pca:
        notes.append("PCA's is that of as many components, fitted to the training images: the best without a network.")
    if found.waiting:
        notes.append(f"**{len(found.waiting)} of {len(found.points)} are still to be trained.**")
    notes += [f"**{point.run} has failed**: {point.reason}" for point in found.points if point.state == "failed"]
    st.caption(" ".join(notes))


def _table(found: Sweep, with_pca: bool) -> str:
    pca = [
        f"{found.pca[min(point.latent_dim, len(found.pca)) - 1]:.4f} |" if with_pca else "" for point in found.points
    ]
    return (
        f"| {found.label.lower()} | parameters | test MSE | {'PCA |' * with_pca} seconds |\n"
        f"|--:|--:|--:|{'--:|' * with_pca}--:|\n"
        + "\n".join(
            f"| {wording.plain(str(point.value))} | {point.parameters:,} "
            + (f"| {point.last.test_mse:.4f} | " if point.last and point.state == "finished" else f"| {point.state} | ")
            + beside
            + (f" {point.last.seconds:,.0f} |" if point.last else " – |")
            for point, beside in zip(found.points, pca, strict=True)
        )
    )
