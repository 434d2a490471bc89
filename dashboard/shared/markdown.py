"""Foreign text in Markdown."""

from __future__ import annotations

import re

# What means something to Markdown anywhere, and what begins a list; and where it finds an address, escaped or not.
_MEANT = re.compile(r"[\\`*_{}\[\]()<>#|~$:&!]|^[-+](?=[\s-]|$)|(?<=^\d)\.(?=\s|$)|(?<=\d\d)\.(?=\s|$)")
_ADDRESS = re.compile(r"(?<=http)(?=s?://)|(?<=www)(?=\.)|(?=@)", re.IGNORECASE)
_JOINER = "\u2060"  # invisible, and part of no address


def plain(text: str) -> str:
    """Text that Markdown shows as it is: for whatever comes from a file, a browser or a process."""
    return _MEANT.sub(r"\\\g<0>", _ADDRESS.sub(_JOINER, " ".join(text.splitlines()).lstrip()))
