"""The results of sweeps: one option, a run for each value, and the error that each reached."""

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
    """The results of a chosen sweep, and how to make another."""
    by_name = {each.name: each for each in sweep.all_sweeps()}
    title, choice = st.columns([3, 1.5], vertical_alignment="bottom")
    title.header("Sweeps")
    st.markdown("What does one option change? A sweep trains a run for each of its values, all else being equal.")
    if by_name:
        name = choice.selectbox("Sweep", by_name, help="Yours come before those of the project.")
        _show(by_name[name])
    else:
        st.info("There are no sweeps yet.")
    with st.expander("How to make a sweep"):
        st.markdown(
            "Sweep any option of a recipe over two values or more. After an interruption, the same command continues. "
            "The results stay here when you delete the runs."
        )
        st.code("python -m cae sweep --latent-dim 1,2,4,8,16,32,64 --recipe fast", language="bash", wrap_lines=True)


def _show(chosen: Sweep) -> None:
    done, has_pca = chosen.finished, chosen.option == "latent_dim" and bool(chosen.pca)
    if done:
        chart(
            curves.sweep(chosen.label, [point.value for point in done], [point.history[-1] for point in done],
                         pca=chosen.pca if has_pca else ()),
            key="sweep", of_runs=True, keep=chosen.name,
            description=f"Test error of {len(done)} runs against {chosen.label.lower()}",
        )  # fmt: skip
    header = [Cell(str(point.value), point.run) for point in chosen.points]
    table(header, [_figures(chosen, has_pca)], name="Figures of the sweep", key="sweep-figures", corner=chosen.label)
    changed = f", {words.options(chosen.changed)}" if chosen.changed else ""
    notes = [f"{chosen.dataset}, recipe {chosen.recipe}{changed}; errors of test images after the last epoch."]
    if has_pca:
        notes.append("PCA, fitted to the training images, is the best linear reconstruction from as many numbers.")
    if chosen.waiting:
        notes.append(f"**{len(chosen.waiting)} of {len(chosen.points)} are still to be trained.**")
    failed = [point for point in chosen.points if point.state == "failed"]
    notes += [f"**{point.run} failed**: {plain(point.reason)}" for point in failed]
    st.caption(" ".join(notes))


def _figures(chosen: Sweep, has_pca: bool) -> Group:
    def row(label: str, what: str, cell: Callable[[SweepPoint], Cell]) -> Row:
        return Row(Cell(label, what), tuple(map(cell, chosen.points)))

    rows = [
        row("MSE on [-1, 1]", "Of test images, after the last epoch.", _error),
        row("Parameters", "How many numbers the network learned.", lambda point: Cell(f"{point.parameters:,}")),
        row("Seconds", "Of training, on the machine that trained it.", _seconds),
    ]
    if has_pca:
        rows.insert(1, row("MSE of PCA", "With as many components.", lambda point: _of_pca(chosen, point)))
    return Group("", tuple(rows))


def _error(point: SweepPoint) -> Cell:
    if point.last is None or point.state != "finished":
        return Cell(point.state, point.reason)
    return Cell(words.number(point.last.test_mse), words.other_scale(point.last.test_mse))


def _seconds(point: SweepPoint) -> Cell:
    return Cell(f"{point.last.seconds:,.0f}" if point.last else MISSING)


def _of_pca(chosen: Sweep, point: SweepPoint) -> Cell:
    mse = chosen.pca[min(point.latent_dim, len(chosen.pca)) - 1]
    return Cell(words.number(mse), words.other_scale(mse))
