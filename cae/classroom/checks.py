"""Compares a guess with what was measured: right, close or off, and a sentence that says by how much."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from cae import words

Guess = float | str | tuple[int, int]  # a number, class or dimension; words or the key of a choice; a pair of classes
Verdict = Literal["right", "close", "off", "open"]  # open: no answer is right
VERDICTS: tuple[Verdict, ...] = ("right", "close", "off", "open")
_SIDE = 28
_PLACES = ("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth")
_NEAR_THE_TOP, _HALF, _NEARLY = 3, 0.5, 0.8  # close: the first places if half as strong, others if nearly as strong
_CLOSE = 3  # times the distance that counts as right


@dataclass(frozen=True)
class Strip:
    """A row of digits and its name; `pixels` are the values of uint8 (S, 28, 28), row by row."""

    name: str
    pixels: bytes

    @classmethod
    def of(cls, name: str, digits: NDArray[np.uint8]) -> Strip:
        """A strip of digits, uint8 (S, 28, 28)."""
        return cls(name, np.ascontiguousarray(digits, np.uint8).tobytes())

    def digits(self) -> NDArray[np.uint8]:
        """The digits, uint8 (S, 28, 28)."""
        return np.frombuffer(self.pixels, np.uint8).reshape(-1, _SIDE, _SIDE)


@dataclass(frozen=True)
class Finding:
    """A checked guess: of which run, what was guessed and what was measured, in words, and how far apart they are."""

    run: str
    guess: str
    answer: str
    verdict: Verdict
    sentence: str
    strips: tuple[Strip, ...] = ()


@dataclass(frozen=True)
class Quantity:
    """A number and its unit."""

    value: float
    unit: str
    explanation: str

    @property
    def answer(self) -> str:
        """The number with its unit."""
        return amount(self.value, self.unit)

    def beside(self, guess: Guess, within: float) -> tuple[Verdict, str]:
        """A verdict and a sentence. A guess is right `within` that distance, and close within three times as much."""
        assert isinstance(guess, int | float)
        apart = guess - self.value
        sentence = f"You guessed {amount(guess, self.unit)}, and it is {self.answer}"
        if abs(apart) <= within:
            return "right", f"{sentence}."
        direction = "too many" if apart > 0 else "too few"
        if self.unit in ("", "%", "times"):
            direction = "too high" if apart > 0 else "too low"
        points = "points" if self.unit == "%" else ""
        verdict: Verdict = "close" if abs(apart) <= _CLOSE * within else "off"
        return verdict, f"{sentence}: {amount(abs(apart), points)} {direction}."


@dataclass(frozen=True)
class Candidate:
    """A possible answer: its name, how much speaks for it, and that in words."""

    key: Guess
    name: str
    strength: float
    score: str


@dataclass(frozen=True)
class Ranking:
    """All possible answers, the right one first. `noun` and `most` name them: "The pair", "most confused"."""

    candidates: tuple[Candidate, ...]
    noun: str
    most: str
    explanation: str

    @property
    def answer(self) -> str:
        """The first candidate and its score."""
        return f"{self.candidates[0].name}: {self.candidates[0].score}" if self._has_first() else "none"

    def beside(self, guess: Guess, within: float = 0) -> tuple[Verdict, str]:
        """Right for the strongest; close for the next two if half as strong, and for others if 0.8 times as strong."""
        if not self._has_first():
            return "open", "This run shows nothing of the kind, so no answer is right or wrong."
        first = self.candidates[0]
        place = next((at for at, each in enumerate(self.candidates) if each.key == guess), None)
        if place is None:
            return "off", f"This run has {len(self.candidates)} possible answers, and that is not one; {self._first()}."
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
    """The statement that is true, of several, and the measurement behind it."""

    key: str
    measured: str
    explanation: str

    @property
    def answer(self) -> str:
        """The measurement."""
        return self.measured

    def beside(self, guess: Guess, within: float = 0) -> tuple[Verdict, str]:
        """Right or off, never close."""
        return ("right", "That is right.") if guess == self.key else ("off", "Not quite: see below.")


@dataclass(frozen=True)
class Fooling:
    """How a drawing is read: by the vote of its neighbours, and by the independent classifier if there is one.

    `vote` and `classifier` are a class and a share.
    """

    class_names: tuple[str, ...]
    vote: tuple[int, float]
    classifier: tuple[int, float] | None
    explanation: str = ""

    @property
    def answer(self) -> str:
        """The class that the vote reads."""
        return self._in_words(self.vote)

    def beside(self, guess: Guess, within: float = 0) -> tuple[Verdict, str]:
        """Whether a drawing of the class `guess` fooled the vote, as far as a machine can tell."""
        meant = "another class"
        if isinstance(guess, int) and 0 <= guess < len(self.class_names):
            meant = self.class_names[guess]
        if guess == self.vote[0]:
            return "off", f"You meant {meant}, and the vote says {self.answer}: it was not fooled."
        sentence = f"You meant {meant}, and the vote says {self.answer}"
        if self.classifier is None:
            return "close", f"{sentence}; there is no independent classifier for these pictures to say who is right."
        reading = self._in_words(self.classifier)
        if guess == self.classifier[0]:
            return "right", f"{sentence}; the independent classifier reads {reading}: the vote is fooled."
        return "close", f"{sentence}; but the independent classifier does not read {meant} either: it reads {reading}."

    def _in_words(self, read: tuple[int, float]) -> str:
        return f"{self.class_names[read[0]]} ({words.percent(read[1], 0)})"


Outcome = Quantity | Ranking | Chosen | Fooling  # of a measurement, whatever the guess


def amount(value: float, unit: str) -> str:
    """A number with its unit: whole if it is, otherwise with three significant digits."""
    text = f"{value:,.0f}" if float(value).is_integer() else f"{value:.3g}"
    return f"{text} {unit}".strip()


def ordinal(place: int) -> str:
    """First, second, ..., tenth, 11th, ..., 21st."""
    if place <= len(_PLACES):
        return _PLACES[place - 1]
    ending = "th" if place % 100 in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(place % 10, "th")
    return f"{place}{ending}"
