"""A chart that keeps its zoom while it grows."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from components._widget import register
from resources import files

if TYPE_CHECKING:
    import plotly.graph_objects as go

_chart = register("chart", isolated=False)


def chart(
    figure: go.Figure | dict[str, Any],
    *,
    key: str,
    description: str,
    keep: str = "",
    keep_x: str = "",
    of_runs: bool = False,
) -> None:
    """Shows a Plotly figure, or its JSON, in the colours of the page.

    `description` is for screen readers. Zoom and hidden traces stay until `keep` changes, the zoom along x until
    `keep_x` changes if that is given. Without `of_runs`, the chosen run names the saved file.
    """
    file = f"of-runs-{key}" if of_runs else key
    drawn = figure if isinstance(figure, dict) else json.loads(figure.to_json())
    _show(drawn, key, description=description, keep=keep or key, keep_x=keep_x, file=file)


def chart_to_come(height: int, *, key: str) -> None:
    """Keeps the place of a chart while the browser fetches Plotly's script."""
    hidden = {"visible": False}
    figure = {"data": [], "layout": {"height": height, "xaxis": hidden, "yaxis": hidden}}
    _show(figure, key, description="A chart, loading", keep=key, keep_x="", file=key)


def _show(figure: dict[str, Any], key: str, **words: str) -> None:
    keep_x = words.pop("keep_x") or words["keep"]
    data = {"figure": figure, "keepX": keep_x, "plotly": files.plotly_address(), **words}
    _chart(key=key, data=data, height="content")
