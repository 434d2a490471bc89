"""How much may go on at once: in all, and for one visitor."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator

from cae.disk.files import reason, runs_folder
from cae.disk.locks import Lock
from cae.errors import TooMany, Unwritable
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
    most = most_of(by)
    return "" if by is None or most is None else too_many([run.name for run in trainings_of(by)], most)


def too_many(names: list[str], most: int) -> str:
    """What is said of a visitor who has these at work or waiting already; empty where there is room for one more."""
    if len(names) < most:
        return ""
    return (
        f"You have {', '.join(names)} at work or waiting already, and a visitor may have {most} here: "
        "wait until one has ended, or stop one."
    )


@contextlib.contextmanager
def room_for(by: Owner | None) -> Iterator[None]:
    """A place for one more training of this visitor, to be started in the block; the command line always has one.

    Raises TooMany or Unwritable.
    """
    if most_of(by) is None:
        yield
        return
    queue = runs_folder() / ".queue"
    turn = Lock(queue / "visitors.lock", timeout=30)  # two windows of one visitor, at the same moment
    try:
        queue.mkdir(parents=True, exist_ok=True)
        turn.acquire()
    except OSError as error:
        raise Unwritable(f"No training can be started in {runs_folder()}: {reason(error)}.") from error
    try:
        if why_not := why_no_training(by):
            raise TooMany(why_not)
        yield
    finally:
        turn.release()
