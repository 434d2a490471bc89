"""Locks between processes. A process holds one until it releases it or dies."""

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

_NO_LOCKS = {errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP}  # the answers of a file system without flock
_SECONDS_BETWEEN_TRIES = 0.05
_HELD = {errno.EAGAIN, errno.EACCES, errno.EWOULDBLOCK}  # the answers of flock if another holds the lock
_LARGEST_MARKER = 4096  # bytes


class Lockable(Protocol):
    """What only one can hold at a time."""

    def acquire(self, timeout: float) -> object:
        """Takes the lock, or raises OSError."""

    def release(self) -> object:
        """Releases the lock."""


class Lock:
    """A lock on a path, which the system releases when its process dies.

    On a file system without flock, a file that names its process stands in for it; that of a dead process is taken
    over.
    """

    def __init__(self, path: Path, timeout: float = -1) -> None:
        """`timeout` is how many seconds to wait for another process; forever if negative."""
        self._path, self._timeout = path, timeout
        self._held: Lockable | None = None

    def acquire(self, timeout: float | None = None) -> None:
        """Takes the lock. Raises Timeout, an OSError, if another process holds it, and OSError if locks do not work."""
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
        """Releases the lock."""
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
    """A lock by flock. Unlike filelock's, it creates no folder: a deleted one stays deleted."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file = -1

    def acquire(self, timeout: float) -> None:
        """Takes the lock within `timeout` seconds, however long if negative. Raises Timeout or OSError."""
        deadline = time.monotonic() + timeout
        while not self._is_taken():
            if timeout >= 0 and time.monotonic() >= deadline:
                raise Timeout(str(self._path))
            time.sleep(_SECONDS_BETWEEN_TRIES)

    def _is_taken(self) -> bool:
        file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_NONBLOCK, 0o644)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if os.fstat(file).st_nlink:  # otherwise it has been removed, and others do not see it
                self._file = file
        except OSError as error:
            if error.errno not in _HELD:
                raise
        finally:
            if self._file != file:
                os.close(file)
        return self._file == file

    def release(self) -> None:
        """Releases the lock."""
        os.close(self._file)
        self._file = -1


def stand_in(path: Path) -> Path:
    """The file that stands in for a lock on a file system without flock."""
    return path.with_name(f"{path.name}.held")


def _require_of_this_machine(marker: Path) -> None:
    """Raises OSError if a marker is of another machine, whose processes cannot be checked from here."""
    try:
        process, machine = reading.content(marker, _LARGEST_MARKER).decode().splitlines()[:2]
    except (OSError, ValueError):  # it has just disappeared, or is being written
        return
    if machine != socket.gethostname():
        words = f"held by process {process} on {machine}: if nothing is running there any more, delete {marker}"
        raise _Foreign(errno.EBUSY, words, str(marker))


class _Foreign(BlockingIOError):
    """Another machine holds the lock."""


def is_held(path: Path) -> bool:
    """Whether a process holds this lock. Others that ask at the same moment do not count."""
    try:
        return _is_flocked(path) if fcntl is not None else _is_taken(Lock(path))
    except OSError as error:
        return error.errno in _NO_LOCKS and reading.is_there(stand_in(path)) and _is_taken(Lock(path))


def _is_flocked(path: Path) -> bool:
    file = os.open(path, os.O_RDONLY | os.O_NONBLOCK)  # reading is enough: the folder may be read-only
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
