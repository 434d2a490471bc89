"""Whether a file system keeps locks and replaces files at once, tried out when the dashboard starts."""

from __future__ import annotations

import contextlib
import errno
import os
import uuid
from collections.abc import Callable
from pathlib import Path

from cae.disk import reading
from cae.disk.files import cache_folder, is_read_only, runs_folder
from cae.disk.locks import Lock, Lockable, stand_in


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
    is_stand_in = reading.is_there(stand_in(path))
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
