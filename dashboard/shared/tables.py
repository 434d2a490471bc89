"""A small table in the text of a page, which can be taken home."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Sequence

import streamlit as st

from shared.markdown import plain
from shared.taking import take_home

_FORMULA = re.compile(r"\s*[=+\-@\uff1d\uff0b\uff0d\uff20].", re.DOTALL)
_NUMBER = re.compile(r"(-?[\d,]+(?:\.\d+)?)[\u00a0 ]?(dB|%)?")


def small_table(
    header: Sequence[str],
    rows: Sequence[Sequence[str]],
    *,
    file: str,
    bold: int | None = None,
    left: Sequence[int] = (0,),
) -> None:
    """Shows rows of texts below a header, and below them a button that saves them as `file`.csv.

    The row `bold`, if there is one, stands out; the columns `left` are set to the left, the others to the right.
    """
    lines = [header, *rows]
    marks = ["---" if column in left else "--:" for column in range(len(header))]
    cells = [[plain(cell) if cell else "" for cell in line] for line in lines]
    if bold is not None:
        cells[bold + 1] = [f"**{cell}**" for cell in cells[bold + 1]]
    st.markdown("\n".join(f"| {' | '.join(line)} |" for line in (cells[0], marks, *cells[1:])))
    take_home(
        "CSV", lambda: _csv(lines), f"{file}.csv", help="Save this table for a spreadsheet.", key=f"csv {file}",
        quiet=True,
    )  # fmt: skip


def _csv(lines: Sequence[Sequence[str]]) -> bytes:
    buffer = io.StringIO()
    columns = [_numbers(column) for column in zip(*lines, strict=True)]
    csv.writer(buffer).writerows(zip(*columns, strict=True))
    return ("\ufeff" + buffer.getvalue()).encode()


def _numbers(column: Sequence[str]) -> list[str]:
    """A column as a program reads it: where all are numbers of one unit, that stands in the header alone."""
    found = [_NUMBER.fullmatch(cell) for cell in column[1:]]
    units = {each[2] for each in found if each}
    if not found or not all(found) or len(units) > 1:
        return [_plain(cell) for cell in column]
    unit = units.pop()
    return [_plain(column[0]) + (f" ({unit})" if unit else ""), *(each[1].replace(",", "") for each in found if each)]


def _plain(cell: str) -> str:
    """What a spreadsheet would take for a formula is marked as text."""
    text = cell.replace("\u00a0", " ")
    return f"'{text}" if _FORMULA.match(text) and not _NUMBER.fullmatch(text) else text
