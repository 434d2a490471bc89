"""A visitor's worksheet: their guesses, findings and pictures, also as one HTML file for a screen and for paper."""

from __future__ import annotations

import base64
import functools
import json
import math
import re
import zlib
from dataclasses import asdict, dataclass, replace
from datetime import date
from html import escape
from typing import Any

from cae import words
from cae.classroom.checks import VERDICTS, Finding, Guess, Strip
from cae.disk import reading
from cae.errors import Damaged
from cae.plots.pictures import png_uri, sheet
from cae.web import bundle
from cae.web.templates import render

LONGEST_WORDS = 4000  # characters of an answer in words
LONGEST_NAME = 80
MOST_TAKEN = 40  # pictures on a worksheet
_MOST_ATTEMPTS = 100
_MOST_DIGITS = 30  # in a strip
_MOST_STRIPS = 8
_LARGEST = 4 * 2**20  # bytes, unpacked
_DIGIT = 28 * 28
_FORMAT = 1
_text = functools.partial(reading.text, most=_LARGEST)


@dataclass(frozen=True)
class Attempt:
    """A mission on the worksheet: its id, title and question, the guess as such and in words, and what came of it."""

    mission: str
    title: str
    question: str
    guess: Guess | None = None
    guessed: str = ""
    finding: Finding | None = None
    words: str = ""
    why: str = ""


@dataclass(frozen=True)
class Taken:
    """A picture of the visitor: its title, the run it comes from, a note, and the digits."""

    title: str
    run: str
    note: str
    strips: tuple[Strip, ...]


@dataclass(frozen=True)
class Worksheet:
    """All missions and pictures of a visitor, each of them once."""

    name: str = ""
    attempts: tuple[Attempt, ...] = ()
    taken: tuple[Taken, ...] = ()

    def attempt(self, mission: str) -> Attempt | None:
        """The attempt at a mission, if there is one."""
        return next((each for each in self.attempts if each.mission == mission), None)

    def with_attempt(self, attempt: Attempt) -> Worksheet:
        """The worksheet with this attempt, which replaces an earlier one at the same mission or comes last."""
        attempts = [attempt if each.mission == attempt.mission else each for each in self.attempts]
        if attempt not in attempts:
            attempts.append(attempt)
        return replace(self, attempts=tuple(attempts[-_MOST_ATTEMPTS:]))

    def with_taken(self, taken: Taken) -> Worksheet:
        """The worksheet with this picture; without the oldest if there are too many."""
        pictures = self.taken if taken in self.taken else (*self.taken, taken)
        return replace(self, taken=pictures[-MOST_TAKEN:])

    def without_taken(self, position: int) -> Worksheet:
        """The worksheet without one of its pictures."""
        return replace(self, taken=self.taken[:position] + self.taken[position + 1 :])

    @property
    def is_empty(self) -> bool:
        """Whether the worksheet has no content."""
        return not (self.name or self.attempts or self.taken)


# -- as a text, for the browser's tab to keep


def pack(worksheet: Worksheet) -> str:
    """The worksheet as a short text."""
    content = json.dumps({"format": _FORMAT, **asdict(worksheet)}, default=_bytes, separators=(",", ":"))
    return base64.b64encode(zlib.compress(content.encode())).decode()


def unpack(text: str) -> Worksheet:
    """The worksheet in such a text. Raises Damaged for any other text."""
    try:
        unpacker = zlib.decompressobj()
        content = unpacker.decompress(base64.b64decode(text, validate=True), _LARGEST)
        values = json.loads(content)
        if unpacker.unconsumed_tail or values["format"] != _FORMAT:
            raise ValueError
        attempts = tuple(_attempt(each) for each in values["attempts"][:_MOST_ATTEMPTS])
        taken = tuple(
            Taken(_text(each["title"]), _text(each["run"]), _text(each["note"]), _strips(each["strips"]))
            for each in values["taken"][:MOST_TAKEN]
        )
        return Worksheet(_text(values["name"])[:LONGEST_NAME], attempts, taken)
    except (*reading.UNREADABLE, zlib.error) as error:
        raise Damaged("The worksheet that the browser has kept cannot be read.") from error


def _bytes(value: Any) -> str:
    if not isinstance(value, bytes):
        raise TypeError
    return base64.b64encode(value).decode()


def _attempt(values: Any) -> Attempt:
    finding = values["finding"]
    if finding is not None:
        if finding["verdict"] not in VERDICTS:
            raise ValueError
        texts = {name: _text(finding[name]) for name in ("run", "guess", "answer", "sentence")}
        finding = Finding(**texts, verdict=finding["verdict"], strips=_strips(finding["strips"]))
    texts = {name: _text(values[name]) for name in ("mission", "title", "question", "guessed")}
    return Attempt(
        **texts, guess=_guess(values["guess"]), finding=finding, words=_text(values["words"])[:LONGEST_WORDS],
        why=_text(values.get("why", "")),
    )  # fmt: skip


def _guess(value: Any) -> Guess | None:
    if isinstance(value, list):
        if len(value) != 2 or not all(type(each) is int for each in value):
            raise ValueError
        return value[0], value[1]
    if value is None or type(value) is int or (type(value) is float and math.isfinite(value)):
        return value  # type: ignore[no-any-return]
    return _text(value)


def _strips(values: Any) -> tuple[Strip, ...]:
    strips = tuple(Strip(_text(each["name"]), base64.b64decode(each["pixels"], validate=True)) for each in values)
    if len(strips) > _MOST_STRIPS or any(len(each.pixels) % _DIGIT or not each.pixels for each in strips):
        raise ValueError
    if any(len(each.pixels) > _MOST_DIGITS * _DIGIT for each in strips):
        raise ValueError
    return strips


# -- as a page


def html(worksheet: Worksheet, made: date) -> str:
    """The worksheet as an HTML document that needs no other file; the same for the same worksheet and day."""
    return render(
        "worksheet.html",
        words=words,
        worksheet=worksheet,
        made=made,
        style=bundle.style("worksheet"),
        prose=prose,
        picture=_picture,
    )


def _picture(strip: Strip) -> str:
    digits = strip.digits()
    return png_uri(sheet(digits, len(digits), scale=3))


def file_name(worksheet: Worksheet) -> str:
    """The name of its file, without an ending: has the visitor's name, so that a teacher can tell thirty apart."""
    return "-".join(["worksheet", *re.findall(r"\w+", worksheet.name.lower())])[:60]


def prose(text: str) -> str:
    """The Markdown of missions as HTML: paragraphs, lists, **strong**, *emphasis*, `code`."""
    parts = []
    for block in re.split(r"\n\s*\n", text.strip()):
        lines = [line.strip() for line in block.splitlines()]
        if lines and all(line.startswith(("- ", "* ")) for line in lines):
            parts.append(f"<ul>{''.join(f'<li>{_inline(line[2:])}</li>' for line in lines)}</ul>")
        else:
            parts.append(f"<p>{_inline(' '.join(lines))}</p>")
    return "".join(parts)


def _inline(text: str) -> str:
    html = escape(text)
    for pattern, tag in ((r"`([^`]+)`", "code"), (r"\*\*([^*]+)\*\*", "strong"), (r"\*([^*<]+)\*", "em")):
        html = re.sub(pattern, rf"<{tag}>\1</{tag}>", html)
    return html
