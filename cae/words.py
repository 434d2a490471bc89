"""Runs, numbers, shares, times and names in words: said alike on the pages, by the commands and in what is exported."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any, Protocol

from cae.data import metrics
from cae.runs.owners import COMMAND_LINE, Owner
from cae.runs.summary import Summary


class Named(Protocol):
    """A run, or what was gathered about one."""

    @property
    def name(self) -> str:
        """The run's name."""

    @property
    def epoch(self) -> int | None:
        """The epoch that it is shown after; None for the last."""


# -- a run


def called(run: Named) -> str:
    """A run by its name, and by the epoch it is shown after unless that is its last."""
    return run.name if run.epoch is None else f"{run.name} after epoch {run.epoch}"


def owner(by: Owner, me: Owner | None = None) -> str:
    """Who somebody is to the visitor `me`; a name that they gave themselves stands in quotation marks."""
    if by.is_same(me):
        return "you"
    if by == COMMAND_LINE:
        return "the command line"
    return f"“{by.name}”" if by.name else "another visitor"


def started(summary: Summary, me: Owner | None = None) -> str:
    """Who started a run and when, and who resumed it if that was somebody else; empty if unknown."""
    parts = []
    if summary.by:
        parts.append(f"started by {owner(summary.by, me)} {ago(summary.created)}")
    if summary.resumed_by:
        parts.append(f"resumed by {owner(summary.resumed_by, me)} {ago(summary.queued or summary.created)}")
    return ", ".join(parts)


def whose(summary: Summary, me: Owner | None = None) -> str:
    """The same as a sentence."""
    return f"It was {said}." if (said := started(summary, me)) else "It is not known who started it."


def options(pairs: Iterable[tuple[str, Any]]) -> str:
    """Options by label, with their values."""
    return ", ".join(f"{label} {value(each)}" for label, each in pairs)


# -- numbers


def number(value: float) -> str:
    """Three significant digits."""
    return f"{value:#.3g}"


def other_scale(mse: float) -> str:
    """The same error on the other scale, for a tooltip."""
    return f"MSE on pixels in [-1, 1]. On [0, 1] it is {number(metrics.unit(mse))}."


def percent(share: float, decimals: int = 1) -> str:
    """A share between 0 and 1; a dash for NaN."""
    return "–" if math.isnan(share) else f"{100 * share:.{decimals}f} %"


def count(of: int, noun: str) -> str:
    """So many things: "1 number", "1,024 numbers"."""
    return f"{of:,} {noun}{'s' * (of != 1)}"


def value(of: Any) -> str:
    """The value of an option."""
    return f"{of:,}" if isinstance(of, int) else f"{of:g}" if isinstance(of, float) else str(of)


# -- times and names


def duration(seconds: float) -> str:
    """A length of time: "7 s", "2 min 05 s", "1 h 20 min"."""
    minutes, rest = divmod(round(seconds), 60)
    if not minutes:
        return f"{rest} s"
    return f"{minutes} min {rest:02d} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02d} min"


def ago(moment: str) -> str:
    """How long ago a moment was, ISO 8601."""
    seconds = (datetime.now(UTC) - datetime.fromisoformat(moment)).total_seconds()
    for length, unit in ((86400, "day"), (3600, "hour"), (60, "minute")):
        if (passed := int(seconds // length)) > 0:
            return f"{count(passed, unit)} ago"
    return "just now"


def listed(names: Sequence[str]) -> str:
    """Names in a row: "a, b and c"."""
    return " and ".join(filter(None, [", ".join(names[:-1]), *names[-1:]]))


def dimensions(indices: Sequence[int]) -> str:
    """Latent dimensions in a row: "z3 and z7", or "none"."""
    return listed([f"z{index}" for index in indices]) or "none"
