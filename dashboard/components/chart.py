"""A chart that keeps its zoom while it grows."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import resources
from components._widget import register

if TYPE_CHECKING:
    import plotly.graph_objects as go

_chart = register("chart", isolated=False)


def chart(figure: go.Figure, *, key: str, description: str, keep: str = "") -> None:
    """Shows a Plotly figure in the page's colours.

    `description` is what a screen reader says. Zoom and hidden traces stay until `keep` changes.
    """
    _show(json.loads(figure.to_json()), key, description, keep)


def chart_to_come(height: int, *, key: str) -> None:
    """Keeps the place of a chart, and lets the browser fetch Plotly's script meanwhile."""
    hidden = {"visible": False}
    _show({"data": [], "layout": {"height": height, "xaxis": hidden, "yaxis": hidden}}, key, "A chart, loading", "")


def _show(figure: dict[str, Any], key: str, description: str, keep: str) -> None:
    address = resources.plotly_address()
    data = {"figure": figure, "keep": keep or key, "plotly": address, "description": description, "file": key}
    _chart(key=key, data=data, height="content")
