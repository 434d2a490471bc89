"""Parts of pages that ask anew for what changes: less often the more visitors look, so that work keeps its core."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable
from typing import ParamSpec

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx

AT_FULL_SPEED = 20  # visitors; twice as many are served half as often each, up to the slowest
SLOWEST = 8
_SECONDS_SEEN = 40.0  # after which a visitor has gone

_seen: dict[str, float] = {}  # when a session has asked last
_Arguments = ParamSpec("_Arguments")


def ticking(seconds: float, *, while_: bool) -> Callable[[Callable[_Arguments, None]], Callable[_Arguments, None]]:
    """A part of the page that runs anew every so many seconds, or more with many visitors, `while_` something goes on.

    Where it does not, the part is a fragment that runs anew when something in it is used.
    """
    drawn = slowdown()

    def decorate(part: Callable[_Arguments, None]) -> Callable[_Arguments, None]:
        @functools.wraps(part)
        def tick(*args: _Arguments.args, **options: _Arguments.kwargs) -> None:
            if while_ and _has_changed(drawn):
                st.rerun()
            part(*args, **options)

        return st.fragment(run_every=seconds * drawn if while_ else None)(tick)

    return decorate


def slowdown() -> int:
    """How many times as long the pauses are, of this visitor and all others: a power of two."""
    now, me = time.monotonic(), get_script_run_ctx()
    if me is not None:
        _seen[me.session_id] = now
    for session, when in list(_seen.items()):
        if now - when > _SECONDS_SEEN:
            _seen.pop(session, None)
    factor = 1
    while factor < SLOWEST and len(_seen) > factor * AT_FULL_SPEED:
        factor *= 2
    return factor


def _has_changed(drawn: int) -> bool:
    """Whether the page is to be drawn anew: at once where it is to be slower, and late where it may be faster."""
    wanted = slowdown()
    return wanted > drawn or 4 * wanted <= drawn
