"""Locks between processes, that a process holds while it lives; and whether a file system keeps them."""

from __future__ import annotations

import contextlib
import errno
import os
import socket
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Protocol

from filelock import FileLock, SoftFileLock, Timeout

from cae import reading
from cae.files import cache_folder, is_read_only, runs_folder

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

_NO_LOCKS = {errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP}  # what a file system without flock answers
_SECONDS_BETWEEN_TRIES = 0.05
_HELD = {errno.EAGAIN, errno.EACCES, errno.EWOULDBLOCK}  # what flock answers where another holds the lock
_LARGEST_MARKER = 4096  # bytes


class Lockable(Protocol):
    """What can be held by one at a time."""

    def acquire(self, timeout: float) -> object:
        """Takes it, or raises OSError."""

    def release(self) -> object:
        """Gives it back."""


class Lock:
    """A lock on a path. The system takes it from a process that dies.

    On a file system without flock a file beside it, which names its process, takes its place; that of a process which
    is not there any more is taken over.
    """

    def __init__(self, path: Path, timeout: float = -1) -> None:
        """`timeout` is for how many seconds to wait for another process; below 0, for ever."""
        self._path, self._timeout = path, timeout
        self._held: Lockable | None = None

    def acquire(self, timeout: float | None = None) -> None:
        """Takes it. Raises Timeout, an OSError, where another holds it, and OSError where there can be no lock."""
        seconds = self._timeout if timeout is None else timeout
        lock: Lockable = FileLock(self._path) if fcntl is None else _Flock(self._path)
        try:
            lock.acquire(timeout=seconds)
        except OSError as error:
            if error.errno not in _NO_LOCKS:
                raise
            lock = SoftFileLock(_stand_in(self._path))
            try:
                lock.acquire(timeout=0)
            except Timeout:
                _require_of_this_machine(_stand_in(self._path))
                lock.acquire(timeout=seconds)
        self._held = lock

    def release(self) -> None:
        """Gives it back."""
        if self._held is not None:
            self._held.release()
            self._held = None

    def __enter__(self) -> Lock:
        self.acquire()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()


class _Flock:
    """A lock by flock. Unlike filelock's it makes no folder: one that was just deleted stays deleted."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file = -1

    def acquire(self, timeout: float) -> None:
        """Takes it within so many seconds; below 0, it waits for ever. Raises Timeout, or OSError."""
        deadline = time.monotonic() + timeout
        while not self._is_taken():
            if timeout >= 0 and time.monotonic() >= deadline:
                raise Timeout(str(self._path))
            time.sleep(_SECONDS_BETWEEN_TRIES)

    def _is_taken(self) -> bool:
        file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_NONBLOCK, 0o644)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if os.fstat(file).st_nlink:  # otherwise it was removed meanwhile, and others do not see it
                self._file = file
        except OSError as error:
            if error.errno not in _HELD:
                raise
        finally:
            if self._file != file:
                os.close(file)
        return self._file == file

    def release(self) -> None:
        """Gives it back."""
        os.close(self._file)
        self._file = -1


def _stand_in(path: Path) -> Path:
    return path.with_name(f"{path.name}.held")


def _require_of_this_machine(marker: Path) -> None:
    """Raises OSError where a marker is of another machine: whether that one still works cannot be known here."""
    try:
        process, machine = reading.content(marker, _LARGEST_MARKER).decode().splitlines()[:2]
    except (OSError, ValueError):  # it has just gone, or is being written
        return
    if machine != socket.gethostname():
        words = f"held by process {process} on {machine}: if nothing works there any more, delete {marker}"
        raise _Foreign(errno.EBUSY, words, str(marker))


class _Foreign(BlockingIOError):
    """Held by another machine."""


def is_held(path: Path) -> bool:
    """Whether a process holds this lock now. Others who ask at the same time are not taken for one that holds it."""
    try:
        return _is_flocked(path) if fcntl is not None else _is_taken(Lock(path))
    except OSError as error:
        return error.errno in _NO_LOCKS and reading.is_there(_stand_in(path)) and _is_taken(Lock(path))


def _is_flocked(path: Path) -> bool:
    file = os.open(path, os.O_RDONLY | os.O_NONBLOCK)  # to read it is enough: the folder may be closed to us
    try:
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in _HELD:
            return True
        raise
    finally:
        os.close(file)
    return False


def _is_taken(lock: Lock) -> bool:
    try:
        lock.acquire(timeout=0)
    except (Timeout, _Foreign):
        return True
    except OSError:
        return False
    lock.release()
    return False


# -- whether a file system can be trusted


def troubles() -> list[str]:
    """What is wrong with the file systems of the runs and of the cache, a sentence each; made where they are not."""
    found: dict[int, str] = {}  # by file system: two folders may be on the same
    for folder in (cache_folder(),) if is_read_only() else (runs_folder(), cache_folder()):
        with contextlib.suppress(OSError):
            folder.mkdir(parents=True, exist_ok=True)
            if (system := folder.stat().st_dev) not in found:
                found[system] = trouble(folder)
    return [sentence for sentence in found.values() if sentence]


def trouble(folder: Path, lock: Callable[[Path], Lockable] = Lock) -> str:
    """What is wrong with the locks and files of the file system that `folder` is on, in a sentence; empty if nothing.

    Tries it out with files of its own, in some milliseconds. A folder that is not there, or that cannot be written to,
    is none of its business: whoever wants to write there is told so.
    """
    tried = folder / f".trying-{uuid.uuid4().hex}"
    paths = [tried.with_suffix(end) for end in (".lock", ".lock.held", ".old", ".new")]
    try:
        paths[2].write_bytes(b"old")
    except OSError:
        return ""
    try:
        found = _of_locks(paths[0], lock) or _of_files(paths[2], paths[3])
    finally:
        for path in paths:
            with contextlib.suppress(OSError):
                path.unlink(missing_ok=True)
    return f"The file system of {folder} {found}" if found else ""


def _of_locks(path: Path, lock: Callable[[Path], Lockable]) -> str:
    advice = "Keep it on a disk of this machine, or train from one window of one machine only."
    first, second = lock(path), lock(path)
    try:
        first.acquire(timeout=0)
    except OSError as error:
        return f"gives no locks ({error.strerror or error}): nothing can be trained there. {advice}"
    try:
        second.acquire(timeout=0)
    except OSError:
        pass
    else:
        second.release()
        return f"gives the same lock twice: two processes could train one run and spoil it. {advice}"
    finally:
        first.release()
    try:
        second.acquire(timeout=0)
    except OSError:
        return f"does not give a lock again that was given back: trainings would wait for ever. {advice}"
    is_stand_in = reading.is_there(_stand_in(path))
    second.release()
    if is_stand_in:
        return f"has no locks of its own, and files stand in for them, which other machines cannot judge. {advice}"
    return ""


def _of_files(old: Path, new: Path) -> str:
    advice = "Keep it on another disk."
    try:
        with open(new, "wb") as file:
            file.write(b"new")
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):  # which says nothing about the file system
            return ""
        return f"does not say when a file is safely written ({error.strerror}): a run could be lost. {advice}"
    try:
        new.replace(old)
        is_replaced = old.read_bytes() == b"new" and not new.exists()
    except OSError:
        is_replaced = False
    return "" if is_replaced else f"cannot replace a file by another at once: half files could be seen. {advice}"
