"""The start and the code of the page Steer in an address."""

from __future__ import annotations

import math
import re

from cae import words
from cae.errors import CaeError

_FARTHEST = 1e4  # from zero


class UnreadableLink(CaeError):
    """The address holds an unusable code."""


def read_start(text: str) -> tuple[str, int] | None:
    """The kind and the number of a start like `digit-12`, `mean-3`, `random-5` or `zero-0`; None for other texts."""
    match = re.fullmatch(r"(digit|mean|random|zero)-([0-9]{1,10})", text)
    return (match[1], int(match[2])) if match else None


def read_code(text: str, dimensions: int) -> tuple[float, ...]:
    """The code in an address, its numbers divided by commas. Raises UnreadableLink unless all are there and finite."""
    numbers = text.count(",") + 1 if text else 0
    if numbers != dimensions:
        told = f"The code in the address has {words.count(numbers, 'number')} and this network has {dimensions}"
        raise UnreadableLink(f"{told}: it belongs to another run.")
    if len(text) > 32 * dimensions:
        raise UnreadableLink("The code in the address is too long.")
    try:
        if "_" in text:  # which Python ignores
            raise ValueError
        code = tuple(float(part) for part in text.split(","))
    except ValueError:
        raise UnreadableLink("The code in the address holds something that is not a number.") from None
    if not all(math.isfinite(value) and abs(value) <= _FARTHEST for value in code):
        raise UnreadableLink("The code in the address holds a number that is infinite or too large.")
    return code
