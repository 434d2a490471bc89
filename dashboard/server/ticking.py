"""Parts of pages that refresh themselves, less often with many visitors, so that jobs keep their core."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable
from typing import ParamSpec

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx

AT_FULL_SPEED = 20  # visitors; with twice as many, each is served half as often
SLOWEST = 8  # times as long are the pauses at most
_SECONDS_SEEN = 40.0  # after which a silent visitor counts as gone

_seen: dict[str, float] = {}  # when each session asked last
_Arguments = ParamSpec("_Arguments")


def ticking(seconds: float, *, while_: bool) -> Callable[[Callable[_Arguments, None]], Callable[_Arguments, None]]:
    """Makes a function a part of the page that reruns every so many seconds, `while_` something goes on.

    With many visitors the pauses are longer. Otherwise the part is a fragment that reruns when it is used.
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
    """How many times as long the pauses are, a power of two; counts this visitor."""
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
    """Whether to draw the page again with other pauses: at once for longer ones, later for shorter ones."""
    wanted = slowdown()
    return wanted > drawn or 4 * wanted <= drawn
