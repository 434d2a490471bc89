"""Losses over epochs or seconds, and the errors that a sweep reached."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from cae.data.baselines import Baselines
from cae.network.records import EpochRecord, Progress, loss_curve

if TYPE_CHECKING:
    import plotly.graph_objects as go

from cae.plots.figures import ACCENT, CLASS_COLOURS, QUIET, add_baseline, as_label, as_list, empty_figure, rounded

_MOST_POINTS = 200  # of a loss, so that a tick of the live view stays small


_DASHES = ("solid", "dash", "dot", "dashdot", "longdash", "longdashdot")  # runs are told apart by more than colour


_SYMBOLS = ("circle", "square", "diamond", "triangle-up", "x", "star")


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
    figure = empty_figure(height=340)
    figure.update_layout(
        xaxis={"title": "epoch", "zeroline": False},
        meta={"epochs": True},
        yaxis={"title": f"MSE on {'[0, 1]' if on_unit else '[-1, 1]'}", "zeroline": False, "rangemode": "tozero"},
        legend={"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0},
        hovermode="closest",
    )
    if logarithmic:
        ticks = [digit * 10**power for power in (-4.0, -3.0, -2.0, -1.0, 0.0) for digit in (1, 2, 5)]
        figure.update_yaxes(type="log", tickvals=as_list(ticks), ticktext=[f"{tick:.4g}" for tick in ticks])
    scale = 0.25 if on_unit else 1.0
    if curves:
        _add_training_loss(figure, curves[0], scale)
        figure.update_xaxes(range=[0, 1.02 * max(curve.epochs or len(curve.history) or 1 for curve in curves)])
    for number, curve in enumerate(curves):
        _add_held_out_loss(figure, curve, scale, number)
    if baselines:
        pca = baselines.pca_with(latent_dim)
        add_baseline(figure, "the mean image", baselines.mean_image * scale)
        add_baseline(figure, f"PCA-{latent_dim}", pca * scale)
        better = [record for curve in curves[:1] for record in curve.history if record.held_out_mse < pca]
        if better:
            _add_star(figure, better[0].epoch, better[0].held_out_mse * scale, latent_dim)
    return figure


def compared_curves(curves: Sequence[Curve], *, over: Literal["epochs", "seconds"] = "epochs") -> go.Figure:
    """The held-out losses of runs, MSE on [-1, 1], over epochs or, on a logarithmic axis, over seconds of training."""
    figure = empty_figure(height=380)
    ticks = [digit * 10**power for power in (-4.0, -3.0, -2.0, -1.0, 0.0) for digit in (1, 1.5, 2, 3, 5, 7)]
    figure.update_layout(
        xaxis={"title": "epoch", "zeroline": False, "rangemode": "tozero"},
        yaxis={"title": "MSE on [-1, 1]", "zeroline": False, "type": "log", "tickvals": as_list(ticks),
               "ticktext": [f"{tick:.4g}" for tick in ticks]},
        legend={"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0}, hovermode="closest",
    )  # fmt: skip
    figure.update_layout(meta={"epochs": over == "epochs"})
    if over == "seconds":
        times = [digit * 10.0**power for power in range(-1, 6) for digit in (1, 2, 5)]
        figure.update_xaxes(
            title="seconds of training", type="log", rangemode="normal", tickvals=as_list(times),
            ticktext=[f"{time:,.10g}" for time in times],
        )  # fmt: skip
    for number, curve in enumerate(curves):
        what = "validation" if curve.validates else "test"
        colour = ACCENT if number == 0 else CLASS_COLOURS[(number - 1) % 10]
        figure.add_scatter(
            x=[record.epoch if over == "epochs" else rounded(max(record.seconds, 1e-3)) for record in curve.history],
            y=[rounded(record.held_out_mse) for record in curve.history],
            mode="lines+markers" if len(curve.history) < 60 else "lines", name=f"{as_label(curve.name)}: {what}",
            line={"color": colour, "width": 2, "dash": _DASHES[number % len(_DASHES)]},
            marker={"size": 7, "symbol": _SYMBOLS[number % len(_SYMBOLS)]},
            customdata=[[record.epoch, rounded(record.seconds), rounded(0.25 * record.held_out_mse)]
                        for record in curve.history],
            hovertemplate=(
                f"{what} %{{y:.3g}} (%{{customdata[2]:.3g}} on [0, 1])<br>epoch %{{customdata[0]}}, "
                f"%{{customdata[1]:,.3g}} s<extra>{as_label(curve.name)}</extra>"
            ),
        )  # fmt: skip
    return figure


def _add_training_loss(figure: go.Figure, curve: Curve, scale: float) -> None:
    steps = loss_curve(curve.progress, _MOST_POINTS)
    figure.add_scatter(
        x=[rounded(epoch) for epoch, _ in steps], y=[rounded(loss * scale) for _, loss in steps],
        mode="lines", name="training", line={"color": QUIET, "width": 1.5},
        hovertemplate=f"training %{{y:.3g}}<extra>{as_label(curve.name)}, epoch %{{x:.2f}}</extra>",
    )  # fmt: skip


def _add_held_out_loss(figure: go.Figure, curve: Curve, scale: float, number: int) -> None:
    """The first is `number` 0: it stands out, and the others bear their names."""
    what = "validation" if curve.validates else "test"
    history = _thinned(curve.history)
    first, losses = number == 0, [record.held_out_mse for record in history]
    other, on_other = (1.0, "[-1, 1]") if scale < 1 else (0.25, "[0, 1]")
    figure.add_scatter(
        x=[record.epoch for record in history], y=[rounded(loss * scale) for loss in losses],
        mode="lines+markers" if len(losses) < 60 else "lines",
        name=what if first else f"{as_label(curve.name)}: {what}",
        line={"color": ACCENT if first else CLASS_COLOURS[(number - 1) % 10], "width": 2.5 if first else 1.5},
        marker={"size": 6 if first else 4}, customdata=[rounded(loss * other) for loss in losses],
        hovertemplate=(
            f"{what} %{{y:.3g}} (%{{customdata:.3g}} on {on_other})<extra>{as_label(curve.name)}, epoch %{{x}}</extra>"
        ),
    )  # fmt: skip


def _add_star(figure: go.Figure, epoch: int, loss: float, latent_dim: int) -> None:
    figure.add_scatter(
        x=[epoch], y=[rounded(loss)], mode="markers", name=f"passes PCA-{latent_dim} (epoch {epoch})",
        marker={"symbol": "star", "size": 15, "color": "#e0a100", "line": {"width": 1, "color": "#7a5600"}},
        hovertemplate=f"below PCA-{latent_dim} from epoch {epoch} on<extra></extra>",
    )  # fmt: skip


def _thinned(history: Sequence[EpochRecord]) -> Sequence[EpochRecord]:
    """At most as many records: the last of each group of neighbours, and so the last of all."""
    ends = np.linspace(0, len(history), min(_MOST_POINTS, len(history)) + 1)[1:].astype(int) - 1
    return [history[at] for at in ends]


def sweep(
    label: str, values: Sequence[float | str], results: Sequence[EpochRecord], *, pca: Sequence[float] = ()
) -> go.Figure:
    """The test error of runs, MSE on [-1, 1], against the option that they differ in; `results` are last epochs.

    `pca[k - 1]` is the error of PCA with k components, drawn beside them: for an option that counts them. Where all
    held images out for validation, that error is drawn too.
    """
    figure = empty_figure(height=360)
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
            x=components, y=as_list(beside), mode="lines", name="PCA with as many numbers",
            line={"color": QUIET, "width": 1.5, "dash": "dot"}, customdata=as_list(0.25 * error for error in beside),
            hovertemplate="PCA with %{x}: %{y:.3g} (%{customdata:.3g} on [0, 1])<extra></extra>",
        )  # fmt: skip
    for (what, reached), dash in zip(errors.items(), ("solid", "dash"), strict=False):
        figure.add_scatter(
            x=list(values), y=as_list(reached), name=what, mode="lines+markers" if numeric else "markers",
            line={"color": ACCENT, "width": 2.5 if what == "test" else 1.5, "dash": dash},
            marker={"size": 8, "symbol": "circle" if what == "test" else "diamond-open"},
            customdata=[[rounded(0.25 * mse), rounded(record.seconds)]
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
            type="log", rangemode="normal", tickvals=as_list(ticks), ticktext=[f"{tick:.4g}" for tick in ticks]
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
