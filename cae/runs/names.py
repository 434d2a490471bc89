"""Valid names of runs, the folders that hold runs, and a new run's folder, which appears whole or not at all."""

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

_SECONDS_UNTOUCHED = 86400.0  # after which an unfinished folder is abandoned
_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,63}")
_RESERVED = {"con", "prn", "aux", "nul"} | {f"{port}{digit}" for port in ("com", "lpt") for digit in range(10)}


def check_name(name: str) -> str:
    """The name. Raises InvalidName unless every system allows it."""
    if not _NAME.fullmatch(name):
        shown = name if len(name) <= 40 else name[:37] + "..."
        raise InvalidName(
            f"A run cannot be called {shown!r}: use up to 64 lower-case letters, digits and hyphens, "
            "beginning with a letter or a digit."
        )
    if name in _RESERVED:
        raise InvalidName(f"A run cannot be called {name!r}: Windows reserves that name.")
    return name


def places() -> list[Path]:
    """The folders that hold runs: the user's own, then the shipped ones."""
    return list(dict.fromkeys((runs_folder(), SHIPPED_RUNS)))


def can_be_run(entry: os.DirEntry[str]) -> bool:
    """Whether an entry of such a folder may be a run, by its name and kind."""
    try:
        return bool(_NAME.fullmatch(entry.name)) and entry.name not in _RESERVED and entry.is_dir()
    except OSError:  # such as a link to itself
        return False


@contextlib.contextmanager
def new_folder(name: str) -> Iterator[Path]:
    """A folder to fill, which becomes the run `name` when the block ends; on failure nothing is left behind.

    Raises InvalidName, ReadOnly, RunExists or Unwritable.
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
        raise Unwritable(f"Cannot create a run in {folder}: {reason(error)}.") from error
    finally:
        shutil.rmtree(workshop, ignore_errors=True)


def the_names(folder: Path) -> Lock:
    """The lock under which runs in a folder are created, deleted and resumed."""
    return Lock(folder / ".names.lock", timeout=10)


def _require_free(name: str) -> None:
    if any(reading.is_there(place / name) or (place / name).is_symlink() for place in places()):
        raise RunExists(f"There is already a run called {name!r}: choose another name.")
