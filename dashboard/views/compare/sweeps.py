"""The results of sweeps: one option, many runs, and the error that each value reached."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from cae import words
from cae.jobs import sweep
from cae.jobs.sweep import Sweep, SweepPoint
from cae.plots import curves
from components import Cell, Group, Row, chart, table
from shared.comparison import MISSING
from shared.markdown import plain


def sweeps() -> None:
    """What a chosen sweep found, and how to make another."""
    found = {each.name: each for each in sweep.all_sweeps()}
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
        st.code("python -m cae sweep --latent-dim 1,2,4,8,16,32,64 --recipe fast", language="bash", wrap_lines=True)


def _shown(found: Sweep) -> None:
    done, has_pca = found.finished, found.option == "latent_dim" and bool(found.pca)
    if done:
        chart(
            curves.sweep(found.label, [point.value for point in done], [point.history[-1] for point in done],
                          pca=found.pca if has_pca else ()),
            key="sweep", of_runs=True, keep=found.name,
            description=f"Test error of {len(done)} runs against {found.label.lower()}",
        )  # fmt: skip
    header = [Cell(str(point.value), point.run) for point in found.points]
    table(header, [_figures(found, has_pca)], name="Figures of the sweep", key="sweep-figures", corner=found.label)
    changed = f", {words.options(found.changed)}" if found.changed else ""
    notes = [f"{found.dataset}, recipe {found.recipe}{changed}; errors of test images after the last epoch."]
    if has_pca:
        notes.append("PCA, fitted to the training images, is the best linear copy with as many numbers.")
    if found.waiting:
        notes.append(f"**{len(found.waiting)} of {len(found.points)} are still to be trained.**")
    failed = [point for point in found.points if point.state == "failed"]
    notes += [f"**{point.run} has failed**: {plain(point.reason)}" for point in failed]
    st.caption(" ".join(notes))


def _figures(found: Sweep, has_pca: bool) -> Group:
    def row(label: str, what: str, cell: Callable[[SweepPoint], Cell]) -> Row:
        return Row(Cell(label, what), tuple(map(cell, found.points)))

    rows = [
        row("MSE on [-1, 1]", "Of test images, after the last epoch.", _error),
        row("Parameters", "Numbers that were learned.", lambda point: Cell(f"{point.parameters:,}")),
        row("Seconds", "Of training, on the machine where it happened.", _seconds),
    ]
    if has_pca:
        rows.insert(1, row("MSE of PCA", "With as many components.", lambda point: _of_pca(found, point)))
    return Group("", tuple(rows))


def _error(point: SweepPoint) -> Cell:
    if point.last is None or point.state != "finished":
        return Cell(point.state, point.reason)
    return Cell(words.number(point.last.test_mse), words.other_scale(point.last.test_mse))


def _seconds(point: SweepPoint) -> Cell:
    return Cell(f"{point.last.seconds:,.0f}" if point.last else MISSING)


def _of_pca(found: Sweep, point: SweepPoint) -> Cell:
    mse = found.pca[min(point.latent_dim, len(found.pca)) - 1]
    return Cell(words.number(mse), words.other_scale(mse))
