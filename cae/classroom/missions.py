"""Missions: questions in text files that teachers can edit, guessed first and then answered by measurements."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cae import words
from cae.classroom.answers import MEASURES, Measure
from cae.classroom.checks import Chosen, Finding, Guess, Outcome, Strip, amount
from cae.config import PRIORS
from cae.disk import reading
from cae.disk.files import missions_folder
from cae.errors import CaeError
from cae.runs.run import Run

Pixels = NDArray[np.uint8]
KINDS = ("number", "choice", "class", "pair of classes", "dimension", "drawing", "words")
PAGES: dict[str, tuple[str, ...]] = {  # with the parts of their state that a mission can set
    "home": (), "train": (), "reconstruct": ("index", "show"), "steer": ("from",), "draw": (), "map": (), "judge": (),
    "generate": ("prior", "seed"), "compare": (),
}  # fmt: skip
_PRESETS = {
    "index": r"\d{1,7}", "show": "hardest|easiest", "from": r"(digit|mean|random|zero)-\d{1,9}", "seed": r"\d{1,9}",
    "prior": "|".join(PRIORS),
}  # fmt: skip
_FIELDS = (
    "title", "question", "page", "look", "measure", "guess", "min", "max", "within", "options", "why", "order",
)  # fmt: skip
_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,63}")
_LARGEST = 64 * 1024  # bytes
_LONGEST_TITLE = 120
_LAST = 1000  # the place of a mission that names none


class UnusableMission(CaeError):
    """The file of a mission has a mistake: the sentence names it, the field or line, and what is allowed."""


@dataclass(frozen=True)
class Mission:
    """A question. `guess` is one of KINDS, `measure` the name of one of MEASURES, or empty if nothing is checked.

    page: where to look; `presets` are the parameters of its address. low, high, unit, within: of a number; a guess is
    right if it is at most `within` off. options: of a choice, by key.
    """

    id: str
    title: str
    question: str
    guess: str = "words"
    measure: str = ""
    page: str = "home"
    presets: tuple[tuple[str, str], ...] = ()
    look: str = ""
    why: str = ""
    order: float = _LAST
    low: float = 0
    high: float = 100
    unit: str = ""
    within: float = 5
    options: tuple[tuple[str, str], ...] = ()

    @property
    def measurement(self) -> Measure | None:
        """The measurement that answers the question; None if words alone do."""
        return MEASURES.get(self.measure)


# -- reading them


def read_all() -> tuple[list[Mission], list[str]]:
    """The missions in the folder (CAE_MISSIONS, or `missions/`) in their order, and a sentence for each wrong file."""
    folder, missions, problems = missions_folder(), [], []
    try:
        paths = sorted(path for path in folder.iterdir() if path.suffix == ".toml" and not path.name.startswith("."))
    except OSError:
        return [], [f"There is no folder {folder.name} with missions: make one, or set CAE_MISSIONS to another."]
    for path in paths:
        try:
            missions.append(read(path))
        except UnusableMission as error:
            problems.append(str(error))
    return sorted(missions, key=lambda mission: (mission.order, mission.id)), problems


def read(path: Path) -> Mission:
    """One mission. Raises UnusableMission."""
    if not _NAME.fullmatch(path.stem):
        raise UnusableMission(
            f"{path.name}: a mission's file name has at most 64 lower-case letters, digits and hyphens before .toml."
        )
    try:
        content = reading.content(path, _LARGEST)
        fields = tomllib.loads(content.decode("utf-8-sig").replace("\r\n", "\n"))
    except OSError as error:
        raise UnusableMission(f"{path.name} cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise UnusableMission(f"{path.name} is not UTF-8: save it in that encoding.") from error
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise UnusableMission(f"{path.name} is not TOML: {error}.") from error
    return _Reader(path.name, fields).mission(path.stem)


class _Reader:
    """Checks the fields of one file."""

    def __init__(self, file: str, fields: dict[str, Any]) -> None:
        self.file, self.fields = file, fields

    def mission(self, name: str) -> Mission:
        for field in self.fields:
            if field not in _FIELDS:
                raise self.wrong(field, f"is unknown: a mission has {', '.join(_FIELDS)}")
        measure = self.text("measure", "")
        if measure and measure not in MEASURES:
            raise self.wrong("measure", f"is {measure!r} but must be one of {_listed(MEASURES)}")
        measurement = MEASURES.get(measure)
        kind = measurement.kind if measurement else "words"
        guess = self.text("guess", kind)
        if guess != kind:
            cause = f"the measure {measure!r}" if measurement else "a mission without a measure"
            raise self.wrong("guess", f"is {guess!r}, but {cause} needs {kind!r}")
        low, high, within = self.number_fields(guess)
        page, presets = self.place()
        return Mission(
            name, self.text("title", None, _LONGEST_TITLE), self.text("question", None), guess, measure, page, presets,
            self.text("look", ""), self.text("why", ""), self.number("order", _LAST), low, high,
            measurement.unit if measurement else "", within, self.choices(guess, measurement),
        )  # fmt: skip

    def wrong(self, field: str, what: str) -> UnusableMission:
        return UnusableMission(f"{self.file}: {field} {what}.")

    def text(self, field: str, otherwise: str | None, longest: int = _LARGEST) -> str:
        value = self.fields.get(field, otherwise)
        if value is None:
            raise self.wrong(field, "is missing: it must be a text")
        if not isinstance(value, str):
            raise self.wrong(field, f"is {value!r} but must be a text, in quotation marks")
        if otherwise is None and not value.strip():
            raise self.wrong(field, "is empty: it must be a text")
        if len(value) > longest:
            raise self.wrong(field, f"has {len(value)} characters: the limit is {longest}")
        return value.strip()

    def number(self, field: str, otherwise: float | None) -> float:
        value = self.fields.get(field, otherwise)
        if value is None:
            raise self.wrong(field, "is missing: a guess of the kind 'number' needs it")
        if not isinstance(value, int | float) or isinstance(value, bool) or not abs(value) <= 1e12:
            raise self.wrong(field, f"is {value!r} but must be a number, without quotation marks")
        return value

    def number_fields(self, guess: str) -> tuple[float, float, float]:
        if guess != "number":
            for field in ("min", "max", "within"):
                if field in self.fields:
                    raise self.wrong(field, f"is for a guess of the kind 'number', but this one is {guess!r}")
            return 0, 100, 5
        low, high = self.number("min", None), self.number("max", None)
        if low >= high:
            raise self.wrong("min", f"is {low} but must be less than max, which is {high}")
        within = self.number("within", (high - low) / 20)
        if within < 0:
            raise self.wrong("within", f"is {within} but must be 0 or more")
        return low, high, within

    def choices(self, guess: str, measurement: Measure | None) -> tuple[tuple[str, str], ...]:
        options = self.fields.get("options")
        if guess != "choice":
            if options is not None:
                raise self.wrong("options", f"is for a guess of the kind 'choice', but this one is {guess!r}")
            return ()
        if not isinstance(options, dict) or not all(isinstance(each, str) and each for each in options.values()):
            raise self.wrong("options", 'must be a table of texts: [options], and below it lines like key = "text"')
        if measurement is None or set(options) != set(measurement.choices):
            raise self.wrong("options", f"must have the keys {_listed(measurement.choices if measurement else ())}")
        return tuple(options.items())

    def place(self) -> tuple[str, tuple[tuple[str, str], ...]]:
        page, _, state = self.text("page", "home").strip("/").partition("?")
        if page not in PAGES:
            raise self.wrong("page", f"is {page!r} but must be one of {_listed(PAGES)}")
        presets = []
        for each in filter(None, state.split("&")):
            name, _, value = each.partition("=")
            if name not in PAGES[page]:
                allowed = _listed(PAGES[page]) if PAGES[page] else "nothing"
                raise self.wrong("page", f"sets {name!r}, but {page!r} takes {allowed}")
            if not re.fullmatch(_PRESETS[name], value):
                raise self.wrong("page", f"sets {name} to {value!r}: copy it from the address of that page")
            presets.append((name, value))
        return page, tuple(presets)


def _listed(names: Any) -> str:
    return ", ".join(repr(name) for name in names)


# -- guessing and checking


def in_words(mission: Mission, guess: Guess, class_names: tuple[str, ...]) -> str:
    """A guess in words."""
    if isinstance(guess, tuple):
        return words.listed([_class(label, class_names) for label in guess])
    if isinstance(guess, str):
        return dict(mission.options).get(guess, guess)
    if mission.guess == "dimension":
        return f"z{int(guess)}"
    return amount(guess, mission.unit) if mission.guess == "number" else _class(int(guess), class_names)


def _class(label: int, class_names: tuple[str, ...]) -> str:
    return class_names[label] if 0 <= label < len(class_names) else f"class {label}"


def find(mission: Mission, run: Run, drawing: Pixels | None = None) -> Outcome:
    """Measures what the mission asks. Raises CaeError where something is missing, UnusableMission without a measure.

    `drawing`, uint8 (28, 28), is for questions about a drawing.
    """
    return _measure(mission).find(run, drawing)


def show(
    mission: Mission, run: Run, outcome: Outcome, guess: Guess, drawing: Pixels | None = None
) -> tuple[Strip, ...]:
    """Pictures of the outcome and of the guess."""
    return _measure(mission).show(run, outcome, guess, drawing)


def compare(
    mission: Mission, run: Run, outcome: Outcome, guess: Guess, *, class_names: tuple[str, ...],
    strips: tuple[Strip, ...] = (),
) -> Finding:  # fmt: skip
    """Compares the guess with the outcome."""
    verdict, sentence = outcome.beside(guess, mission.within)
    answer = outcome.answer
    if isinstance(outcome, Chosen):
        answer = f"{in_words(mission, outcome.key, class_names)} ({outcome.measured})"
    said = f"{sentence} {outcome.explanation}".strip()
    return Finding(words.called(run), in_words(mission, guess, class_names), answer, verdict, said, strips)


def check(mission: Mission, run: Run, guess: Guess, drawing: Pixels | None = None) -> Finding:
    """Checks a guess: `find`, `show` and `compare` in one. Raises CaeError."""
    outcome = find(mission, run, drawing)
    names = run.test_images().class_names
    strips = show(mission, run, outcome, guess, drawing)
    return compare(mission, run, outcome, guess, class_names=names, strips=strips)


def _measure(mission: Mission) -> Measure:
    if mission.measurement is None:
        raise UnusableMission(f"{mission.id} has no measure: it is answered in words alone.")
    return mission.measurement
