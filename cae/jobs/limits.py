"""How much may go on at once: in all, and for one visitor."""

from __future__ import annotations

import os
from collections.abc import Callable

from cae.runs import listing
from cae.runs.owners import COMMAND_LINE, Owner
from cae.runs.run import Run


def most_of(by: Owner | None) -> int | None:
    """How many trainings, and how many measurements, a visitor may have live or waiting: CAE_MAX_PER_VISITOR.

    None where there is no limit, as for the command line and for somebody who is not known.
    """
    return None if by is None or by == COMMAND_LINE else _number("CAE_MAX_PER_VISITOR")


def most_jobs() -> int:
    """How many measurements (maps, judgements, films, fits) work at once: CAE_MAX_JOBS, or half of the cores."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return _number("CAE_MAX_JOBS") or max(1, cores // 2)


def most_trainings() -> int:
    """How many trainings run side by side: CAE_MAX_TRAININGS, or 1."""
    return _number("CAE_MAX_TRAININGS") or 1


def _number(setting: str) -> int | None:
    """A setting that is a whole number above 0; None for anything else."""
    value = os.environ.get(setting, "")
    return int(value) if value.isascii() and value.isdigit() and int(value) > 0 else None


def trainings_of(by: Owner) -> list[Run]:
    """The runs that this visitor has in training, or waiting for their turn."""
    return [run for run in listing.live() if by.is_same(run.info.trained_by)]


def why_no_training(by: Owner | None) -> str:
    """Why this visitor may start no further training now, in a sentence; empty where they may."""
    return why_no_more(by, lambda by: [run.name for run in trainings_of(by)])


def why_no_more(by: Owner | None, theirs: Callable[[Owner], list[str]]) -> str:
    """Why a visitor for whom `theirs` run or wait may start no more, in a sentence; empty where they may."""
    most = most_of(by)
    if by is None or most is None or len(names := theirs(by)) < most:
        return ""
    return (
        f"You have {', '.join(names)} at work or waiting already, and a visitor may have {most} here: "
        "wait until one has ended, or stop one."
    )
