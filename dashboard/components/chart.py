"""A chart that keeps its zoom while it grows."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import resources
from components._widget import register

if TYPE_CHECKING:
    import plotly.graph_objects as go

_chart = register("chart", isolated=False)


def chart(figure: go.Figure, *, key: str, description: str, keep: str = "", keep_x: str = "") -> None:
    """Shows a Plotly figure in the page's colours.

    `description` is what a screen reader says. Zoom and hidden traces stay until `keep` changes, the
    zoom along x until `keep_x` does, where that is given.
    """
    _show(json.loads(figure.to_json()), key, description, keep, keep_x)


def chart_to_come(height: int, *, key: str) -> None:
    """Keeps the place of a chart, and lets the browser fetch Plotly's script meanwhile."""
    hidden = {"visible": False}
    _show({"data": [], "layout": {"height": height, "xaxis": hidden, "yaxis": hidden}}, key, "A chart, loading", "", "")


def _show(figure: dict[str, Any], key: str, description: str, keep: str, keep_x: str) -> None:
    keep = keep or key
    data = {
        "figure": figure,
        "keep": keep,
        "keepX": keep_x or keep,
        "plotly": resources.plotly_address(),
        "description": description,
        "file": key,
    }
    _chart(key=key, data=data, height="content")
