"""A guess beside what was measured: right, close or off, and the sentence that says by how much."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from cae import words

Guess = float | str | tuple[int, int]  # a number, class or dimension; words or the name of a choice; a pair of classes
Verdict = Literal["right", "close", "off", "open"]  # open: there is nothing that could be right
VERDICTS: tuple[Verdict, ...] = ("right", "close", "off", "open")
_SIDE = 28
_PLACES = ("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth")
_NEAR_THE_TOP, _HALF, _NEARLY = 3, 0.5, 0.8  # close: the first places, if half as strong; others, if nearly so
_CLOSE = 3  # times as far off as is still right


@dataclass(frozen=True)
class Strip:
    """Some digits in a row, and what they are; `pixels` are the grey values of uint8 (S, 28, 28), row by row."""

    name: str
    pixels: bytes

    @classmethod
    def of(cls, name: str, digits: NDArray[np.uint8]) -> Strip:
        """A strip of digits, uint8 (S, 28, 28)."""
        return cls(name, np.ascontiguousarray(digits, np.uint8).tobytes())

    def digits(self) -> NDArray[np.uint8]:
        """They themselves, (S, 28, 28)."""
        return np.frombuffer(self.pixels, np.uint8).reshape(-1, _SIDE, _SIDE)


@dataclass(frozen=True)
class Finding:
    """What was found for a guess: of which run, what was guessed and measured, in words, and how far they are apart."""

    run: str
    guess: str
    answer: str
    verdict: Verdict
    sentence: str
    strips: tuple[Strip, ...] = ()


@dataclass(frozen=True)
class Quantity:
    """A number, and the unit that stands after it."""

    value: float
    unit: str
    explanation: str

    @property
    def answer(self) -> str:
        """The number with its unit."""
        return amount(self.value, self.unit)

    def beside(self, guess: Guess, within: float) -> tuple[Verdict, str]:
        """A verdict and a sentence: right where it is `within` that of the number, close within three times that."""
        assert isinstance(guess, int | float)
        apart = guess - self.value
        said = f"You guessed {amount(guess, self.unit)}, and it is {self.answer}"
        if abs(apart) <= within:
            return "right", f"{said}."
        direction = "too many" if apart > 0 else "too few"
        if self.unit in ("", "%", "times"):
            direction = "too high" if apart > 0 else "too low"
        points = "points" if self.unit == "%" else ""
        verdict: Verdict = "close" if abs(apart) <= _CLOSE * within else "off"
        return verdict, f"{said}: {amount(abs(apart), points)} {direction}."


@dataclass(frozen=True)
class Candidate:
    """One of the possible answers: what it is called, how much speaks for it, and that in words."""

    key: Guess
    name: str
    strength: float
    score: str


@dataclass(frozen=True)
class Ranking:
    """All possible answers, the right one first. `noun` and `most` say what they are: "The pair", "most confused"."""

    candidates: tuple[Candidate, ...]
    noun: str
    most: str
    explanation: str

    @property
    def answer(self) -> str:
        """The first, and what speaks for it."""
        return f"{self.candidates[0].name}: {self.candidates[0].score}" if self._has_first() else "none"

    def beside(self, guess: Guess, within: float = 0) -> tuple[Verdict, str]:
        """Right for the first and for what is as strong; close for the next two, if half as strong, or 0.8 times."""
        if not self._has_first():
            return "open", "Nothing of the kind was found for this run: no answer is right, and none is wrong."
        first = self.candidates[0]
        place = next((at for at, each in enumerate(self.candidates) if each.key == guess), None)
        if place is None:
            return "off", f"That is none of this run’s {len(self.candidates)}; {self._first()}."
        mine = self.candidates[place]
        if place == 0 or mine.strength == first.strength:
            return "right", f"{self._called(mine)} is indeed the {self.most}: {mine.score}."
        share = mine.strength / first.strength
        is_close = share >= (_HALF if place < _NEAR_THE_TOP else _NEARLY)
        sentence = f"{self._called(mine)} is the {ordinal(place + 1)} {self.most}: {mine.score}; {self._first()}."
        return ("close" if is_close else "off"), sentence

    def _has_first(self) -> bool:
        return bool(self.candidates) and self.candidates[0].strength > 0

    def _first(self) -> str:
        first = self.candidates[0]
        return f"the {self.most} is {first.name}, {first.score}"

    def _called(self, candidate: Candidate) -> str:
        return f"{self.noun} {candidate.name}".strip()


@dataclass(frozen=True)
class Chosen:
    """The one of several statements that is so, and what was measured of it."""

    key: str
    measured: str
    explanation: str

    @property
    def answer(self) -> str:
        """What was measured."""
        return self.measured

    def beside(self, guess: Guess, within: float = 0) -> tuple[Verdict, str]:
        """Right or not: there is nothing between."""
        return ("right", "That is so.") if guess == self.key else ("off", "It is otherwise.")


@dataclass(frozen=True)
class Fooling:
    """What a drawing is taken for: by the vote of its neighbours, and by the independent classifier if there is one.

    `vote` and `judge` are a class and a share; `class_names` are what the classes are called.
    """

    class_names: tuple[str, ...]
    vote: tuple[int, float]
    judge: tuple[int, float] | None
    explanation: str = ""

    @property
    def answer(self) -> str:
        """What the vote calls it."""
        return self._said(self.vote)

    def beside(self, guess: Guess, within: float = 0) -> tuple[Verdict, str]:
        """Whether the vote was fooled by what was meant to be the class `guess`, as far as a machine can say."""
        meant = "another class"
        if isinstance(guess, int) and 0 <= guess < len(self.class_names):
            meant = self.class_names[guess]
        if guess == self.vote[0]:
            return "off", f"You meant {meant}, and the vote says {self.answer} too: it was not fooled."
        said = f"You meant {meant}, and the vote says {self.answer}"
        if self.judge is None:
            return "close", f"{said}; there is no independent classifier for these pictures to say who is right."
        if guess == self.judge[0]:
            return "right", f"{said}; the independent classifier reads {self._said(self.judge)}: the vote is fooled."
        return "close", (
            f"{said}; but the independent classifier does not read {meant} either, it reads {self._said(self.judge)}."
        )

    def _said(self, read: tuple[int, float]) -> str:
        return f"{self.class_names[read[0]]} ({words.percent(read[1], 0)})"


Found = Quantity | Ranking | Chosen | Fooling  # what a measurement says, whatever was guessed


def amount(value: float, unit: str) -> str:
    """A number with its unit, whole where it is, otherwise with three digits."""
    text = f"{value:,.0f}" if float(value).is_integer() else f"{value:.3g}"
    return f"{text} {unit}".strip()


def ordinal(place: int) -> str:
    """First, second, ..., tenth, 11th, ..., 21st."""
    if place <= len(_PLACES):
        return _PLACES[place - 1]
    ending = "th" if place % 100 in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(place % 10, "th")
    return f"{place}{ending}"
