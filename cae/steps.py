"""Long work is a generator: it yields what it does next and returns its result; the caller owns the loop."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import closing
from dataclasses import dataclass
from typing import TypeVar

S = TypeVar("S")
T = TypeVar("T")


@dataclass(frozen=True)
class Step:
    """What long work does next, in words, and which share of it is done, where that is known."""

    text: str
    share: float | None = None


Steps = Generator[Step, None, T]  # the caller stops the work by not asking for more


def result_of(work: Generator[S, None, T], show: Callable[[S], object] = lambda _: None) -> T:
    """The result of long work, which is done to its end; `show` is given every step."""
    with closing(work):
        while True:
            try:
                step = next(work)
            except StopIteration as end:
                return end.value  # type: ignore[no-any-return]
            show(step)


def changed(work: Steps[T], change: Callable[[Step], Step]) -> Steps[T]:
    """The same work, its steps put otherwise."""
    with closing(work):
        while True:
            try:
                step = next(work)
            except StopIteration as end:
                return end.value  # type: ignore[no-any-return]
            yield change(step)
