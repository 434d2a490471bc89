"""All runs: their names, their summaries, and a name that is free."""

from __future__ import annotations

import contextlib
import itertools
import os
from collections.abc import Iterable
from pathlib import Path

from cae.disk import reading
from cae.disk.files import runs_folder
from cae.runs.names import can_be_run, places
from cae.runs.run import Run
from cae.runs.summary import Summary


def names() -> list[str]:
    """The names of all runs, the last changed first."""
    return [run.name for run in sorted(all_runs(), key=_last_change, reverse=True)]


def _last_change(run: Run) -> float:
    try:
        return (run.path / "run.json").stat().st_mtime
    except OSError:
        return 0.0


def live() -> list[Run]:
    """The runs that are running or queued."""
    return [run for run in all_runs() if run.is_live()]


def summaries() -> list[Summary]:
    """The summaries of all runs, the newest first; damaged ones last."""
    return in_order(run.summary() for run in all_runs())


def in_order(summaries: Iterable[Summary]) -> list[Summary]:
    """These summaries, the newest first; damaged ones last."""
    return sorted(summaries, key=lambda each: each.created, reverse=True)


def free_name(stem: str) -> str:
    """`stem`, or the first of stem-2, stem-3, ... that is free."""
    taken = {run.name for run in all_runs()}
    names = itertools.chain([stem], (f"{stem[:58]}-{number}" for number in itertools.count(2)))
    return next(name for name in names if name not in taken)


def all_runs() -> list[Run]:
    """All runs, the user's own and the shipped ones, in no particular order."""
    by_name: dict[str, Run] = {}
    own = runs_folder()
    for folder in places():
        with contextlib.suppress(OSError), os.scandir(folder) as entries:
            for entry in entries:
                if entry.name in by_name or not can_be_run(entry):
                    continue
                if folder == own or reading.is_there(Path(entry.path, "run.json")):
                    by_name[entry.name] = Run(Path(entry.path))
    return list(by_name.values())
