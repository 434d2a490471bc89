"""A table of runs beside each other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict

from components._widget import register
from shared.comparison import Cell, Group

_table = register("table")


def table(header: Sequence[Cell], groups: Sequence[Group], *, name: str, key: str, corner: str = "") -> None:
    """Shows a column for each cell of the header, and the rows under their titles; `name` is what a reader calls it.

    `corner`: what the header lists, where that needs to be said.
    """
    data = {
        "name": name,
        "file": f"of-runs-{key}",
        "corner": corner,
        "header": [asdict(cell) for cell in header],
        "groups": [asdict(group) for group in groups],
    }
    _table(key=key, data=data, height="content")
