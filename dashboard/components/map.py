"""The map of a run's test images."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from cae.latent.mapfiles import TSNE, Points
from cae.latent.projection import Snapshot
from cae.plots.figures import CLASS_COLOURS
from components._widget import nothing, register
from resources.files import plotly_address
from resources.maps import MapAddresses

_map = register("map")


@dataclass(frozen=True)
class MapAction:
    """What the visitor asked for on the map: to take this test image to another page."""

    kind: Literal["steer", "reconstruct"]
    index: int


def digit_map(
    files: MapAddresses,
    of: Points,
    tsne: TSNE | None,
    under_way: Snapshot | None,
    *,
    film: str,
    drawing: NDArray[np.uint8] | None,
    run: str,
    key: str,
) -> MapAction | None:
    """Shows the map. Returns what the visitor has just asked for, once; None otherwise.

    `under_way` is a t-SNE that is being computed, `film` the address of the maps of other epochs or empty, `drawing`
    an image (28, 28) to place on the map.
    """
    data: dict[str, Any] = {
        "plotly": plotly_address(),
        "network": files.network,
        "points": files.points,
        "pictures": files.pictures,
        "tsne": {"file": files.tsne, "title": _title(tsne)} if tsne else None,
        "moving": under_way.positions.reshape(-1) if under_way else None,
        "dimensions": len(of.codes.low),
        "colours": list(CLASS_COLOURS),
        "film": film,
        "drawing": None if drawing is None else drawing.reshape(-1).tolist(),
        "run": run,
    }
    result = _map(key=key, data=data, on_action_change=nothing, height="content")
    return _checked(result.action, of)


def _title(tsne: TSNE) -> str:
    end = "" if tsne.is_finished else f", stopped after {tsne.iteration} of {tsne.iterations} iterations"
    return f"Perplexity {tsne.config.perplexity:g}{end}"


def _checked(sent: Any, of: Points) -> MapAction | None:
    if not isinstance(sent, dict) or sent.get("kind") not in ("steer", "reconstruct"):
        return None
    index = sent.get("value")
    return MapAction(sent["kind"], index) if type(index) is int and index in of.indices else None
