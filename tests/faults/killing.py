"""Processes that are killed with SIGKILL at a chosen moment.

A process of the tests is a fork of one that has imported torch already, so that each takes a fraction of a second. It
runs the command line as it is, and watches what it does to files: every change is a moment before which it can be
killed, and so is the half of everything that is written.
"""

import builtins
import functools
import multiprocessing
import os
import re
import signal
import sys
import types
from collections import Counter
from pathlib import Path

from cae.disk.files import cache_folder, data_folder, runs_folder

FOLDERS = ("CAE_CHECKPOINTS", "CAE_CACHE", "CAE_DATA")
_CHANGES = {"os.rename": "rename to", "os.remove": "remove", "os.rmdir": "remove folder", "os.mkdir": "make folder"}
_WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC


class Watch:
    """Counts what the process does to files in `folders`, and kills it when it is about to do what is `deadly`.

    That is a moment by its number, or by its kind and its number among those of the kind.
    """

    def __init__(self, folders, deadly, journal):
        self._folders, self._deadly, self._journal = tuple(folders), deadly, journal
        self._count, self._kinds, self._is_inside = 0, Counter(), False
        self._open, self._fsync = builtins.open, os.fsync
        self._paths = {}  # of open files, by descriptor

    def start(self):
        builtins.open, os.fsync = self._opened, self._synced
        sys.addaudithook(self._hear)

    def moment(self, kind, path):
        """Counts a moment, which is the last one where it is the deadly one."""
        place = os.fsdecode(path) if isinstance(path, str | bytes | os.PathLike) else ""
        if self._is_inside or not place.startswith(self._folders) or (kind == "make folder" and Path(place).is_dir()):
            return
        name = f"{kind} {_kind_of(Path(place))}"
        if self._deadly in (self._count, (name, self._kinds[name])):
            os.kill(os.getpid(), signal.SIGKILL)
        self._count += 1
        self._kinds[name] += 1
        if self._journal:
            self._is_inside = True
            with self._open(self._journal, "a") as file:
                file.write(name + "\n")
            self._is_inside = False

    def _hear(self, event, arguments):
        if event == "open":
            path, mode, flags = arguments
            if set(mode) & set("wax+") if mode else isinstance(flags, int) and flags & _WRITES:
                self.moment("open", path)
        elif event in _CHANGES:
            self.moment(_CHANGES[event], arguments[1 if event == "os.rename" else 0])

    def _opened(self, path, mode="r", *arguments, **named):
        file = self._open(path, mode, *arguments, **named)
        if "b" not in mode or not set(mode) & set("wax+"):
            return file
        self._paths[file.fileno()] = path
        return _Halving(file, path, self)

    def _synced(self, file):
        self.moment("sync", self._paths.get(file))
        self._fsync(file)


class _Halving:
    """A file whose every write is done in two halves, with a moment between them."""

    def __init__(self, file, path, watch):
        self._file, self._path, self._watch = file, path, watch

    def write(self, content):
        half = len(content) // 2
        self._file.write(content[:half])
        self._file.flush()
        self._watch.moment("half of", self._path)
        return half + self._file.write(content[half:])

    def __enter__(self):
        return self

    def __exit__(self, *what):
        return self._file.__exit__(*what)

    def __getattr__(self, name):
        return getattr(self._file, name)


def _work(arguments, settings, log, deadly, journal):
    os.setsid()
    os.environ.update(settings)
    output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(output, 1)
    os.dup2(output, 2)
    sys.stdout, sys.stderr = (os.fdopen(number, "w", buffering=1) for number in (1, 2))
    Watch([settings[name] for name in FOLDERS], deadly, journal).start()
    from cae.commands.cli import main

    code = 1
    try:
        code = main(arguments)
    finally:
        sys.stdout.flush()
        os._exit(code)


@functools.cache
def _zygote():
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["torch", "sklearn.manifold", "sklearn.linear_model", "skimage.metrics", __name__])
    return context


def start(*arguments, log=None, deadly=None, journal=None):
    """`python -m cae ...` as a process, killed when it is about to do to a file what is `deadly` (see Watch).

    What it says is added to `log`; a line for each of its moments is added to `journal`.
    """
    settings = {name: value for name, value in os.environ.items() if name.startswith("CAE_")}
    settings |= dict(zip(FOLDERS, map(str, (runs_folder(), cache_folder(), data_folder())), strict=True))
    what = arguments, settings, str(log or said()), deadly, journal
    process = _zygote().Process(target=_work, args=what, daemon=True)
    main = sys.modules["__main__"]
    sys.modules["__main__"] = types.ModuleType("__main__")  # or it would be run in the process too
    try:
        process.start()
    finally:
        sys.modules["__main__"] = main
    return process


def said() -> Path:
    return runs_folder().parent / "said.txt"


def end_of(process, seconds=120) -> int:
    """Its exit code, once it has ended: that of a killed one is negative."""
    process.join(seconds)
    assert process.exitcode is not None, "it does not end"
    return process.exitcode


def killed(process) -> bool:
    """Kills it wherever it is; whether it was still at work."""
    process.kill()
    return end_of(process) == -signal.SIGKILL


def moments_of(*arguments) -> list[str]:
    """Runs the command to its end, undisturbed; all its moments, by what is done to which kind of file."""
    journal = runs_folder().parent / "journal.txt"
    journal.unlink(missing_ok=True)
    assert end_of(start(*arguments, journal=journal)) == 0, said().read_text()[-2000:]
    return journal.read_text().splitlines()


def _kind_of(path) -> str:
    """A file's name without what differs from run to run, from process to process and from epoch to epoch."""
    name = re.sub(r"\.[0-9a-f-]+\.part$", ".part", path.name)
    if path.parent.name == ".queue":
        return "a slot" if name.startswith("slot") else "a ticket"
    name = re.sub(r"^(\.?)\d{4}\.safetensors", r"\1a frame.safetensors", name)
    return re.sub(r"[0-9a-f]{16,}", "...", name)


def one_of_each(moments, random) -> list[int]:
    """The numbers of moments, one of each kind, drawn among those of its kind."""
    return [random.choice([n for n, each in enumerate(moments) if each == kind]) for kind in sorted(set(moments))]
