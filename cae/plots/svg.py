"""Drawings as SVG text: a chart of lines, and a network as an hourglass. Pure; no script, nothing from outside.

Colours are whatever CSS knows, `var(--name)` too; text and axes take those of the page by the classes `axis`, `grid`,
`tick`, `label` and `quiet`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

_LEFT, _RIGHT, _TOP, _BOTTOM = 58, 14, 34, 44  # margins around the plot, in units of the view box
_TEXT = 14  # from a line of text to the next
_SLOT = 112  # from the middle of one block of the hourglass to the next
_FACE, _MIDDLE = 72, 50  # the side of a picture of 28 x 28; the height of the middle of all


@dataclass(frozen=True)
class Line:
    """A curve through points (x, y). `dash` as SVG has it, solid where it is empty; `dots` marks every point."""

    name: str
    points: Sequence[tuple[float, float]]
    colour: str
    width: float = 2
    dash: str = ""
    dots: bool = False


@dataclass(frozen=True)
class Level:
    """A thin line across the chart, with its name above it, or below where there is another close above."""

    name: str
    y: float


def chart(
    lines: Sequence[Line], levels: Sequence[Level] = (), *, title: str, description: str, x_label: str, y_label: str,
    width: int = 720, height: int = 320,
) -> str:  # fmt: skip
    """Lines over x, which counts something from 0 on, and y on a logarithmic axis; with ticks and a legend.

    `title` and `description` are what a screen reader says. Values are finite; a y of 0 lies on the axis's lower end.
    Raises ValueError where there is nothing to show.
    """
    shown = [y for line in lines for _, y in line.points] + [level.y for level in levels]
    shown = [y for y in shown if y > 0] or [1.0]
    last = max(x for line in lines for x, _ in line.points) or 1.0
    marks = powers(min(shown), max(shown))
    low, high = min(marks[0], *shown), max(marks[-1], *shown)
    right, bottom = width - _RIGHT, height - _BOTTOM

    def across(x: float) -> str:
        return f"{_LEFT + (right - _LEFT) * x / last:.1f}"

    def up(y: float) -> str:
        return f"{bottom - (bottom - _TOP) * math.log(max(y, low) / low) / math.log(high / low):.1f}"

    found = [
        f'<line class="grid" x1="{_LEFT}" x2="{right}" y1="{up(y)}" y2="{up(y)}"/>'
        f'<text class="tick" x="{_LEFT - 8}" y="{up(y)}" dy="0.35em" text-anchor="end">{y:.4g}</text>'
        for y in marks
    ]
    found += [
        f'<line class="axis" x1="{across(x)}" x2="{across(x)}" y1="{bottom}" y2="{bottom + 5}"/>'
        f'<text class="tick" x="{across(x)}" y="{bottom + 19}" text-anchor="middle">{x:.4g}</text>'
        for x in _whole(ticks(last, 10 if width > 500 else 5))
    ]
    found += [
        f'<line class="axis" x1="{_LEFT}" x2="{right}" y1="{bottom}" y2="{bottom}"/>',
        f'<text class="label" x="{(_LEFT + right) / 2:.1f}" y="{height - 6}" text-anchor="middle">'
        f"{escape(x_label)}</text>",
        f'<text class="label" transform="translate(13 {(_TOP + bottom) / 2:.1f}) rotate(-90)" text-anchor="middle">'
        f"{escape(y_label)}</text>",
    ]
    above = -math.inf
    for level in sorted(levels, key=lambda level: -level.y):
        y = up(level.y)
        shift = -5 if float(y) - above > _TEXT else _TEXT
        found.append(
            f'<line class="level" x1="{_LEFT}" x2="{right}" y1="{y}" y2="{y}"/>'
            f'<text class="label" x="{right}" y="{y}" dy="{shift}" text-anchor="end">{escape(level.name)}</text>'
        )
        above = float(y)
    for line in lines:
        path = " ".join(f"{across(x)},{up(y)}" for x, y in line.points)
        stroke = f'stroke="{escape(line.colour)}" stroke-width="{line.width:g}" stroke-dasharray="{escape(line.dash)}"'
        found.append(f'<polyline points="{path}" fill="none" {stroke} stroke-linejoin="round"/>')
        if line.dots:
            found += [
                f'<circle cx="{across(x)}" cy="{up(y)}" r="{line.width + 1:g}" fill="{escape(line.colour)}"/>'
                for x, y in line.points
            ]
    return _picture(width, height, title, description, [*found, *_legend(lines)])


def ticks(highest: float, most: int) -> list[float]:
    """Round numbers from 0 to `highest`, at most `most` steps of 1, 2 or 5 times a power of ten."""
    power = 10.0 ** math.floor(math.log10(highest / most))
    step = next(power * factor for factor in (1, 2, 5, 10) if highest / (power * factor) <= most * (1 + 1e-9))
    return [float(f"{number * step:.10g}") for number in range(math.floor(highest / step + 1e-9) + 1)]


def _whole(marks: Sequence[float]) -> Sequence[float]:
    """Those that are whole numbers, as long as there are two."""
    found = [mark for mark in marks if mark == round(mark)]
    return found if len(found) > 1 else marks


def powers(lowest: float, highest: float) -> list[float]:
    """1, 2 and 5 times powers of ten, from the last that is not above `lowest` to the first not below `highest`.

    Of many, some: at most 10 of them.
    """
    exponents = range(math.floor(math.log10(lowest)), math.ceil(math.log10(highest)) + 1)
    marks = [float(f"{factor}e{exponent}") for exponent in exponents for factor in (1, 2, 5)]
    first = max(number for number, mark in enumerate(marks) if mark <= lowest * (1 + 1e-9))
    last = min(number for number, mark in enumerate(marks) if mark >= highest * (1 - 1e-9) and number > first)
    return marks[first : last + 1 : -(-(last + 1 - first) // 10)]


def _legend(lines: Sequence[Line]) -> list[str]:
    found, x = [], float(_LEFT)
    for line in lines:
        stroke = f'stroke="{escape(line.colour)}" stroke-width="{line.width:g}" stroke-dasharray="{escape(line.dash)}"'
        found.append(f'<line x1="{x:.0f}" x2="{x + 22:.0f}" y1="14" y2="14" {stroke}/>')
        if line.dots:
            found.append(f'<circle cx="{x + 11:.0f}" cy="14" r="{line.width + 1:g}" fill="{escape(line.colour)}"/>')
        found.append(f'<text class="label" x="{x + 28:.0f}" y="14" dy="0.35em">{escape(line.name)}</text>')
        x += 28 + 7 * len(line.name) + 22
    return found


@dataclass(frozen=True)
class Block:
    """A tensor on its way through a network: its shape, (channels, height, width) or (numbers,), and what made it."""

    shape: tuple[int, ...]
    name: str


def hourglass(
    blocks: Sequence[Block], *, code: Sequence[float] = (), faces: tuple[str, str] | None = None,
    title: str, description: str,
) -> str:  # fmt: skip
    """A network as its tensors: a box each, as high as its pictures and as deep as its channels; the code as cells.

    `code` colours the cells, violet above 0 and amber below. `faces` are data URIs of the first picture and the last.
    """
    found = []
    for number, block in enumerate(blocks):
        middle = _SLOT * (number + 0.5)
        found += _cells(middle, block.shape[0], code) if len(block.shape) == 1 else _box(middle, block)
        if faces and number in (0, len(blocks) - 1):
            corner = f'x="{middle - _FACE / 2:.1f}" y="{_MIDDLE - _FACE / 2:.1f}" width="{_FACE}" height="{_FACE}"'
            found.append(f'<image class="digit" {corner} href="{escape(faces[number > 0])}"/>')
        shape = " × ".join(map(str, block.shape)) if len(block.shape) > 1 else f"{block.shape[0]:,}"
        found.append(
            f'<text class="label strong named" x="{middle:.1f}" y="112" text-anchor="middle">{shape}</text>'
            f'<text class="label named" x="{middle:.1f}" y="128" text-anchor="middle">{escape(block.name)}</text>'
        )
    return _picture(_SLOT * len(blocks), 134, title, description, found)


def _box(middle: float, block: Block) -> list[str]:
    """Front, top and side; of one channel only the front."""
    side = _FACE * block.shape[1] / 28
    depth = 3.4 * math.log2(block.shape[0])
    left, top = middle - (side + depth) / 2, _MIDDLE - (side - depth) / 2
    right, bottom = left + side, top + side
    faces = [([(left, top), (right, top), (right, bottom), (left, bottom)], 0.16)]
    if depth:
        faces.append(([(left, top), (left + depth, top - depth), (right + depth, top - depth), (right, top)], 0.30))
        beside = [(right, top), (right + depth, top - depth), (right + depth, bottom - depth), (right, bottom)]
        faces.append((beside, 0.42))
    return [
        f'<polygon class="box" points="{" ".join(f"{x:.1f},{y:.1f}" for x, y in corners)}" fill-opacity="{opacity}"/>'
        for corners, opacity in faces
    ]


def _cells(middle: float, count: int, code: Sequence[float]) -> list[str]:
    """A cell a number, at most 32 below each other."""
    columns = -(-count // 32)
    rows = -(-count // columns)
    height, width = min(92 / rows, 12), min(20.0, 92 / columns)
    most = max((abs(value) for value in code), default=0.0) or 1.0
    found = []
    for number in range(count):
        column, row = divmod(number, rows)
        value = code[number] / most if number < len(code) else 0.0
        x, y = middle + (column - columns / 2) * width, _MIDDLE + (row - rows / 2) * height
        found.append(
            f'<rect class="cell {"more" if value >= 0 else "less"}" x="{x:.1f}" y="{y:.2f}" width="{width:.1f}" '
            f'height="{height:.2f}" fill-opacity="{0.12 + 0.88 * abs(value):.2f}"/>'
        )
    return found


def _picture(width: int, height: int, title: str, description: str, parts: Sequence[str]) -> str:
    words = f"<title>{escape(title)}</title><desc>{escape(description)}</desc>"
    return f'<svg role="img" viewBox="0 0 {width} {height}">{words}{"".join(parts)}</svg>'
