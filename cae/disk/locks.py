"""Locks between processes, that a process holds while it lives; and whether a file system keeps them."""

from __future__ import annotations

import errno
import os
import socket
import time
from pathlib import Path
from types import TracebackType
from typing import Protocol

from filelock import FileLock, SoftFileLock, Timeout

from cae.disk import reading

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
            lock = SoftFileLock(stand_in(self._path))
            try:
                lock.acquire(timeout=0)
            except Timeout:
                _require_of_this_machine(stand_in(self._path))
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


def stand_in(path: Path) -> Path:
    """Where a file stands for a lock on a file system that has none of its own."""
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
        return error.errno in _NO_LOCKS and reading.is_there(stand_in(path)) and _is_taken(Lock(path))


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
