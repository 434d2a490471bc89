"""The names that a run may have, the folders that runs lie in, and how one is made: at once and whole."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import uuid
from collections.abc import Iterator
from pathlib import Path

from cae.disk import reading
from cae.disk.files import SHIPPED_RUNS, clear_away, reason, require_writable, runs_folder
from cae.disk.locks import Lock
from cae.errors import InvalidName, RunExists, Unwritable

_SECONDS_UNTOUCHED = 86400.0  # after which nobody is making it any more
_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,63}")
_RESERVED = {"con", "prn", "aux", "nul"} | {f"{port}{digit}" for port in ("com", "lpt") for digit in range(10)}


def check_name(name: str) -> str:
    """The name itself. Raises InvalidName unless it can be a run's on every system."""
    if not _NAME.fullmatch(name):
        shown = name if len(name) <= 40 else name[:37] + "..."
        raise InvalidName(
            f"A run cannot be called {shown!r}: use up to 64 lower-case letters, digits and hyphens, "
            "beginning with a letter or a digit."
        )
    if name in _RESERVED:
        raise InvalidName(f"A run cannot be called {name!r}: Windows keeps that name for itself.")
    return name


def places() -> list[Path]:
    """The folders with runs: the user's own, and that of the shipped ones."""
    return list(dict.fromkeys((runs_folder(), SHIPPED_RUNS)))


def can_be_run(entry: os.DirEntry[str]) -> bool:
    """Whether it can be one by its name and kind."""
    try:
        return bool(_NAME.fullmatch(entry.name)) and entry.name not in _RESERVED and entry.is_dir()
    except OSError:  # a link to itself, which is no reason to miss the others
        return False


@contextlib.contextmanager
def new_folder(name: str) -> Iterator[Path]:
    """A folder to fill, which becomes the run `name` when the block ends; nothing is left behind where it fails.

    Raises InvalidName, ReadOnly or RunExists.
    """
    check_name(name)
    require_writable()
    folder = runs_folder()
    workshop = folder / f".new-{uuid.uuid4().hex}"
    for left in (".new-*", ".*.part"):
        clear_away(folder, left, _SECONDS_UNTOUCHED)
    try:
        (workshop / name).mkdir(parents=True)
        _require_free(name)
        yield workshop / name
        with the_names(folder):
            _require_free(name)
            (workshop / name).rename(folder / name)
    except OSError as error:
        raise Unwritable(f"A run cannot be made in {folder}: {reason(error)}.") from error
    finally:
        shutil.rmtree(workshop, ignore_errors=True)


def the_names(folder: Path) -> Lock:
    """The lock under which runs in a folder are made, are deleted, and begin to be trained on."""
    return Lock(folder / ".names.lock", timeout=10)


def _require_free(name: str) -> None:
    if any(reading.is_there(place / name) or (place / name).is_symlink() for place in places()):
        raise RunExists(f"There is a run called {name!r} already: choose another name.")
