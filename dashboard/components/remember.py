"""A text that the browser tab keeps, so that a reload does not lose it."""

from __future__ import annotations

from components._widget import nothing, register

_remember = register("remember")
_LONGEST = 4 * 2**20  # characters


def remember(name: str, value: str | None, *, key: str) -> str | None:
    """Has the tab keep a text, or forget it if it is empty.

    If `value` is None, for unknown, returns the text that the tab has kept, once. A browser may send any text, so check
    it.
    """
    data = {"name": name, "value": value or "", "known": value is not None}
    sent = _remember(key=key, data=data, on_action_change=nothing).action
    text = sent.get("value") if isinstance(sent, dict) and sent.get("kind") == "kept" else None
    return text if isinstance(text, str) and len(text) <= _LONGEST and value is None else None
