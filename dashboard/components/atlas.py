"""The maps of several runs side by side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass

from cae.plots.figures import CLASS_COLOURS
from components._widget import register

_atlas = register("atlas")


@dataclass(frozen=True)
class Sheet:
    """One map: the run's name, what lays it out, and the addresses of its positions and its network.

    `is_stretched`: whether each direction fills the square on its own scale.
    """

    name: str
    what: str
    places: str
    network: str
    is_stretched: bool = False


def atlas(sheets: Sequence[Sheet], pictures: str, *, key: str) -> None:
    """Shows the maps; all of them ring the digit under the pointer. `pictures` is the address of the digits."""
    data = {
        "pictures": pictures,
        "colours": list(CLASS_COLOURS),
        "sheets": [asdict(sheet) for sheet in sheets],
    }
    _atlas(key=key, data=data, height="content")
