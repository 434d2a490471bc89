"""Who the visitor is, kept by the browser."""

from __future__ import annotations

from collections.abc import Mapping

from components._widget import nothing, register

_visitor = register("visitor")


def keep_visitor(cookies: Mapping[str, str], *, mine: str) -> str | None:
    """Has the browser keep these texts by name, and forget those that are empty.

    `mine` names the one that says who the visitor is. Gives what the browser knew of that before, once, where it was
    something else; None otherwise. It may be any text: whoever uses it checks it.
    """
    sent = _visitor(key="visitor", data={"cookies": dict(cookies), "mine": mine}, on_action_change=nothing).action
    value = sent.get("value") if isinstance(sent, dict) and sent.get("kind") == "visitor" else None
    return value if isinstance(value, str) else None
