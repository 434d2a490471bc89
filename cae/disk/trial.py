"""Tries out whether a file system keeps locks and replaces files atomically."""

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
    """What is wrong with the file systems of the runs and of the cache, a sentence each. Creates the two folders."""
    sentences: dict[int, str] = {}  # by file system: both folders may be on the same
    for folder in (cache_folder(),) if is_read_only() else (runs_folder(), cache_folder()):
        with contextlib.suppress(OSError):
            folder.mkdir(parents=True, exist_ok=True)
            if (system := folder.stat().st_dev) not in sentences:
                sentences[system] = trouble(folder)
    return list(filter(None, sentences.values()))


def trouble(folder: Path, lock: Callable[[Path], Lockable] = Lock) -> str:
    """What is wrong with the file system of `folder`, in a sentence; empty if nothing is.

    Takes some milliseconds. A missing or unwritable folder is no trouble here: writing to it says so.
    """
    tried = folder / f".trying-{uuid.uuid4().hex}"
    paths = [tried.with_suffix(end) for end in (".lock", ".lock.held", ".old", ".new")]
    try:
        paths[2].write_bytes(b"old")
    except OSError:
        return ""
    try:
        complaint = _of_locks(paths[0], lock) or _of_files(paths[2], paths[3])
    finally:
        for path in paths:
            with contextlib.suppress(OSError):
                path.unlink(missing_ok=True)
    return f"The file system of {folder} {complaint}" if complaint else ""


def _of_locks(path: Path, lock: Callable[[Path], Lockable]) -> str:
    advice = "Keep it on a disk of this machine, or train from one window of one machine only."
    first, second = lock(path), lock(path)
    try:
        first.acquire(timeout=0)
    except OSError as error:
        return f"grants no locks ({error.strerror or error}): nothing can be trained there. {advice}"
    try:
        second.acquire(timeout=0)
    except OSError:
        pass
    else:
        second.release()
        return f"grants the same lock twice: two processes could train one run and ruin it. {advice}"
    finally:
        first.release()
    try:
        second.acquire(timeout=0)
    except OSError:
        return f"does not grant a released lock again: trainings would wait forever. {advice}"
    is_stand_in = reading.is_there(stand_in(path))
    second.release()
    if is_stand_in:
        return f"has no locks of its own: files stand in for them, which other machines cannot check. {advice}"
    return ""


def _of_files(old: Path, new: Path) -> str:
    advice = "Keep it on another disk."
    try:
        with open(new, "wb") as file:
            file.write(b"new")
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):  # a full disk is not the file system's fault
            return ""
        return f"does not confirm that a file is safely written ({error.strerror}): a run could be lost. {advice}"
    try:
        new.replace(old)
        is_replaced = old.read_bytes() == b"new" and not new.exists()
    except OSError:
        is_replaced = False
    return "" if is_replaced else f"cannot replace a file atomically: others could see half of one. {advice}"
