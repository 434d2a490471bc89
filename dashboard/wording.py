"""Numbers and states in words, the same on every page."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

from cae.data import metrics
from cae.runs.owners import Owner, in_words
from cae.runs.run import Run
from cae.runs.summary import Summary

# What means something to Markdown anywhere, and what begins a list; and where it finds an address, escaped or not.
_MEANT = re.compile(r"[\\`*_{}\[\]()<>#|~$:&!]|^[-+](?=[\s-]|$)|(?<=^\d)\.(?=\s|$)|(?<=\d\d)\.(?=\s|$)")
_ADDRESS = re.compile(r"(?<=http)(?=s?://)|(?<=www)(?=\.)|(?=@)", re.IGNORECASE)
_JOINER = "\u2060"  # is not seen, and no part of any address


def number(value: float) -> str:
    """Three significant digits."""
    return f"{value:#.3g}"


def other_scale(mse: float) -> str:
    """The same error on the other scale, for a tooltip."""
    return f"MSE on pixels in [-1, 1]. On [0, 1] it is {number(metrics.unit(mse))}."


def duration(seconds: float) -> str:
    """A length of time as one would say it."""
    seconds = round(seconds)
    if seconds < 60:
        return f"{seconds} s"
    minutes, rest = divmod(seconds, 60)
    if minutes < 60:
        return f"{minutes} min {rest:02d} s"
    return f"{minutes // 60} h {minutes % 60:02d} min"


def plain(text: str) -> str:
    """Text that Markdown leaves alone: whatever comes from a file, a browser or a process is shown through this."""
    return _MEANT.sub(r"\\\g<0>", _ADDRESS.sub(_JOINER, " ".join(text.splitlines()).lstrip()))


def numbers(count: int) -> str:
    """So many numbers."""
    return "1 number" if count == 1 else f"{count} numbers"


def called(run: Run) -> str:
    """A run by its name, and after which epoch it is looked at where that is not the last."""
    return run.name if run.epoch is None else f"{run.name}, epoch {run.epoch}"


def names(of: Sequence[str]) -> str:
    """Names in a row: a, b and c."""
    return " and ".join(filter(None, [", ".join(of[:-1]), *of[-1:]]))


def options(values: Iterable[tuple[str, Any]]) -> str:
    """Options by label, with their values."""
    return ", ".join(f"{label} {_shown(value)}" for label, value in values)


def started(summary: Summary, me: Owner | None) -> str:
    """By whom a run was started and when, and by whom it was resumed where that was another; empty if not known."""
    parts = []
    if summary.by:
        parts.append(f"started by {in_words(summary.by, me)} {ago(summary.created)}")
    if summary.resumed_by:
        parts.append(f"resumed by {in_words(summary.resumed_by, me)} {ago(summary.queued or summary.created)}")
    return ", ".join(parts)


def ago(moment: str) -> str:
    """How long ago a time was, ISO 8601, as one would say it."""
    seconds = (datetime.now(UTC) - datetime.fromisoformat(moment)).total_seconds()
    for length, unit in ((86400, "day"), (3600, "hour"), (60, "minute")):
        if (count := int(seconds // length)) > 0:
            return f"{count} {unit}{'s' * (count > 1)} ago"
    return "just now"


def row(summary: Summary, waiting: Sequence[str] = (), me: Owner | None = None) -> dict[str, Any]:
    """A run as a row of the table, for the visitor `me`; `waiting` are the runs in the queue, the next one first."""
    best, reason = summary.best_mse, summary.reason
    if summary.state == "queued" and summary.name in waiting:
        place = waiting.index(summary.name)
        reason = f"in the queue after {waiting[place - 1]}" if place else "next in the queue"
    return {
        "name": summary.name,
        "state": summary.state,
        "reason": reason,
        "epochs": f"{summary.epochs_done} / {summary.epochs}" if summary.epochs else "–",
        "best": f"{number(best)} {_kind(summary)}" if best is not None else "–",
        "bestTitle": f"Lowest {_kind(summary)} {other_scale(best)}" if best is not None else "",
        "seconds": duration(summary.last.seconds) if summary.last else "–",
        "differs": options(summary.differs) or "nothing",
        "note": summary.note,
        "fixed": summary.shipped,
        "by": started(summary, me),
    }


def _kind(summary: Summary) -> str:
    return "test" if summary.last is None or summary.last.validation_mse is None else "validation"


def _shown(value: Any) -> str:
    return f"{value:,}" if isinstance(value, int) else f"{value:g}" if isinstance(value, float) else str(value)
