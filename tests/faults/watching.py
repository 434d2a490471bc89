"""Which files this process opens, lists, makes or removes, and what it starts: by Python's audit events."""

import contextlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path

_LOOKED_FOR = (
    "open", "os.listdir", "os.scandir", "os.mkdir", "os.remove", "os.rename", "os.rmdir", "os.symlink", "os.link",
    "os.truncate", "os.chmod", "os.chown", "os.utime", "shutil.rmtree", "shutil.copyfile", "shutil.move", "glob.glob",
    "subprocess.Popen", "os.system", "os.exec", "os.posix_spawn",
)  # fmt: skip
_listening: list[set[str]] = []


def _hear(event: str, arguments: tuple) -> None:
    if _listening and event in _LOOKED_FOR:
        of = arguments[:2] if event in ("os.rename", "os.symlink", "os.link", "shutil.move") else arguments[:1]
        for each in of:
            if isinstance(each, str | bytes | os.PathLike):
                path = os.fsdecode(each)
                _listening[-1].add(f"program {path}" if "Popen" in event else os.path.normpath(Path.cwd() / path))


sys.addaudithook(_hear)  # which cannot be taken away again, but costs nothing while nobody listens


@contextlib.contextmanager
def files_touched() -> Iterator[set[str]]:
    """The paths of what is touched in this block, by any thread."""
    found: set[str] = set()
    _listening.append(found)
    try:
        yield found
    finally:
        _listening.remove(found)


def outside(paths: set[str], *allowed: Path) -> set[str]:
    """Those that are in none of these folders."""
    roots = [os.fspath(path) for path in allowed] + [os.path.realpath(path) for path in allowed]
    return {path for path in paths if not any(path == root or path.startswith(root + os.sep) for root in roots)}
