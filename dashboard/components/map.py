"""The map of a run's test digits."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from cae.latent.maps import TSNE, Points
from cae.latent.projection import Snapshot
from cae.plots.figures import CLASS_COLOURS
from components._widget import nothing, register
from resources.files import plotly_address
from resources.maps import MapAddresses

_map = register("map")


@dataclass(frozen=True)
class MapAction:
    """What somebody asked for on the map: to go on with this test digit elsewhere."""

    kind: Literal["steer", "reconstruct"]
    index: int


def digit_map(
    files: MapAddresses,
    of: Points,
    found: TSNE | None,
    under_way: Snapshot | None,
    *,
    film: str,
    drawing: NDArray[np.uint8] | None,
    run: str,
    key: str,
) -> MapAction | None:
    """Shows the map, and gives what has just been asked for there, once; None otherwise.

    `under_way` is a t-SNE that is being computed, `film` where the browser finds the maps after other epochs, empty
    where there are none, `drawing` a picture (28, 28) to be placed among the digits.
    """
    data: dict[str, Any] = {
        "plotly": plotly_address(),
        "network": files.network,
        "points": files.points,
        "pictures": files.pictures,
        "tsne": {"file": files.tsne, "title": _title(found)} if found else None,
        "moving": under_way.positions.reshape(-1) if under_way else None,
        "dimensions": len(of.codes.low),
        "colours": list(CLASS_COLOURS),
        "film": film,
        "drawing": None if drawing is None else drawing.reshape(-1).tolist(),
        "run": run,
    }
    result = _map(key=key, data=data, on_action_change=nothing, height="content")
    return _checked(result.action, of)


def _title(found: TSNE) -> str:
    end = "" if found.is_finished else f", stopped after {found.iteration} of {found.iterations} iterations"
    return f"Perplexity {found.config.perplexity:g}{end}"


def _checked(sent: Any, of: Points) -> MapAction | None:
    if not isinstance(sent, dict) or sent.get("kind") not in ("steer", "reconstruct"):
        return None
    index = sent.get("value")
    return MapAction(sent["kind"], index) if type(index) is int and index in of.indices else None
