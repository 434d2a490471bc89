"""The network as an hourglass: a block for each layer, with its shape and its parameters."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from cae.plots.pictures import png_uri

if TYPE_CHECKING:
    import plotly.graph_objects as go

    from cae.network.model import Layer
from cae.plots.figures import QUIET, empty_figure

HOURGLASS_HEIGHT = 225


_SLOT = 1.3  # from the middle of one block of the hourglass to the next; the picture is 1 wide


def hourglass(
    layers: Sequence[Layer],
    *,
    code: NDArray[np.floating] | None = None,
    original: NDArray[np.uint8] | None = None,
    reconstruction: NDArray[np.uint8] | None = None,
) -> go.Figure:
    """The network as its tensors: a block a layer, as high as its pictures and as deep as its channels.

    `code` (D,) colours the cells of the bottleneck; the two digits (28, 28) are the faces of the outer blocks.
    """
    figure = empty_figure(HOURGLASS_HEIGHT)
    places = [number * _SLOT for number in range(len(layers))]
    shapes: list[dict[str, Any]] = []
    for place, layer in zip(places, layers, strict=True):
        shapes += _cells(place, layer.shape[0], code) if len(layer.shape) == 1 else _block(place, layer)
    figure.add_scatter(
        x=places, y=[0.0] * len(layers), mode="markers", marker={"size": 44, "opacity": 0}, hoverinfo="text",
        hovertext=[
            f"{layer.name}<br>{' x '.join(map(str, layer.shape))} = {int(np.prod(layer.shape)):,} values"
            f"<br>{layer.parameters:,} parameters"
            for layer in layers
        ], showlegend=False,
    )  # fmt: skip
    hidden = {"visible": False, "fixedrange": True}
    figure.update_layout(
        margin={"l": 0, "r": 0, "t": 4, "b": 0}, font={"size": 11}, meta={"narrowest": 150}, shapes=shapes,
        xaxis={**hidden, "range": [-_SLOT / 2, (len(layers) - 0.5) * _SLOT]},
        yaxis={**hidden, "range": [-1.22, 0.6], "scaleanchor": "x"},
        annotations=[
            {"x": place, "y": -0.55, "text": _legend(layer), "showarrow": False, "yanchor": "top"}
            for place, layer in zip(places, layers, strict=True)
        ],
        images=[
            {"source": png_uri(face, scale=6), "x": place - 0.5, "y": 0.5, "sizex": 1, "sizey": 1,
             "xref": "x", "yref": "y", "sizing": "stretch", "layer": "above"}
            for place, face in ((places[0], original), (places[-1], reconstruction)) if face is not None
        ],
    )  # fmt: skip
    return figure


def _legend(layer: Layer) -> str:
    """Shape, kind and number of parameters of a layer."""
    channels, *sides = layer.shape
    shape = f"{channels} ×<br>{sides[0]} × {sides[1]}" if sides else f"{channels}<br>numbers"
    name = layer.name.replace("ConvTranspose2d", "ConvT").replace("Conv2d", "Conv")
    return f"<b>{shape}</b>" + (f"<br>{name}<br>{layer.parameters:,}" if layer.parameters else "")


def _block(middle: float, layer: Layer) -> list[dict[str, Any]]:
    """A box whose front is a square of the pictures' size and whose depth grows with the channels."""
    channels, size = layer.shape[0], layer.shape[1] / 28
    depth = 0.055 * float(np.log2(channels)) if channels > 1 else 0.0
    left, bottom = middle - (size + depth) / 2, -(size + depth) / 2
    right, top = left + size, bottom + size
    faces = (
        ([(left, top), (left + depth, top + depth), (right + depth, top + depth), (right, top)], 0.30),
        ([(right, top), (right + depth, top + depth), (right + depth, bottom + depth), (right, bottom)], 0.42),
        ([(left, bottom), (left, top), (right, top), (right, bottom)], 0.16),
    )
    return [
        {
            "type": "path",
            "path": "M " + " L ".join(f"{x:.4f},{y:.4f}" for x, y in corners) + " Z",
            "line": {"color": QUIET, "width": 1},
            "fillcolor": f"rgba(139, 92, 246, {opacity})",
            "layer": "below",
        }
        for corners, opacity in (faces if depth else faces[2:])
    ]


def _cells(middle: float, count: int, code: NDArray[np.floating] | None) -> list[dict[str, Any]]:
    """The bottleneck: a cell a number, at most 32 below each other, coloured by its value."""
    columns = -(-count // 32)
    rows = -(-count // columns)
    height, width = 1 / max(rows, 8), 0.16 if columns == 1 else 0.09
    values = np.zeros(count) if code is None else np.asarray(code, float)
    strength = np.clip(values / (np.abs(values).max() or 1), -1, 1)
    cells = []
    for number in range(count):
        column, row = divmod(number, rows)
        x, y = middle + (column - columns / 2) * width, rows * height / 2 - row * height
        value = float(strength[number])
        hue = "139, 92, 246" if value >= 0 else "224, 161, 0"
        cells.append(
            {
                "type": "rect", "x0": x, "x1": x + width, "y0": y, "y1": y - height,
                "line": {"width": 0.5, "color": QUIET}, "fillcolor": f"rgba({hue}, {0.12 + 0.88 * abs(value):.3f})",
            }
        )  # fmt: skip
    return cells
