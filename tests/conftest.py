"""Every test writes into its own folder; the real MNIST is read from the project."""

import os
import shutil
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
os.environ.setdefault("OMP_NUM_THREADS", "1")  # before torch: several workers share the cores

import pytest
from apps import own_static_folder, small  # noqa: F401
from helpers import SMALL_TEST, SMALL_TRAIN, trained, write_idx
from visitors import _server, _small_server, chromium, guest, server, small_server, visitor  # noqa: F401

from cae.disk.files import runs_folder
from cae.runs.run import Run


def pytest_addoption(parser):
    parser.addoption("--all", action="store_true", help="also the tests that are marked slow: 20 minutes in all")
    parser.addoption("--full", action="store_true", help="--all, with the faults (tests/faults) in full number")


def pytest_collection_modifyitems(config, items):
    """Leaves out what is slow, unless --all asks for it: what is marked so, and a browser's tests not marked quick."""
    if config.getoption("--all") or config.getoption("--full"):
        return
    slow = {item for item in items if item.get_closest_marker("slow")}
    slow |= {item for item in items if "chromium" in item.fixturenames and not item.get_closest_marker("quick")}
    config.hook.pytest_deselected(items=[item for item in items if item in slow])
    items[:] = [item for item in items if item not in slow]


@pytest.fixture
def rounds(request):
    """A function that gives how often to try: the first number, the second with --full, the third without --all."""
    is_full, is_all = map(request.config.getoption, ("--full", "--all"))
    return lambda short, full, quick=None: full if is_full else short if is_all or quick is None else quick


@pytest.fixture
def survived(record_property):
    """A function that takes a figure, in a sentence, which is printed after the tests."""
    return lambda sentence: record_property("survived", sentence)


def pytest_terminal_summary(terminalreporter):
    found = [
        value
        for report in terminalreporter.stats.get("passed", [])
        for name, value in getattr(report, "user_properties", [])
        if name == "survived"
    ]
    if found:
        terminalreporter.section("What it survived")
        for sentence in found:
            terminalreporter.write_line(f"- {sentence}")


@pytest.fixture(autouse=True)
def own_folders(tmp_path, monkeypatch):
    """Runs and caches of a test lie in its own folder."""
    monkeypatch.setenv("CAE_CHECKPOINTS", str(tmp_path / "checkpoints"))
    monkeypatch.setenv("CAE_CACHE", str(tmp_path / "cache"))
    settings = ("DATA", "READ_ONLY", "MAX_TRAININGS", "MAX_JOBS", "MAX_PER_VISITOR", "MISSIONS")
    for name in (f"CAE_{setting}" for setting in settings):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


@pytest.fixture(scope="session")
def small_data_folder(tmp_path_factory):
    """The first digits of MNIST as a data folder, put there by hand: everything with them takes no time."""
    from cae.data.images import load

    folder = tmp_path_factory.mktemp("small-data")
    raw = folder / "MNIST" / "raw"
    raw.mkdir(parents=True)
    for split, prefix, count in (("train", "train", SMALL_TRAIN), ("test", "t10k", SMALL_TEST)):
        images = load("mnist", split)
        write_idx(raw / f"{prefix}-images-idx3-ubyte", images.pixels[:count].numpy())
        write_idx(raw / f"{prefix}-labels-idx1-ubyte", images.labels[:count].numpy())
    return folder


@pytest.fixture
def small_data(small_data_folder, own_folders, monkeypatch):
    """The test reads 200 training and 100 test digits instead of MNIST."""
    monkeypatch.setenv("CAE_DATA", str(small_data_folder))
    return small_data_folder


@pytest.fixture(scope="session")
def trained_folder(tmp_path_factory, small_data_folder):
    """A checkpoints folder with one really trained tiny run, "tiny": 2 epochs of 3 batches."""
    folder = tmp_path_factory.mktemp("trained")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CAE_CHECKPOINTS", str(folder))
        patch.setenv("CAE_DATA", str(small_data_folder))
        trained("tiny", validation_images=20)
    return folder


@pytest.fixture
def copy_tiny(trained_folder, small_data):
    """A function that gives a copy, under any name, of the trained tiny run."""

    def copy(name: str = "tiny") -> Run:
        runs_folder().mkdir(parents=True, exist_ok=True)
        shutil.copytree(trained_folder / "tiny", runs_folder() / name)
        return Run.open(name)

    return copy


@pytest.fixture
def tiny(copy_tiny):
    """A copy of the trained tiny run, the test's own."""
    return copy_tiny()


@pytest.fixture
def no_training_left(own_folders):
    """Stops what the test has started and not stopped."""
    yield
    deadline = time.monotonic() + 30
    folder = runs_folder()
    for path in folder.iterdir() if folder.exists() else ():
        while (path / "run.json").exists() and Run(path).is_live() and time.monotonic() < deadline:
            (path / "stop").touch()
            time.sleep(0.1)


@pytest.fixture
def no_network(monkeypatch):
    """Nothing outside this machine answers, in this process and in those it starts."""
    import socket

    from helpers import NO_NETWORK

    def refuse(*_, **__):
        raise OSError("the network is unreachable")

    monkeypatch.setattr(socket, "create_connection", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    for name, value in NO_NETWORK.items():
        monkeypatch.setenv(name, value)
