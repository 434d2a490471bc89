"""How many trainings and measurements may run at a time: in total, and for one visitor."""

from __future__ import annotations

import os
from collections.abc import Callable

from cae.runs import listing
from cae.runs.owners import COMMAND_LINE, Owner
from cae.runs.run import Run


def most_of(by: Owner | None) -> int | None:
    """How many trainings, and how many measurements, a visitor may have running or queued: CAE_MAX_PER_VISITOR.

    None means no limit, as for the command line and for an unknown visitor.
    """
    return None if by is None or by == COMMAND_LINE else _number("CAE_MAX_PER_VISITOR")


def most_jobs() -> int:
    """How many measurements (maps, evaluations, films, fits) run at a time: CAE_MAX_JOBS, or half of the cores."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return _number("CAE_MAX_JOBS") or max(1, cores // 2)


def most_trainings() -> int:
    """How many trainings run at a time: CAE_MAX_TRAININGS, or 1."""
    return _number("CAE_MAX_TRAININGS") or 1


def _number(setting: str) -> int | None:
    """The setting, if it is a whole number above 0."""
    value = os.environ.get(setting, "")
    return int(value) if value.isascii() and value.isdigit() and int(value) > 0 else None


def trainings_of(by: Owner) -> list[Run]:
    """The runs that this visitor has running or queued."""
    return [run for run in listing.live() if by.is_same(run.info.trained_by)]


def why_no_training(by: Owner | None) -> str:
    """Why this visitor may not start another training now, in a sentence; empty if they may."""
    return why_no_more(by, lambda by: [run.name for run in trainings_of(by)])


def why_no_more(by: Owner | None, theirs: Callable[[Owner], list[str]]) -> str:
    """Why a visitor who has `theirs` running or queued may not start more, in a sentence; empty if they may."""
    most = most_of(by)
    if by is None or most is None or len(names := theirs(by)) < most:
        return ""
    return (
        f"You have {', '.join(names)} already running or queued; the limit is {most}: wait for one to end, or stop one."
    )
