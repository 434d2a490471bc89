"""New codes beside real ones: where they lie, how far off the manifold, which classes they read as."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import plotly.graph_objects as go

from cae.plots.figures import ACCENT, QUIET, add_baseline, as_label, as_list, empty_figure


def code_plane(real: NDArray[np.floating], drawn: NDArray[np.floating], title: str) -> go.Figure:
    """Where drawn codes (S, 2) lie among real ones (N, 2), both along two directions."""
    figure = empty_figure(height=330)
    for points, name, colour, opacity, size in (
        (real, "codes of real digits", QUIET, 0.35, 4),
        (drawn, as_label(title), ACCENT, 0.75, 5),
    ):
        figure.add_scatter(
            x=as_list(points[:, 0]), y=as_list(points[:, 1]), mode="markers", name=name, hoverinfo="skip",
            marker={"size": size, "color": colour, "opacity": opacity, "symbol": "circle" if points is real else "x"},
        )  # fmt: skip
    figure.update_layout(
        legend={"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0},
        xaxis={"title": "widest direction of the codes", "zeroline": True},
        yaxis={"title": "next widest", "scaleanchor": "x"},
    )
    return figure


def off_manifold_curves(curves: Mapping[str, NDArray[np.floating]], chosen: str) -> go.Figure:
    """The share of codes that are at most so far from real ones, by title: percentiles 0 to 100 of the distance."""
    figure = empty_figure(height=330)
    dashes = ("solid", "dot", "dash", "dashdot")
    for (name, percentiles), dash in zip(curves.items(), dashes, strict=False):
        first = name == next(iter(curves))
        figure.add_scatter(
            x=as_list(percentiles), y=list(range(101)), mode="lines", name=as_label(name),
            line={"color": ACCENT if name == chosen else QUIET, "width": 3 if name == chosen or first else 1.5,
                  "dash": dash},
            hovertemplate=f"%{{y}} % are nearer than %{{x:.3g}}<extra>{as_label(name)}</extra>",
        )  # fmt: skip
    figure.update_layout(
        legend={"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0},
        xaxis={"title": "off-manifold distance", "rangemode": "tozero"}, yaxis={"title": "% of codes"},
    )  # fmt: skip
    return figure


def class_balance(names: Sequence[str], real: Sequence[float], drawn: Sequence[float], title: str) -> go.Figure:
    """The share of each class, (C,), among real digits and among generated ones."""
    figure = empty_figure(height=330)
    for shares, name, colour in ((real, "real digits", QUIET), (drawn, as_label(title), ACCENT)):
        figure.add_bar(
            x=[as_label(each) for each in names], y=as_list(np.multiply(shares, 100)),
            name=name, marker={"color": colour},
            hovertemplate=f"class %{{x}}: %{{y:.3g}} %<extra>{name}</extra>",
        )  # fmt: skip
    figure.update_layout(
        legend={"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0}, bargap=0.25,
        xaxis={"title": "read as", "type": "category"}, yaxis={"title": "% of digits"},
    )  # fmt: skip
    return figure


def on_the_way(
    shares: NDArray[np.floating], values: Mapping[str, NDArray[np.floating]], what: str, usual: float | None = None
) -> go.Figure:
    """A value at each share (S,) of the way between two digits, by the title of the way; `usual` is a line across."""
    figure = empty_figure(height=230)
    for (name, along), dash, colour in zip(values.items(), ("solid", "dash"), (ACCENT, "#e76300"), strict=True):
        figure.add_scatter(
            x=as_list(100 * shares), y=as_list(along), mode="lines", name=as_label(name),
            line={"color": colour, "width": 2.5, "dash": dash},
            hovertemplate=f"%{{y:.3g}} at %{{x:.0f}} %<extra>{as_label(name)}</extra>",
        )  # fmt: skip
    if usual is not None:
        add_baseline(figure, "95 % of real digits are nearer than", usual)
    figure.update_layout(
        legend={"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0}, hovermode="x unified",
        xaxis={"title": "% of the way", "zeroline": False}, yaxis={"title": what, "rangemode": "tozero"},
    )  # fmt: skip
    return figure
