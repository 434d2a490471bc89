"""Locks that cannot be trusted, and two dashboards on one folder that do the same at the same moment."""

import errno
import fcntl
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from typing import ClassVar

import pytest
from apps import opened
from helpers import environment, wait_until
from rivals import Rivals

from cae.commands import cli
from cae.disk.files import cache_folder, runs_folder
from cae.disk.locks import Lock, is_held
from cae.disk.trial import trouble, troubles
from cae.runs.run import Run

NO_FLOCK = (
    "import errno, fcntl\ndef no(*_): raise OSError(errno.ENOSYS, 'Function not implemented')\nfcntl.flock = no\n"
)


class AlwaysGiven:
    """A lock as some network file systems give it: to everybody."""

    def __init__(self, path):
        self.path = path

    def acquire(self, timeout=None):
        pass

    def release(self):
        pass


class NeverGivenBack(AlwaysGiven):
    """A lock that is held for ever once somebody has had it."""

    taken: ClassVar[set] = set()

    def acquire(self, timeout=None):
        if self.path in self.taken:
            raise TimeoutError
        self.taken.add(self.path)


class Refused(AlwaysGiven):
    """A lock on a file system whose server of locks does not answer."""

    def acquire(self, timeout=None):
        raise OSError(errno.ENOLCK, "No locks available")


@pytest.fixture
def without_flock(monkeypatch):

    def unknown(*_):
        raise OSError(errno.ENOSYS, "Function not implemented")

    monkeypatch.setattr(fcntl, "flock", unknown)


def test_nothing_is_said_of_a_good_file_system_and_nothing_left_there(tmp_path):
    began = time.monotonic()
    assert troubles() == []
    assert time.monotonic() - began < 1  # some milliseconds on a quiet machine
    assert list(runs_folder().iterdir()) == list(cache_folder().iterdir()) == []


@pytest.mark.parametrize(
    ("lock", "sentence"),
    [
        (AlwaysGiven, "grants the same lock twice: two processes could train one run and ruin it."),
        (NeverGivenBack, "does not grant a released lock again"),
        (Refused, "grants no locks (No locks available): nothing can be trained there."),
    ],
)
def test_locks_that_cannot_be_trusted_are_said_in_a_sentence(tmp_path, lock, sentence):
    said = trouble(tmp_path, lock)
    assert said.startswith(f"The file system of {tmp_path} {sentence}") and said.endswith("only.")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("place", "sentence"), [("fsync", "does not confirm"), ("replace", "cannot replace a file")])
def test_a_file_system_that_loses_files_is_said_in_a_sentence(tmp_path, monkeypatch, place, sentence):
    def refused(*_):
        raise OSError(errno.EINVAL, "Invalid argument")

    monkeypatch.setattr(os, place, refused)
    assert sentence in trouble(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_not_there_or_closed_is_none_of_its_business(tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    for folder in (tmp_path / "nowhere", tmp_path / "file"):
        assert trouble(folder) == ""
        monkeypatch.setenv("CAE_CHECKPOINTS", str(folder / "below" if folder.is_file() else folder))
        assert troubles() == []


def test_pages_and_commands_warn_once_of_locks_that_cannot_be_trusted(small, without_flock, capsys, own_static_folder):
    app = opened("judge", run="tiny")
    assert len([each for each in app.warning if "no locks of its own" in each.value]) == 1
    assert cli.main(["runs"]) == 0
    out, err = capsys.readouterr()
    assert "tiny" in out and err.count("has no locks of its own") == 1
    assert cli.main(["train", "--resume", "tiny", "--epochs", "3"]) == 0
    assert capsys.readouterr().err.count("has no locks of its own") == 1 and Run.open("tiny").state == "finished"


def test_files_stand_in_for_locks_where_there_is_no_flock(tmp_path, without_flock):
    path = tmp_path / "x.lock"
    path.touch()  # left by a machine that has flock; nobody holds it
    first, second = Lock(path), Lock(path)
    assert not is_held(path)
    first.acquire(timeout=0)
    assert is_held(path)
    with pytest.raises(TimeoutError):
        second.acquire(timeout=0.1)
    first.release()
    assert not is_held(path)
    second.acquire(timeout=0)
    second.release()


def test_a_stand_in_of_a_killed_process_is_taken_over(tmp_path, without_flock):
    path = tmp_path / "x.lock"
    code = f"{NO_FLOCK}import sys, time\nfrom pathlib import Path\nfrom cae.disk.locks import Lock\n"
    code += f"lock = Lock(Path({str(path)!r}))\nlock.acquire()\nprint('held', flush=True)\ntime.sleep(60)\n"
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, env=environment())
    assert process.stdout.readline() == "held\n"
    assert is_held(path)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not is_held(path)
    with Lock(path, timeout=5):
        assert is_held(path)


def test_a_stand_in_of_another_machine_is_said_and_not_waited_for(tmp_path, without_flock):
    path = tmp_path / "x.lock"
    marker = tmp_path / "x.lock.held"
    path.touch()
    marker.write_text(f"17\nnot-{socket.gethostname()}\n")
    assert is_held(path)
    with pytest.raises(OSError, match=r"if nothing is running there any more, delete .*x\.lock\.held") as refusal:
        Lock(path).acquire()  # which would wait for ever
    assert refusal.value.filename == str(marker)


@pytest.fixture
def rivals(tmp_path, copy_tiny):
    """Two processes; what they start notes that it was started, and holds nothing."""
    program = tmp_path / "started.sh"
    program.write_text(f"#!/bin/sh\necho $* >> {tmp_path / 'started'}\n")
    program.chmod(0o755)
    found = Rivals(program)
    yield found
    found.end()


def started(tmp_path) -> list[str]:
    path = tmp_path / "started"
    return path.read_text().splitlines() if path.exists() else []


def kinds(said: list[str]) -> set[str]:
    return {each.split(":")[0] for each in said}


@pytest.mark.quick
def test_two_dashboards_at_once_lose_nothing_and_train_nothing_twice(rivals, copy_tiny, tmp_path, rounds, survived):
    count = rounds(8, 120, 1)
    allowed = {"start": {"RunExists", "RunBusy"}, "resume": {"RunBusy"}, "delete": {"RunNotFound"}}
    for number in range(count):
        name = f"run-{number}"
        before = len(started(tmp_path))
        for act, *arguments in (("start", name), ("resume", f"old-{number}", 3), ("delete", f"gone-{number}")):
            if act != "start":
                copy_tiny(arguments[0])
            said = rivals.at_once((act, *arguments), (act, *arguments))
            assert sorted(map(bool, said)) == [False, True], (number, act, said)
            assert kinds(said) - {""} <= allowed[act], (number, act, said)
        wait_until(lambda least=before + 2: len(started(tmp_path)) >= least, "both were started", 10)
        assert sorted(started(tmp_path)[before:]) == [
            f"-m cae train --started --resume old-{number}", f"-m cae train --started --resume {name}",
        ]  # fmt: skip

        said = rivals.at_once(("stop", name), ("stop", name))
        assert said == ["", ""] and (runs_folder() / name / "stop").exists(), (number, said)

        copy_tiny(f"either-{number}")
        said = rivals.at_once(("delete", f"either-{number}"), ("resume", f"either-{number}", 3))
        is_gone = not (runs_folder() / f"either-{number}").exists()
        assert said[0 if is_gone else 1] == "" and kinds(said) <= {"", "RunNotFound" if is_gone else "RunBusy"}, said
        assert sorted(map(bool, said)) == [False, True], (number, said)

        copy_tiny(f"noted-{number}")
        texts = [f"note {each}" for each in range(20)]
        said = rivals.at_once(("note", f"noted-{number}", *texts), ("count", f"noted-{number}", 20))
        info = Run.open(f"noted-{number}").info
        assert (said, info.note, info.threads) == (["", ""], "note 19", 20), (number, said)
        said = rivals.at_once(("note", f"noted-{number}", *texts), ("delete", f"noted-{number}"))
        assert said[1] == "" and kinds(said[:1]) <= {"", "RunNotFound"}, (number, said)
        assert not (runs_folder() / f"noted-{number}").exists()

        result = str(cache_folder() / f"{number}" / "map.safetensors")
        before = len(started(tmp_path))
        assert rivals.at_once(("job", result), ("job", result)) == ["", ""]
        wait_until(lambda least=before + 1: len(started(tmp_path)) >= least, "the job was started", 10)
        assert started(tmp_path)[before:].count("-m cae map x") == 1

        assert rivals.at_once(("look", f"old-{number}", 300), ("look", f"old-{number}", 300)) == ["", ""], number
        for each in (name, f"old-{number}", f"either-{number}"):
            shutil.rmtree(runs_folder() / each, ignore_errors=True)
    assert [path.name for path in runs_folder().iterdir() if path.name not in (".names.lock", ".queue")] == []
    survived(f"{9 * count:,} times two dashboards did something to one run at the same moment; no change was lost")
