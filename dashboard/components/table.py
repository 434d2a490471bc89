"""A table that saves itself as CSV."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass

from components._widget import register

_table = register("table")


@dataclass(frozen=True)
class Cell:
    """One cell. `title` is its tooltip; `is_changed`: unlike that of the first run."""

    text: str
    title: str = ""
    is_best: bool = False
    is_changed: bool = False


@dataclass(frozen=True)
class Row:
    """What the row is about, and a cell for each column; the chosen row stands out."""

    label: Cell
    cells: tuple[Cell, ...]
    is_chosen: bool = False


@dataclass(frozen=True)
class Group:
    """Rows under a title; an empty one is not shown."""

    title: str
    rows: tuple[Row, ...]


def table(
    header: Sequence[Cell],
    groups: Sequence[Group],
    *,
    name: str,
    key: str,
    corner: str = "",
    prose: Sequence[int] | None = None,
    of_runs: bool = True,
) -> None:
    """Shows a column for each cell of the header, and the rows under their titles; `name` is for screen readers.

    `corner` says what the rows are. Columns are equally wide and aligned right; with `prose`, the columns that hold
    text, they are as narrow as they can be, and those are aligned left. Without `of_runs`, the chosen run names the
    saved file.
    """
    data = {
        "name": name,
        "file": f"of-runs-{key}" if of_runs else key,
        "corner": corner,
        "header": [asdict(cell) for cell in header],
        "groups": [asdict(group) for group in groups],
        "prose": None if prose is None else list(prose),
    }
    _table(key=key, data=data, height="content")


def small_table(
    header: Sequence[str],
    rows: Sequence[Sequence[str]],
    *,
    name: str,
    key: str,
    prose: Sequence[int] = (),
    chosen: int | None = None,
    of_runs: bool = False,
) -> None:
    """A table of texts in the flow of a page; `chosen` is the row that stands out, `prose` are the columns of text."""
    body = tuple(
        Row(Cell(label), tuple(map(Cell, cells)), is_chosen=at == chosen) for at, (label, *cells) in enumerate(rows)
    )
    table(
        list(map(Cell, header[1:])), [Group("", body)], name=name, key=key, corner=header[0],
        prose=[column - 1 for column in prose], of_runs=of_runs,
    )  # fmt: skip
