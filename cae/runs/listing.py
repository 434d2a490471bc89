"""All runs: their names, one line each, and a name that is free."""

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
    """The names of all runs, those that changed last first."""
    return [run.name for run in sorted(all_runs(), key=_last_change, reverse=True)]


def _last_change(run: Run) -> float:
    try:
        return (run.path / "run.json").stat().st_mtime
    except OSError:
        return 0.0


def live() -> list[Run]:
    """The runs that are being trained or wait to be."""
    return [run for run in all_runs() if run.is_live()]


def summaries() -> list[Summary]:
    """One line a run, the newest first; damaged ones last."""
    return in_order(run.summary() for run in all_runs())


def in_order(found: Iterable[Summary]) -> list[Summary]:
    """The newest first; damaged ones last."""
    return sorted(found, key=lambda each: each.created, reverse=True)


def free_name(stem: str) -> str:
    """`stem`, or the first of stem-2, stem-3, ... that no run has."""
    taken = {run.name for run in all_runs()}
    names = itertools.chain([stem], (f"{stem[:58]}-{number}" for number in itertools.count(2)))
    return next(name for name in names if name not in taken)


def all_runs() -> list[Run]:
    """All runs, the user's own and those shipped, in no order."""
    found: dict[str, Run] = {}
    own = runs_folder()
    for folder in places():
        with contextlib.suppress(OSError), os.scandir(folder) as entries:
            for entry in entries:
                if entry.name in found or not can_be_run(entry):
                    continue
                if folder == own or reading.is_there(Path(entry.path, "run.json")):
                    found[entry.name] = Run(Path(entry.path))
    return list(found.values())
