"""Measurements into Plotly figures: pure. Also the colours and the empty figure that all charts share.

Text, grid and paper take their colours from the page that shows the figure.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from cae import words
from cae.plots.pictures import ADDED, MISSING

if TYPE_CHECKING:
    import plotly.graph_objects as go

    from cae.evaluation.probes import Dimension

ACCENT = "#8b5cf6"
QUIET = "#8a8a94"
# Ten colours that stay apart under the common colour-vision deficiencies: M. A. Petroff, "Accessible color sequences
# for data visualization", arXiv:2107.02270.
CLASS_COLOURS = (
    "#3f90da", "#ffa90e", "#bd1f01", "#94a4a2", "#832db6", "#a96b59", "#e76300", "#b9ac70", "#717581", "#92dadd",
)  # fmt: skip


def error_by_class(errors: NDArray[np.floating], labels: NDArray[np.integer], names: Sequence[str]) -> go.Figure:
    """The spread of the error per image, (N,) on [-1, 1], per class: median, quartiles, 5th and 95th percentile."""
    figure = empty_figure(height=320)
    present = [label for label in range(len(names)) if (labels == label).any()]
    low, first, middle, third, high = np.array(
        [np.percentile(errors[labels == label], (5, 25, 50, 75, 95)) for label in present]
    ).T
    figure.add_box(
        x=[as_label(names[label]) for label in present], q1=as_list(first), median=as_list(middle), q3=as_list(third),
        lowerfence=as_list(low), upperfence=as_list(high),
        mean=as_list([errors[labels == label].mean() for label in present]),
        line={"color": ACCENT, "width": 1.5}, fillcolor="rgba(139, 92, 246, 0.18)", showlegend=False, name="",
    )  # fmt: skip
    figure.update_layout(
        xaxis={"title": "class", "type": "category"}, yaxis={"title": "MSE on [-1, 1]", "rangemode": "tozero"}
    )
    return figure


def error_histogram(errors: NDArray[np.floating], shown: NDArray[np.integer], bins: int = 60) -> go.Figure:
    """How the error per image, (N,) on [-1, 1], is distributed, with those at the indices `shown` marked."""
    figure = empty_figure(height=320)
    top = max(float(np.percentile(errors, 99.8)), float(errors[shown].max(initial=0)))
    counts, edges = np.histogram(np.minimum(errors, top), bins=bins, range=(0, top))
    centres = (edges[:-1] + edges[1:]) / 2
    figure.add_bar(
        x=as_list(centres), y=counts.tolist(), width=float(edges[1]), marker={"color": QUIET, "opacity": 0.55},
        name="all", hovertemplate="%{y} digits near %{x:.3g}<extra></extra>", showlegend=False,
    )  # fmt: skip
    figure.add_scatter(
        x=as_list(np.minimum(errors[shown], top)), y=[0] * len(shown), mode="markers", name="shown here",
        marker={"symbol": "line-ns", "size": 22, "color": ACCENT, "line": {"width": 2, "color": ACCENT}},
        customdata=shown.tolist(), hovertemplate="#%{customdata}: %{x:.3g}<extra>shown</extra>", cliponaxis=False,
        showlegend=False,
    )  # fmt: skip
    mean = float(errors.mean())
    figure.add_vline(
        x=mean, line={"color": QUIET, "width": 1, "dash": "dot"},
        annotation={"text": f"mean {mean:.3g}", "font": {"size": 11}}, annotation_position="top right",
    )  # fmt: skip
    figure.update_layout(
        bargap=0, xaxis={"title": "MSE on [-1, 1]", "rangemode": "tozero"}, yaxis={"title": "test images"}
    )
    return figure


def references(entries: Sequence[tuple[str, float]], mine: str) -> go.Figure:
    """Errors, MSE on [-1, 1], beside each other as bars, the first at the top; the one called `mine` stands out."""
    figure = empty_figure(height=52 + 34 * len(entries))
    top = max(value for _, value in entries)
    figure.add_bar(
        y=[as_label(name) for name, _ in entries], x=as_list([value for _, value in entries]), orientation="h",
        marker={"color": [ACCENT if name == mine else QUIET for name, _ in entries]},
        text=[words.number(value) for _, value in entries], textposition="outside", cliponaxis=False,
        customdata=as_list([0.25 * value for _, value in entries]), showlegend=False,
        hovertemplate="%{y}: %{x:.3g} (%{customdata:.3g} on [0, 1])<extra></extra>",
    )  # fmt: skip
    figure.update_layout(
        margin={"l": 10, "r": 12, "t": 4, "b": 40}, bargap=0.35,
        xaxis={"title": "MSE on [-1, 1]", "range": [0, 1.18 * top], "zeroline": False},
        yaxis={"type": "category", "autorange": "reversed", "automargin": True, "ticks": "", "fixedrange": True},
    )  # fmt: skip
    return figure


def zeroing(dimensions: Sequence[Dimension], order: Sequence[int], dead: Sequence[int] = ()) -> go.Figure:
    """By how much the error grows without each dimension, MSE on [-1, 1], in this order; those that are dead are grey.

    Redundant ones are hatched.
    """
    figure = empty_figure(height=380)
    shown = [dimensions[index] for index in order]
    figure.add_bar(
        x=[f"z{index}" for index in order], y=as_list([each.zeroed_mse for each in shown]), showlegend=False,
        marker={
            "color": [QUIET if index in dead else ACCENT for index in order],
            "pattern": {"shape": ["/" if each.is_redundant and index not in dead else ""
                                  for index, each in zip(order, shown, strict=True)], "fgcolor": "#ffffff"},
        },
        customdata=[[rounded(each.deviation), rounded(100 * each.explained)] for each in shown],
        hovertemplate=(
            "%{x}: the error grows by %{y:.3g}<br>standard deviation %{customdata[0]:.3g}"
            "<br>the others explain %{customdata[1]:.3g} % of it<extra></extra>"
        ),
    )  # fmt: skip
    figure.update_layout(
        bargap=0.25 if len(order) < 100 else 0,
        xaxis={"type": "category", "title": "dimension", "tickangle": -90, "tickfont": {"size": 10}, "nticks": 64},
        yaxis={"title": "more MSE on [-1, 1]", "rangemode": "tozero"},
    )
    return figure


def correlation(matrix: Sequence[Sequence[float]]) -> go.Figure:
    """Pearson's correlation of every two dimensions, (D, D): blue below zero, red above, nothing at zero."""
    figure = empty_figure(height=380)
    names = [f"z{index}" for index in range(len(matrix))]
    figure.add_heatmap(
        z=[list(row) for row in matrix], x=names, y=names, zmin=-1, zmax=1, xgap=0.5 if len(names) <= 64 else 0,
        ygap=0.5 if len(names) <= 64 else 0, hovertemplate="%{y} and %{x}: %{z:.2f}<extra></extra>",
        colorscale=[[0, f"rgba{(*MISSING, 1.0)}"], [0.5, "rgba(128, 128, 140, 0.06)"], [1, f"rgba{(*ADDED, 1.0)}"]],
        colorbar={"thickness": 10, "len": 0.9, "outlinewidth": 0, "tickvals": [-1, -0.5, 0, 0.5, 1]},
    )  # fmt: skip
    figure.update_layout(
        margin={"l": 40, "r": 0, "t": 28, "b": 44},
        xaxis={"type": "category", "showgrid": False, "constrain": "domain", "tickangle": 0, "nticks": 9},
        yaxis={"type": "category", "showgrid": False, "constrain": "domain", "autorange": "reversed", "nticks": 9,
               "scaleanchor": "x"},
    )  # fmt: skip
    return figure


def add_baseline(figure: go.Figure, text: str, loss: float) -> None:
    """Adds a thin labelled line across the chart at `loss`."""
    if not loss and figure.layout.yaxis.type == "log":
        return
    figure.add_shape(
        type="line", xref="paper", x0=0, x1=1, y0=loss, y1=loss, line={"color": QUIET, "width": 1, "dash": "dot"}
    )
    logarithmic = figure.layout.yaxis.type == "log"
    figure.add_annotation(
        text=f"{text} {words.number(loss)}", font={"size": 11}, showarrow=False, xref="paper", x=1, xanchor="right",
        y=float(np.log10(loss)) if logarithmic else loss, yanchor="bottom",  # only annotations are placed by the power
    )  # fmt: skip


def as_label(name: str) -> str:
    """A name as Plotly shows it letter by letter, where it would otherwise see its own HTML or a place for a value."""
    return name.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace("%{", "%&#123;")


def empty_figure(height: int) -> go.Figure:
    """A figure without traces, transparent, `height` pixels high."""
    import plotly.graph_objects as go  # a third of a second, and only where something is drawn

    layout: dict[str, Any] = {
        "height": height,
        "margin": {"l": 60, "r": 12, "t": 28, "b": 44},
        "template": "none",
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
    }
    return go.Figure(layout=layout)


def as_list(values: Any) -> list[float]:
    """The values with four significant digits."""
    return [rounded(value) for value in values]


def rounded(value: float) -> float:
    """The value with four significant digits, which is all that a chart can show."""
    return float(f"{value:.4g}")
