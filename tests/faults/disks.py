"""A disk that refuses: the k-th write below a folder fails, and, if the fault lasts, all after it."""

import contextlib
import errno
import os
import threading
from dataclasses import dataclass, field
from pathlib import Path

from watching import opens_for_writing, told

FULL, QUOTA, READ_ONLY, FORBIDDEN, BROKEN = errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EIO
_CHANGES = {"os.rename": 2, "os.mkdir": 1, "os.remove": 1, "os.rmdir": 1, "os.truncate": 1}
_REMOVALS = ("os.remove", "os.rmdir")
_UNFINISHED = (".part", ".new-", ".deleted-", ".replaced-", ".trying-", ".export-")


@dataclass
class Disk:
    """What has been written so far, and which writes were refused."""

    folder: str
    fails_at: int | None
    code: int
    lasts: bool
    thread: int = field(default_factory=threading.get_ident)
    count: int = 0
    spared: int = 0
    refused: list[str] = field(default_factory=list)

    def asked(self, event: str, paths) -> None:
        if threading.get_ident() != self.thread or not any(map(self._is_mine, paths)):
            return
        path = str(paths[0])
        if event in _REMOVALS or (path.endswith(".lock") and Path(path).exists()):
            self.spared += 1  # a full disk lets files be removed, and opened as they are
            if self.code in (FULL, QUOTA):
                return
        self.count += 1
        if self.fails_at is None or self.count < self.fails_at or (self.count > self.fails_at and not self.lasts):
            return
        self.refused.append(f"{event} {path}")
        raise OSError(self.code, os.strerror(self.code), path)

    def _is_mine(self, path) -> bool:
        text = os.fsdecode(path) if isinstance(path, str | bytes | os.PathLike) else ""
        return bool(text) and os.path.abspath(text).startswith(self.folder)  # noqa: PTH100, as pathlib would look it up

    def heard(self, event: str, arguments: tuple) -> None:
        if opens_for_writing(event, arguments):
            self.asked(event, arguments[:1])
        elif event in _CHANGES:
            paths = arguments[: _CHANGES[event]]
            if event in _REMOVALS and arguments[1] >= 0:  # shutil.rmtree names what it removes by the open folder
                paths = [f"{folder}/{os.fsdecode(arguments[0])}" for folder in _paths_of(arguments[1])]
            self.asked(event, paths)


@contextlib.contextmanager
def refusing(folder: Path, fails_at: int | None, code: int = FULL, *, lasts: bool = False):
    """In the block, the write of that number below `folder` fails; without one, writes are only counted."""
    disk = Disk(str(folder), fails_at, code, lasts)
    real, os.fsync = os.fsync, _checked_fsync(disk, os.fsync)
    try:
        with told(disk.heard):
            yield disk
    finally:
        os.fsync = real


def _checked_fsync(disk: Disk, real):
    def fsync(file):
        number = file if isinstance(file, int) else file.fileno()
        path = next(iter(_paths_of(number)), disk.folder)
        disk.asked("os.fsync", (path,))
        return real(file)

    return fsync


def _paths_of(file: int) -> list[str]:
    with contextlib.suppress(OSError):
        return [str(Path(f"/proc/self/fd/{file}").readlink())]
    return []


@contextlib.contextmanager
def room_for(size: int):
    """In the block no file can grow beyond so many bytes: what is written of a larger one stops in its middle."""
    import resource

    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def unfinished(folder: Path) -> list[str]:
    """What lies below a folder and was to be there only for a moment."""
    return sorted(
        path.relative_to(folder).as_posix()
        for path in folder.rglob("*")
        if path.name.startswith(_UNFINISHED) or path.name.endswith(".part")
    )


def contents(folder: Path) -> dict[str, bytes]:
    """Every file below a folder that says something, by name."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.suffix != ".lock" and path.name != "log.txt"
    }
