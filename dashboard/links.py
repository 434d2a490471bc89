"""A latent code in an address."""

from __future__ import annotations

import math
from collections.abc import Sequence

from cae.errors import CaeError
from wording import numbers

_FARTHEST = 1e4  # from zero


class UnreadableLink(CaeError):
    """The address holds a code that cannot be used."""


def write_code(code: Sequence[float]) -> str:
    """The numbers of a code, to four decimals, with commas."""
    return ",".join(f"{value:.4f}".rstrip("0").rstrip(".") for value in code)


def read_code(text: str, dimensions: int) -> tuple[float, ...]:
    """The code that such a text stands for. Raises UnreadableLink unless it has so many finite numbers."""
    found = text.count(",") + 1 if text else 0
    if found != dimensions:
        raise UnreadableLink(
            f"The code in the address has {numbers(found)} and this network has {dimensions}: that of another run."
        )
    if len(text) > 32 * dimensions:
        raise UnreadableLink("The code in the address is too long to be one.")
    try:
        code = tuple(float(part) for part in text.split(","))
    except ValueError:
        raise UnreadableLink("The code in the address holds something that is not a number.") from None
    if not all(math.isfinite(value) and abs(value) <= _FARTHEST for value in code):
        raise UnreadableLink("The code in the address holds a number that is infinite, or too large.")
    return code
