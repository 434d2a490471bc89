"""What this process does to files and which programs it starts: by Python's audit events."""

import contextlib
import functools
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
_MAKING = ("os.mkdir", "os.rename", "os.symlink", "os.link")
_TOUCHING = (
    *_MAKING, "open", "os.listdir", "os.scandir", "os.remove", "os.rmdir", "os.truncate", "os.chmod", "os.chown",
    "os.utime", "shutil.rmtree", "shutil.copyfile", "shutil.move", "glob.glob", "subprocess.Popen", "os.system",
    "os.exec", "os.posix_spawn",
)  # fmt: skip
_listening: list[Callable[[str, tuple], None]] = []


def _hear(event: str, arguments: tuple) -> None:
    if _listening:
        _listening[-1](event, arguments)


_hook = functools.cache(lambda: sys.addaudithook(_hear))  # it cannot be taken away, but costs nothing while unused


@contextlib.contextmanager
def told(listener: Callable[[str, tuple], None]) -> Iterator[None]:
    """In the block, the listener hears each audit event of any thread before what it is about is done."""
    _hook()
    _listening.append(listener)
    try:
        yield
    finally:
        _listening.remove(listener)


def opens_for_writing(event: str, arguments: tuple) -> bool:
    return event == "open" and isinstance(arguments[2], int) and bool(arguments[2] & WRITING)


@contextlib.contextmanager
def files_touched(*, only_made: bool = False) -> Iterator[set[str]]:
    """The paths of what is touched in this block, or only of what is made, renamed or opened for writing."""
    paths: set[str] = set()

    def note(event: str, arguments: tuple) -> None:
        if not (event in _MAKING or opens_for_writing(event, arguments) if only_made else event in _TOUCHING):
            return
        of = arguments[:2] if event in ("os.rename", "os.symlink", "os.link", "shutil.move") else arguments[:1]
        for each in of:
            if isinstance(each, str | bytes | os.PathLike):
                path = os.fsdecode(each)
                paths.add(f"program {path}" if "Popen" in event else os.path.normpath(Path.cwd() / path))

    with told(note):
        yield paths


def outside(paths: set[str], *allowed: Path) -> set[str]:
    roots = [os.fspath(path) for path in allowed] + [os.path.realpath(path) for path in allowed]
    return {path for path in paths if not any(path == root or path.startswith(root + os.sep) for root in roots)}
