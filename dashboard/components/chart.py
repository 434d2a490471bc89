"""A chart that keeps its zoom while it grows."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import resources
from components._widget import register

if TYPE_CHECKING:
    import plotly.graph_objects as go

_chart = register("chart", isolated=False)


def chart(figure: go.Figure, *, key: str, description: str, keep: str = "") -> None:
    """Shows a Plotly figure in the page's colours.

    `description` is what a screen reader says. Zoom and hidden traces stay until `keep` changes.
    """
    data = {
        "figure": json.loads(figure.to_json()),
        "keep": keep or key,
        "plotly": resources.plotly_address(),
        "description": description,
        "file": key,
    }
    _chart(key=key, data=data, height="content")
