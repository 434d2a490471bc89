"""Where the laboratory reads and writes, and how a file is written so that nobody ever sees half of it."""

from __future__ import annotations

import contextlib
import os
import time
import uuid
from collections.abc import Iterable
from pathlib import Path

from filelock import FileLock, Timeout

from cae.errors import Damaged, ReadOnly

PROJECT = Path(__file__).resolve().parent.parent
SHIPPED_RUNS = PROJECT / "checkpoints"
SHIPPED_DATA = PROJECT / "data"
_STARTING_SECONDS = 20.0  # from the start of a process to its holding a lock, at the very most


def data_folder() -> Path:
    """Where data sets lie: CAE_DATA, or `data/`."""
    return _place("CAE_DATA", SHIPPED_DATA)


def runs_folder() -> Path:
    """Where runs are kept: CAE_CHECKPOINTS, or `checkpoints/`."""
    return _place("CAE_CHECKPOINTS", SHIPPED_RUNS)


def cache_folder() -> Path:
    """Where anything that can be computed again is kept: CAE_CACHE, or `.cache/`."""
    return _place("CAE_CACHE", PROJECT / ".cache")


def missions_folder() -> Path:
    """Where the missions are: CAE_MISSIONS, or `missions/`."""
    return _place("CAE_MISSIONS", PROJECT / "missions")


def _place(variable: str, default: Path) -> Path:
    value = os.environ.get(variable)
    return Path(value).expanduser().resolve() if value else default


def is_read_only() -> bool:
    """Whether CAE_READ_ONLY forbids training, import and deletion."""
    return os.environ.get("CAE_READ_ONLY", "") not in ("", "0")


def require_writable() -> None:
    """Raises ReadOnly where CAE_READ_ONLY is set."""
    if is_read_only():
        raise ReadOnly("This laboratory is read-only (CAE_READ_ONLY is set): runs can be looked at but not changed.")


def write_whole(path: Path, content: bytes) -> None:
    """Writes a file so that it appears whole or not at all, and is on the disk when this returns."""
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex[:16]}.part")  # two machines may count processes alike
    try:
        with open(temporary, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def put_folder(new: Path, place: Path) -> None:
    """Gives a finished folder its place; what was there goes beside where `new` was, or comes back where that fails."""
    old = new.with_name(f".deleted-{uuid.uuid4().hex}")
    if place.exists():
        place.rename(old)
    try:
        new.rename(place)
    except OSError:
        if old.exists():
            old.rename(place)
        raise


def keep(path: Path, content: str | bytes) -> None:
    """Puts a result into the cache; a cache that cannot be written to costs time, not results."""
    with contextlib.suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, content.encode() if isinstance(content, str) else content)


def append_line(path: Path, line: str) -> None:
    """Adds one line to a file and hands it to the system at once."""
    with open(path, "ab") as file:
        file.write(line.encode() + b"\n")


def whole_lines(path: Path) -> list[str]:
    """The complete lines of a file, none where there is no file; a torn last line is left out. Raises Damaged."""
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return []
    except OSError as error:
        raise Damaged(f"{path.parent.name}/{path.name} cannot be read: {error.strerror}.") from error
    return content[: content.rfind(b"\n") + 1].decode(errors="replace").splitlines()


def write_lines(path: Path, lines: Iterable[str]) -> None:
    """Replaces a file of lines, whole."""
    write_whole(path, "".join(line + "\n" for line in lines).encode())


def is_held(lock: Path) -> bool:
    """Whether a process holds this lock now."""
    if not lock.exists():
        return False
    found = FileLock(lock)
    try:
        found.acquire(timeout=0)
    except Timeout:
        return True
    except OSError:
        return False
    found.release()
    return False


def is_recent(marker: Path) -> bool:
    """Whether a process was started so recently that it may not hold its lock yet."""
    try:
        age = time.time() - marker.stat().st_mtime
    except OSError:
        return False
    return -_STARTING_SECONDS < age < _STARTING_SECONDS
