"""A latent code in an address."""

from __future__ import annotations

import math
from collections.abc import Sequence

from cae.errors import CaeError

_FARTHEST = 1e4  # from zero


class UnreadableLink(CaeError):
    """The address holds a code that cannot be used."""


def write_code(code: Sequence[float]) -> str:
    """The numbers of a code, to four decimals, with commas."""
    return ",".join(f"{value:.4f}".rstrip("0").rstrip(".") for value in code)


def read_code(text: str, dimensions: int) -> tuple[float, ...]:
    """The code that such a text stands for. Raises UnreadableLink unless it has so many finite numbers."""
    parts = text.split(",", dimensions) if len(text) <= 32 * dimensions else []
    if len(parts) != dimensions:
        found = text.count(",") + 1
        raise UnreadableLink(
            f"The code in the address has {found} numbers and this network has {dimensions}: it belongs to another run."
        )
    try:
        code = tuple(float(part) for part in parts)
    except ValueError:
        raise UnreadableLink("The code in the address holds something that is not a number.") from None
    if not all(math.isfinite(value) and abs(value) <= _FARTHEST for value in code):
        raise UnreadableLink("The code in the address holds a number that is too large.")
    return code
