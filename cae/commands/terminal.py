"""What the commands say, so that a terminal shows it and obeys none of it: names and reasons come from files."""

from __future__ import annotations

import builtins
import re
import sys
from typing import TextIO

# Control characters but for new lines and tabs, what turns the direction of writing, and halves of characters.
_OBEYED = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ud800-\udfff]")


def harmless(text: str) -> str:
    """The text with a code in place of every character that a terminal would obey."""
    return _OBEYED.sub(
        lambda found: f"\\x{ord(found[0]):02x}" if ord(found[0]) < 256 else f"\\u{ord(found[0]):04x}", text
    )


def print(text: object, *, file: TextIO | None = None, flush: bool = False) -> None:
    """As Python's own, of one text that is harmless."""
    builtins.print(harmless(str(text)), file=file, flush=flush)


def say(text: object) -> None:
    """Prints the progress of long work to stderr."""
    print(text, file=sys.stderr, flush=True)


def agrees(question: str) -> bool:
    """Whether somebody at a terminal says yes; where nobody sits at one, nobody is asked, and that is a yes."""
    if not sys.stdin.isatty():
        return True
    builtins.print(f"{harmless(question)} [y/N] ", end="", flush=True)
    return sys.stdin.readline().strip().lower() in ("y", "yes")
