"""Where the laboratory reads and writes, and how to write a file so that nobody ever sees half of it."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import time
import uuid
from collections.abc import Iterable
from pathlib import Path

from cae.disk import reading
from cae.errors import Damaged, ReadOnly

PROJECT = Path(__file__).resolve().parents[2]
SHIPPED_RUNS = PROJECT / "checkpoints"
SHIPPED_DATA = PROJECT / "data"
_ADVICE = {
    errno.ENOSPC: "free some space and try again",
    errno.EDQUOT: "free some space and try again",
    errno.EROFS: "choose a writable folder",
    errno.EACCES: "change its permissions, or choose another folder",
    errno.EPERM: "change its permissions, or choose another folder",
    errno.EIO: "the disk may be failing, so back it up",
}
_REPLACED = ".replaced-"
_STARTING_SECONDS = 20.0  # the longest that a new process takes to hold its lock


def data_folder() -> Path:
    """The folder of the data sets: CAE_DATA, or `data/`."""
    return _place("CAE_DATA", SHIPPED_DATA)


def runs_folder() -> Path:
    """The folder of the runs: CAE_CHECKPOINTS, or `checkpoints/`."""
    return _place("CAE_CHECKPOINTS", SHIPPED_RUNS)


def cache_folder() -> Path:
    """The folder of everything that can be computed again: CAE_CACHE, or `.cache/`."""
    return _place("CAE_CACHE", PROJECT / ".cache")


def missions_folder() -> Path:
    """The folder of the missions: CAE_MISSIONS, or `missions/`."""
    return _place("CAE_MISSIONS", PROJECT / "missions")


def _place(variable: str, default: Path) -> Path:
    value = os.environ.get(variable)
    return Path(value).expanduser().resolve() if value else default


def is_read_only() -> bool:
    """Whether CAE_READ_ONLY forbids training, import and deletion."""
    return os.environ.get("CAE_READ_ONLY", "") not in ("", "0")


def require_writable() -> None:
    """Raises ReadOnly if CAE_READ_ONLY is set."""
    if is_read_only():
        raise ReadOnly("This laboratory is read-only (CAE_READ_ONLY is set): runs can be viewed but not changed.")


def reason(error: OSError) -> str:
    """Why a file cannot be written, and what to do about it, as the end of a sentence."""
    if isinstance(error, TimeoutError):
        return "another process is using it; try again"
    advice = _ADVICE.get(error.errno or 0)
    return f"{error.strerror or error}".rstrip(".") + (f"; {advice}" if advice else "")


def write_whole(path: Path, content: bytes) -> None:
    """Writes a file so that it appears whole or not at all, and is on the disk when this returns."""
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex[:16]}.part")  # unique across machines too
    try:
        with open(temporary, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise


def put_folder(new: Path, place: Path) -> None:
    """Moves a finished folder to its place; what was there moves to the folder of `new`, or back on failure."""
    old = new.with_name(_REPLACED + place.name)
    if place.exists():
        place.rename(old)
    try:
        new.rename(place)
    except OSError:
        if old.exists():
            old.rename(place)
        raise


def bring_back(folder: Path) -> None:
    """Cleans up after an interrupted `put_folder` in `folder`: a folder that has not been replaced comes back."""
    for old in reading.matching(folder, f"{_REPLACED}*"):
        place = folder / old.name.removeprefix(_REPLACED)
        if place.exists():
            shutil.rmtree(old, ignore_errors=True)
        else:
            old.rename(place)


def keep(path: Path, content: str | bytes) -> None:
    """Writes a result to the cache; a cache that cannot be written costs time, not results."""
    with contextlib.suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, content.encode() if isinstance(content, str) else content)


def append_line(path: Path, line: str, *, on_disk: bool = False) -> None:
    """Adds a line to an existing file; with `on_disk` it outlasts a power cut."""
    with open(path, "ab", opener=lambda name, flags: os.open(name, flags & ~os.O_CREAT)) as file:
        file.write(line.encode() + b"\n")
        if on_disk:
            file.flush()
            os.fsync(file.fileno())


def clear_away(folder: Path, pattern: str, seconds: float = 0.0) -> None:
    """Removes what killed processes have left behind in a folder, except what was touched in the last `seconds`."""
    for left in reading.matching(folder, pattern):
        with contextlib.suppress(OSError):
            if seconds and abs(time.time() - left.lstat().st_mtime) < seconds:
                continue
            shutil.rmtree(left) if left.is_dir() and not left.is_symlink() else left.unlink()


def whole_lines(path: Path) -> list[str]:
    """The complete lines of a file, without a torn last one; [] if there is no file. Raises Damaged."""
    try:
        content = reading.content(path, reading.LARGEST_TEXT)
    except FileNotFoundError:
        return []
    except OSError as error:
        raise Damaged(f"{path.parent.name}/{path.name} cannot be read: {error.strerror}.") from error
    return content[: content.rfind(b"\n") + 1].decode(errors="replace").splitlines()


def write_lines(path: Path, lines: Iterable[str]) -> None:
    """Writes a file of lines so that it appears whole or not at all."""
    write_whole(path, "".join(line + "\n" for line in lines).encode())


def is_recent(marker: Path) -> bool:
    """Whether a process was started so recently that it may not hold its lock yet."""
    try:
        age = time.time() - marker.stat().st_mtime
    except OSError:
        return False
    return -_STARTING_SECONDS < age < _STARTING_SECONDS
