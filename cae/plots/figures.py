"""Records and arrays into Plotly figures: pure, and the only module that knows Plotly.

Text, grid and paper take their colours from the page that shows the figure.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from cae.data.baselines import Baselines
from cae.network.records import EpochRecord, Progress, loss_curve
from cae.plots.pictures import ADDED, MISSING, png_uri

if TYPE_CHECKING:
    import plotly.graph_objects as go

    from cae.evaluation.probes import Dimension
    from cae.network.model import Layer

ACCENT = "#8b5cf6"
QUIET = "#8a8a94"
# Ten colours that stay apart under the common colour-vision deficiencies: M. A. Petroff, "Accessible color sequences
# for data visualization", arXiv:2107.02270.
CLASS_COLOURS = (
    "#3f90da", "#ffa90e", "#bd1f01", "#94a4a2", "#832db6", "#a96b59", "#e76300", "#b9ac70", "#717581", "#92dadd",
)  # fmt: skip
HOURGLASS_HEIGHT = 225
_MOST_POINTS = 200  # of a loss, so that a tick of the live view stays small
_DASHES = ("solid", "dash", "dot", "dashdot", "longdash", "longdashdot")  # runs are told apart by more than colour
_SYMBOLS = ("circle", "square", "diamond", "triangle-up", "x", "star")
_SLOT = 1.3  # from the middle of one block of the hourglass to the next; the picture is 1 wide


@dataclass(frozen=True)
class Curve:
    """What a chart of losses needs of one run."""

    name: str
    history: list[EpochRecord]
    progress: list[Progress]
    epochs: int | None
    validates: bool  # whether the held-out loss is of validation images, not of the test set


def loss_curves(
    curves: Sequence[Curve],
    *,
    on_unit: bool = False,
    logarithmic: bool = True,
    baselines: Baselines | None = None,
    latent_dim: int = 32,
) -> go.Figure:
    """The held-out losses of runs over epochs; of the first the training loss too, and where it passes PCA.

    `on_unit` shows MSE on [0, 1] instead of [-1, 1]. `latent_dim` says with how many components PCA is shown.
    """
    figure = _figure(height=340)
    figure.update_layout(
        xaxis={"title": "epoch", "zeroline": False},
        meta={"epochs": True},
        yaxis={"title": f"MSE on {'[0, 1]' if on_unit else '[-1, 1]'}", "zeroline": False, "rangemode": "tozero"},
        legend={"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0},
        hovermode="closest",
    )
    if logarithmic:
        ticks = [digit * 10**power for power in (-4.0, -3.0, -2.0, -1.0, 0.0) for digit in (1, 2, 5)]
        figure.update_yaxes(type="log", tickvals=_list(ticks), ticktext=[f"{tick:.4g}" for tick in ticks])
    scale = 0.25 if on_unit else 1.0
    if curves:
        _add_training_loss(figure, curves[0], scale)
        figure.update_xaxes(range=[0, 1.02 * max(curve.epochs or len(curve.history) or 1 for curve in curves)])
    for number, curve in enumerate(curves):
        _add_held_out_loss(figure, curve, scale, number)
    if baselines:
        pca = baselines.pca_with(latent_dim)
        _add_baseline(figure, "the mean image", baselines.mean_image * scale)
        _add_baseline(figure, f"PCA-{latent_dim}", pca * scale)
        better = [record for curve in curves[:1] for record in curve.history if record.held_out_mse < pca]
        if better:
            _add_star(figure, better[0].epoch, better[0].held_out_mse * scale, latent_dim)
    return figure


def compared_curves(curves: Sequence[Curve], *, over: Literal["epochs", "seconds"] = "epochs") -> go.Figure:
    """The held-out losses of runs, MSE on [-1, 1], over epochs or, on a logarithmic axis, over seconds of training."""
    figure = _figure(height=380)
    ticks = [digit * 10**power for power in (-4.0, -3.0, -2.0, -1.0, 0.0) for digit in (1, 1.5, 2, 3, 5, 7)]
    figure.update_layout(
        xaxis={"title": "epoch", "zeroline": False, "rangemode": "tozero"},
        yaxis={"title": "MSE on [-1, 1]", "zeroline": False, "type": "log", "tickvals": _list(ticks),
               "ticktext": [f"{tick:.4g}" for tick in ticks]},
        legend={"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0}, hovermode="closest",
    )  # fmt: skip
    figure.update_layout(meta={"epochs": over == "epochs"})
    if over == "seconds":
        times = [digit * 10.0**power for power in range(-1, 6) for digit in (1, 2, 5)]
        figure.update_xaxes(
            title="seconds of training", type="log", rangemode="normal", tickvals=_list(times),
            ticktext=[f"{time:,.10g}" for time in times],
        )  # fmt: skip
    for number, curve in enumerate(curves):
        what = "validation" if curve.validates else "test"
        colour = ACCENT if number == 0 else CLASS_COLOURS[(number - 1) % 10]
        figure.add_scatter(
            x=[record.epoch if over == "epochs" else _rounded(max(record.seconds, 1e-3)) for record in curve.history],
            y=[_rounded(record.held_out_mse) for record in curve.history],
            mode="lines+markers" if len(curve.history) < 60 else "lines", name=f"{_text(curve.name)}: {what}",
            line={"color": colour, "width": 2, "dash": _DASHES[number % len(_DASHES)]},
            marker={"size": 7, "symbol": _SYMBOLS[number % len(_SYMBOLS)]},
            customdata=[[record.epoch, _rounded(record.seconds), _rounded(0.25 * record.held_out_mse)]
                        for record in curve.history],
            hovertemplate=(
                f"{what} %{{y:.3g}} (%{{customdata[2]:.3g}} on [0, 1])<br>epoch %{{customdata[0]}}, "
                f"%{{customdata[1]:,.3g}} s<extra>{_text(curve.name)}</extra>"
            ),
        )  # fmt: skip
    return figure


def _add_training_loss(figure: go.Figure, curve: Curve, scale: float) -> None:
    steps = loss_curve(curve.progress, _MOST_POINTS)
    figure.add_scatter(
        x=[_rounded(epoch) for epoch, _ in steps], y=[_rounded(loss * scale) for _, loss in steps],
        mode="lines", name="training", line={"color": QUIET, "width": 1.5},
        hovertemplate=f"training %{{y:.3g}}<extra>{_text(curve.name)}, epoch %{{x:.2f}}</extra>",
    )  # fmt: skip


def _add_held_out_loss(figure: go.Figure, curve: Curve, scale: float, number: int) -> None:
    """The first is `number` 0: it stands out, and the others bear their names."""
    what = "validation" if curve.validates else "test"
    history = _thinned(curve.history)
    first, losses = number == 0, [record.held_out_mse for record in history]
    other, on_other = (1.0, "[-1, 1]") if scale < 1 else (0.25, "[0, 1]")
    figure.add_scatter(
        x=[record.epoch for record in history], y=[_rounded(loss * scale) for loss in losses],
        mode="lines+markers" if len(losses) < 60 else "lines", name=what if first else f"{_text(curve.name)}: {what}",
        line={"color": ACCENT if first else CLASS_COLOURS[(number - 1) % 10], "width": 2.5 if first else 1.5},
        marker={"size": 6 if first else 4}, customdata=[_rounded(loss * other) for loss in losses],
        hovertemplate=(
            f"{what} %{{y:.3g}} (%{{customdata:.3g}} on {on_other})<extra>{_text(curve.name)}, epoch %{{x}}</extra>"
        ),
    )  # fmt: skip


def _add_baseline(figure: go.Figure, text: str, loss: float) -> None:
    if not loss and figure.layout.yaxis.type == "log":
        return
    figure.add_shape(
        type="line", xref="paper", x0=0, x1=1, y0=loss, y1=loss, line={"color": QUIET, "width": 1, "dash": "dot"}
    )
    logarithmic = figure.layout.yaxis.type == "log"
    figure.add_annotation(
        text=f"{text} {loss:#.3g}", font={"size": 11}, showarrow=False, xref="paper", x=1, xanchor="right",
        y=float(np.log10(loss)) if logarithmic else loss, yanchor="bottom",  # only annotations are placed by the power
    )  # fmt: skip


def _add_star(figure: go.Figure, epoch: int, loss: float, latent_dim: int) -> None:
    figure.add_scatter(
        x=[epoch], y=[_rounded(loss)], mode="markers", name=f"passes PCA-{latent_dim} (epoch {epoch})",
        marker={"symbol": "star", "size": 15, "color": "#e0a100", "line": {"width": 1, "color": "#7a5600"}},
        hovertemplate=f"below PCA-{latent_dim} from epoch {epoch} on<extra></extra>",
    )  # fmt: skip


def _thinned(history: Sequence[EpochRecord]) -> Sequence[EpochRecord]:
    """At most as many records: the last of each group of neighbours, and so the last of all."""
    ends = np.linspace(0, len(history), min(_MOST_POINTS, len(history)) + 1)[1:].astype(int) - 1
    return [history[at] for at in ends]


def error_by_class(errors: NDArray[np.floating], labels: NDArray[np.integer], names: Sequence[str]) -> go.Figure:
    """The spread of the error per image, (N,) on [-1, 1], per class: median, quartiles, 5th and 95th percentile."""
    figure = _figure(height=320)
    present = [label for label in range(len(names)) if (labels == label).any()]
    low, first, middle, third, high = np.array(
        [np.percentile(errors[labels == label], (5, 25, 50, 75, 95)) for label in present]
    ).T
    figure.add_box(
        x=[_text(names[label]) for label in present], q1=_list(first), median=_list(middle), q3=_list(third),
        lowerfence=_list(low), upperfence=_list(high),
        mean=_list([errors[labels == label].mean() for label in present]),
        line={"color": ACCENT, "width": 1.5}, fillcolor="rgba(139, 92, 246, 0.18)", showlegend=False, name="",
    )  # fmt: skip
    figure.update_layout(
        xaxis={"title": "class", "type": "category"}, yaxis={"title": "MSE on [-1, 1]", "rangemode": "tozero"}
    )
    return figure


def error_histogram(errors: NDArray[np.floating], shown: NDArray[np.integer], bins: int = 60) -> go.Figure:
    """How the error per image, (N,) on [-1, 1], is distributed, with those at the indices `shown` marked."""
    figure = _figure(height=320)
    top = max(float(np.percentile(errors, 99.8)), float(errors[shown].max(initial=0)))
    counts, edges = np.histogram(np.minimum(errors, top), bins=bins, range=(0, top))
    centres = (edges[:-1] + edges[1:]) / 2
    figure.add_bar(
        x=_list(centres), y=counts.tolist(), width=float(edges[1]), marker={"color": QUIET, "opacity": 0.55},
        name="all", hovertemplate="%{y} digits near %{x:.3g}<extra></extra>", showlegend=False,
    )  # fmt: skip
    figure.add_scatter(
        x=_list(np.minimum(errors[shown], top)), y=[0] * len(shown), mode="markers", name="shown here",
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
    figure = _figure(height=52 + 34 * len(entries))
    top = max(value for _, value in entries)
    figure.add_bar(
        y=[_text(name) for name, _ in entries], x=_list([value for _, value in entries]), orientation="h",
        marker={"color": [ACCENT if name == mine else QUIET for name, _ in entries]},
        text=[f"{value:#.3g}" for _, value in entries], textposition="outside", cliponaxis=False,
        customdata=_list([0.25 * value for _, value in entries]), showlegend=False,
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
    figure = _figure(height=380)
    shown = [dimensions[index] for index in order]
    figure.add_bar(
        x=[f"z{index}" for index in order], y=_list([each.zeroed_mse for each in shown]), showlegend=False,
        marker={
            "color": [QUIET if index in dead else ACCENT for index in order],
            "pattern": {"shape": ["/" if each.is_redundant and index not in dead else ""
                                  for index, each in zip(order, shown, strict=True)], "fgcolor": "#ffffff"},
        },
        customdata=[[_rounded(each.deviation), _rounded(100 * each.explained)] for each in shown],
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
    figure = _figure(height=380)
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


def code_plane(real: NDArray[np.floating], drawn: NDArray[np.floating], title: str) -> go.Figure:
    """Where drawn codes (S, 2) lie among real ones (N, 2), both along two directions."""
    figure = _figure(height=330)
    for points, name, colour, opacity, size in (
        (real, "codes of real digits", QUIET, 0.35, 4),
        (drawn, _text(title), ACCENT, 0.75, 5),
    ):
        figure.add_scatter(
            x=_list(points[:, 0]), y=_list(points[:, 1]), mode="markers", name=name, hoverinfo="skip",
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
    figure = _figure(height=330)
    dashes = ("solid", "dot", "dash", "dashdot")
    for (name, percentiles), dash in zip(curves.items(), dashes, strict=False):
        first = name == next(iter(curves))
        figure.add_scatter(
            x=_list(percentiles), y=list(range(101)), mode="lines", name=_text(name),
            line={"color": ACCENT if name == chosen else QUIET, "width": 3 if name == chosen or first else 1.5,
                  "dash": dash},
            hovertemplate=f"%{{y}} % are nearer than %{{x:.3g}}<extra>{_text(name)}</extra>",
        )  # fmt: skip
    figure.update_layout(
        legend={"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0},
        xaxis={"title": "off-manifold distance", "rangemode": "tozero"}, yaxis={"title": "% of codes"},
    )  # fmt: skip
    return figure


def class_balance(names: Sequence[str], real: Sequence[float], drawn: Sequence[float], title: str) -> go.Figure:
    """The share of each class, (C,), among real digits and among generated ones."""
    figure = _figure(height=330)
    for shares, name, colour in ((real, "real digits", QUIET), (drawn, _text(title), ACCENT)):
        figure.add_bar(
            x=[_text(each) for each in names], y=_list(np.multiply(shares, 100)), name=name, marker={"color": colour},
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
    figure = _figure(height=230)
    for (name, along), dash, colour in zip(values.items(), ("solid", "dash"), (ACCENT, "#e76300"), strict=True):
        figure.add_scatter(
            x=_list(100 * shares), y=_list(along), mode="lines", name=_text(name),
            line={"color": colour, "width": 2.5, "dash": dash},
            hovertemplate=f"%{{y:.3g}} at %{{x:.0f}} %<extra>{_text(name)}</extra>",
        )  # fmt: skip
    if usual is not None:
        _add_baseline(figure, "95 % of real digits are nearer than", usual)
    figure.update_layout(
        legend={"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0}, hovermode="x unified",
        xaxis={"title": "% of the way", "zeroline": False}, yaxis={"title": what, "rangemode": "tozero"},
    )  # fmt: skip
    return figure


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
    figure = _figure(HOURGLASS_HEIGHT)
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


def sweep(
    label: str, values: Sequence[float | str], results: Sequence[EpochRecord], *, pca: Sequence[float] = ()
) -> go.Figure:
    """The test error of runs, MSE on [-1, 1], against the option that they differ in; `results` are last epochs.

    `pca[k - 1]` is the error of PCA with k components, drawn beside them: for an option that counts them. Where all
    held images out for validation, that error is drawn too.
    """
    figure = _figure(height=360)
    numbers = [value for value in values if not isinstance(value, str)]
    numeric = len(numbers) == len(values)
    errors = {"test": [record.test_mse for record in results]}
    held_out = [record.validation_mse for record in results if record.validation_mse is not None]
    if results and len(held_out) == len(results):
        errors["validation"] = held_out
    components = [k for k in range(1, len(pca) + 1) if numeric and numbers and min(numbers) <= k <= max(numbers)]
    beside = [pca[k - 1] for k in components]
    if components:
        figure.add_scatter(
            x=components, y=_list(beside), mode="lines", name="PCA with as many numbers",
            line={"color": QUIET, "width": 1.5, "dash": "dot"}, customdata=_list(0.25 * error for error in beside),
            hovertemplate="PCA with %{x}: %{y:.3g} (%{customdata:.3g} on [0, 1])<extra></extra>",
        )  # fmt: skip
    for (what, reached), dash in zip(errors.items(), ("solid", "dash"), strict=False):
        figure.add_scatter(
            x=list(values), y=_list(reached), name=what, mode="lines+markers" if numeric else "markers",
            line={"color": ACCENT, "width": 2.5 if what == "test" else 1.5, "dash": dash},
            marker={"size": 8, "symbol": "circle" if what == "test" else "diamond-open"},
            customdata=[[_rounded(0.25 * mse), _rounded(record.seconds)]
                        for mse, record in zip(reached, results, strict=True)],
            hovertemplate=(
                f"{label.lower()} %{{x}}<br>{what} %{{y:.3g}} (%{{customdata[0]:.3g}} on [0, 1])<br>"
                "%{customdata[1]:,.3g} s of training<extra></extra>"
            ),
        )  # fmt: skip
    shown = [*beside, *(error for reached in errors.values() for error in reached)]
    figure.update_layout(
        legend={"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0}, hovermode="closest",
        xaxis={"title": label.lower(), "zeroline": False, **_spread(values)},
        yaxis={"title": "MSE on [-1, 1]", "zeroline": False, "rangemode": "tozero"},
    )  # fmt: skip
    if _is_wide(shown):
        ticks = [digit * 10**power for power in (-4.0, -3.0, -2.0, -1.0, 0.0) for digit in (1, 2, 5)]
        figure.update_yaxes(
            type="log", rangemode="normal", tickvals=_list(ticks), ticktext=[f"{tick:.4g}" for tick in ticks]
        )
    return figure


def _spread(values: Sequence[float | str]) -> dict[str, Any]:
    """How an axis shows these values: as categories, or with a tick at each as long as there is room."""
    numbers = [value for value in values if not isinstance(value, str)]
    if len(numbers) < len(values):
        return {"type": "category"}
    axis: dict[str, Any] = {"type": "log" if _is_wide(numbers) else "linear"}
    return (
        {**axis, "tickvals": numbers, "ticktext": [f"{value:,.7g}" for value in numbers]} if len(values) < 13 else axis
    )


def _is_wide(numbers: Sequence[float]) -> bool:
    """Whether they differ so much that a logarithmic axis shows them better."""
    return bool(numbers) and min(numbers) > 0 and max(numbers) >= 8 * min(numbers)


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


def _text(name: str) -> str:
    """A name as Plotly shows it letter by letter, where it would otherwise see its own HTML or a place for a value."""
    return name.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace("%{", "%&#123;")


def _figure(height: int) -> go.Figure:
    import plotly.graph_objects as go  # a third of a second, and only where something is drawn

    layout: dict[str, Any] = {
        "height": height,
        "margin": {"l": 60, "r": 12, "t": 28, "b": 44},
        "template": "none",
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
    }
    return go.Figure(layout=layout)


def _list(values: Any) -> list[float]:
    return [_rounded(value) for value in values]


def _rounded(value: float) -> float:
    return float(f"{value:.4g}")
