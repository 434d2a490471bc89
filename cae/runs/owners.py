"""Who started something: a hash that stands for a visitor, and the name that others see."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from typing import Any

from cae.disk.reading import one_line

LONGEST_NAME = 40  # characters
_ID = re.compile(r"[0-9a-f]{32}|command-line")


@dataclass(frozen=True)
class Owner:
    """A visitor, or the command line; the `id` alone identifies it."""

    id: str
    name: str = ""

    def __post_init__(self) -> None:
        if not isinstance(self.id, str) or not _ID.fullmatch(self.id):
            raise ValueError("no owner")
        if not isinstance(self.name, str) or self.name != clean_name(self.name):
            raise ValueError("no name")

    def is_same(self, other: Owner | None) -> bool:
        """Whether both are the same visitor, whatever their names."""
        return other is not None and other.id == self.id

    def to_json(self) -> dict[str, str]:
        """The fields by name."""
        return {"id": self.id, "name": self.name}


def owner(identity: str, name: str = "") -> Owner:
    """The owner for a visitor's secret `identity`, of which only the hash is kept."""
    return Owner(hashlib.blake2b(identity.encode(), digest_size=16).hexdigest(), clean_name(name))


def from_json(values: Any) -> Owner | None:
    """The owner from what `to_json` gave, or None for None. Raises ValueError, TypeError or KeyError otherwise."""
    return None if values is None else Owner(values["id"], values["name"])


def clean_name(name: str) -> str:
    """The name on one line of at most 40 characters, without any that are invisible or reverse the writing."""
    return one_line(name)[:LONGEST_NAME].rstrip()


COMMAND_LINE = Owner("command-line")
