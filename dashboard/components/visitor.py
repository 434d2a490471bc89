"""The visitor's identity, name and class, in cookies."""

from __future__ import annotations

from collections.abc import Mapping

from components._widget import nothing, register

_visitor = register("visitor")


def keep_visitor(cookies: Mapping[str, str], *, mine: str) -> str | None:
    """Has the browser keep these texts by name, and forget the empty ones.

    `mine` names the visitor's identity. Returns another identity that the browser already had, once; None otherwise.
    A browser may send any text, so check it.
    """
    sent = _visitor(key="visitor", data={"cookies": dict(cookies), "mine": mine}, on_action_change=nothing).action
    value = sent.get("value") if isinstance(sent, dict) and sent.get("kind") == "visitor" else None
    return value if isinstance(value, str) else None
