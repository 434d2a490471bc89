"""Folders that vanish, are closed, or hold what nobody put there: a sentence, and everything else goes on."""

import contextlib
import itertools
import os
import random
import resource
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import streamlit as st
from apps import button, opened, settled, words
from disks import contents
from helpers import TINY, film_of, options, to_the_end, trained, weights_of
from mutations import NO_FILES
from watching import told

from cae.disk.files import runs_folder
from cae.errors import RunNotFound, Unwritable
from cae.jobs import queue
from cae.jobs.trainer import train_run
from cae.network.records import EpochRecord
from cae.runs import listing
from cae.runs.run import Run

NOBODY = 65534
PAGES = ("home", "train", "reconstruct", "steer", "draw", "map", "judge", "generate", "compare")


@pytest.fixture
def closed(tmp_path):
    """A folder in which nothing can be made, whoever tries: it would lie below a file."""
    (tmp_path / "file").write_bytes(b"")
    return tmp_path / "file" / "folder"


def plain(app) -> str:
    return words(app).replace("\\", "")


@pytest.mark.parametrize("page", PAGES)
def test_pages_work_where_neither_the_cache_nor_files_for_the_browser_can_be_written(
    small, closed, monkeypatch, own_static_folder, page
):
    from server import serving

    monkeypatch.setenv("CAE_CACHE", str(closed / "cache"))
    monkeypatch.setattr(serving, "_STATIC", closed / "static")
    app = opened(page, run="tiny")
    assert not app.error, words(app)
    asked = [each.proto.mixed.json or each.proto.json for each in app.get("bidi_component")]
    assert not any("app/static" in each for each in asked)  # where the browser would find nothing
    for label in ("Judge this run", "Fit the priors"):
        if any(each.label == label for each in app.button):
            assert "point CAE_CACHE at a writable folder" in plain(button(app, label).click().run())


@dataclass
class Looks:
    """What is waited for: at which look into the folder something happens, and how many there were."""

    folder: str
    number: int
    act: Callable[[], object]
    count: int = 0

    def heard(self, event: str, arguments: tuple) -> None:
        if event not in ("open", "os.listdir", "os.scandir") or self.count == self.number > 0:
            return
        if isinstance(arguments[0], str | os.PathLike) and os.fspath(arguments[0]).startswith(self.folder):
            self.count += 1
            if self.count == self.number:
                self.act()


@contextlib.contextmanager
def at_look(number: int, folder: Path, act: Callable[[], object] = lambda: None) -> Iterator[Looks]:
    """In the block, `act` happens just before somebody opens a file or a folder below `folder` for that time."""
    looks = Looks(str(folder), number, act)
    with told(looks.heard):
        yield looks


def forget_caches() -> None:
    st.cache_data.clear()
    st.cache_resource.clear()


@pytest.mark.usefixtures("own_static_folder")
def test_a_run_that_vanishes_while_a_page_looks_at_it_is_no_error_of_ours(small, copy_tiny, tmp_path, rounds, survived):
    copy_tiny("other")
    kept, elsewhere = tmp_path / "kept", tmp_path / "elsewhere"
    shutil.copytree(small.path, kept)
    tried, pages = 0, rounds(("train", "map", "generate"), PAGES)
    for page in pages:
        forget_caches()
        with at_look(0, small.path) as looks:
            opened(page, run="tiny")
        for number in random.Random(page).sample(range(1, looks.count + 1), min(looks.count, rounds(2, 25))):
            forget_caches()
            with at_look(number, small.path, lambda: small.path.rename(elsewhere)) as again:
                app = opened(page, run="tiny")
            tried += again.count == number  # what was measured at first is not measured again
            if again.count == number:
                settled(app.run())
                assert not small.path.exists(), f"{page}, look {number}: its folder was made again"
                assert app.sidebar.selectbox[0].value != "tiny"
            for folder in (small.path, elsewhere):
                shutil.rmtree(folder, ignore_errors=True)
            shutil.copytree(kept, small.path)
    assert tried
    survived(f"{tried:,} times a run was renamed while one of {len(pages)} pages looked at it: it went on")


def test_a_training_whose_folder_vanishes_ends_and_leaves_nothing_behind(small_data, tmp_path, rounds, survived):
    whole = trained("whole")
    elsewhere = tmp_path / "elsewhere"
    with at_look(0, runs_folder() / "run") as looks:
        trained("run")
    shutil.rmtree(runs_folder() / "run")
    moments = random.Random(0).sample(range(1, looks.count + 1), min(looks.count, rounds(12, 1000)))
    for number in moments:
        for is_deleted in (False, True):
            where = f"look {number} of {looks.count}, {'deleted' if is_deleted else 'renamed'}"
            run = Run.create("run", TINY, options())

            def vanish(run: Run = run, is_deleted: bool = is_deleted) -> None:
                shutil.rmtree(run.path) if is_deleted else run.path.rename(elsewhere)

            with at_look(number, run.path, vanish), contextlib.suppress(RunNotFound):
                to_the_end(run)
                assert number > looks.count - 4, f"{where}: it went on"  # what is last written says that it has ended
            assert not run.path.exists(), f"{where}: {contents(run.path)}"
            assert not list((runs_folder() / ".queue").glob("[0-9]*")), where
            if not is_deleted:
                elsewhere.rename(run.path)
                if run.again().state != "finished":
                    to_the_end(run.again())
                assert (weights_of(run), film_of(run)) == (weights_of(whole), film_of(whole)), where
                shutil.rmtree(run.path)
    to_the_end(Run.create("after", TINY, options()))  # it has not to wait for anybody
    survived(f"{2 * len(moments)} times the folder of a run was deleted or renamed while it was trained")


def test_a_training_does_not_write_into_another_run_that_has_taken_its_place(small_data):
    run = Run.create("run", TINY, options(epochs=3))
    events = train_run(run)
    while not isinstance(next(events), EpochRecord):
        pass
    run.path.rename(run.path.with_name("before"))
    another = Run.create("run", TINY, options())
    with pytest.raises(RunNotFound, match="deleted or renamed while it was training"):
        list(events)
    assert sorted(path.name for path in another.path.iterdir()) == ["run.json"]
    assert Run.open("before").state == "stopped"


def strange(copy_tiny) -> list[str]:
    """Runs of which one thing is not what it should be; their names."""
    for name in ("run.json", "history.jsonl", "progress.jsonl", "model.safetensors", "resume.safetensors", "log.txt",
                 "stop", "epochs"):  # fmt: skip
        stem = name.split(".")[0]
        for kind, make in KINDS.items():
            path = copy_tiny(f"{kind}-{stem}").path / name
            shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
            make(path)
    for name in ("evaluation.json", "space.safetensors", "map.safetensors", "probing.json"):
        os.mkfifo(copy_tiny(f"pipe-{name.split('.')[0]}").path / name)
    for name in ("train.lock", "run.lock"):
        run = copy_tiny(f"locked-{name.split('.')[0]}")
        run.update(state="running")
        (run.path / name).unlink(missing_ok=True)
        (run.path / name).mkdir()
    (runs_folder() / "loop").symlink_to(runs_folder() / "loop")
    (runs_folder() / "dangling").symlink_to(runs_folder() / "nowhere")
    (runs_folder() / "file").write_bytes(b"")
    os.mkfifo(runs_folder() / "pipe")
    os.mkfifo(runs_folder() / "pipe.sweep.json")
    os.mkfifo(runs_folder() / "judge-mnist.safetensors")
    for name in ("new\nline", "UPPER", "a b", "ünï-cøde", "-hyphen", "con", "x" * 65, "<img src=x>", "\udce4"):
        os.mkdir(os.path.join(runs_folder(), name))  # noqa: PTH102, PTH118
    for number in range(2000):
        (runs_folder() / f"IMG_{number:04d}.jpg").touch()
    return listing.names()


KINDS = {kind: make for kind, make in NO_FILES.items() if kind != "dangling"}


def test_nothing_in_the_checkpoints_folder_is_waited_for_or_read_without_end(
    small, copy_tiny, rounds, survived, own_static_folder
):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    names = strange(copy_tiny)
    began = time.monotonic()
    found = {each.name: each for each in listing.summaries()}
    assert time.monotonic() - began < 10 and set(names) <= set(found)
    assert not {"loop", "dangling", "file", "pipe", "con", "UPPER"} & set(found)
    for kind, name in itertools.product(KINDS, ("run.json", "model.safetensors", "history.jsonl")):
        each = found[f"{kind}-{name.split('.')[0]}"]
        assert each.state == "damaged" and name in each.reason
    opened("train", run="tiny")
    pages = 0
    odd = [name for name in names if "-" in name]
    for number, name in enumerate(rounds(random.Random(0).sample(odd, 5), odd)):
        for page in rounds(PAGES, PAGES + PAGES)[number % len(PAGES) :][: rounds(1, 3)]:
            opened(page, run=name)
            pages += 1
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    assert grown < 1500, f"{grown:.0f} MB"
    for name in names:
        if not found[name].shipped:
            Run.open(name).delete()
    assert small.path not in runs_folder().iterdir()
    survived(f"{len(names)} runs with what is no file in place of one: listed, {pages} pages opened, and deleted")


@pytest.fixture
def anybody(small, rounds, monkeypatch):
    """A folder of somebody who may not do everything, as root may; the test is that somebody."""
    folder = Path(tempfile.mkdtemp())
    for name, variable in (("checkpoints", "CAE_CHECKPOINTS"), ("cache", "CAE_CACHE"), ("data", "CAE_DATA")):
        source = Path(os.environ[variable])
        shutil.copytree(source, folder / name) if source.exists() else (folder / name).mkdir()
        monkeypatch.setenv(variable, str(folder / name))
    is_root = os.geteuid() == 0
    if is_root and not rounds(0, 1):
        pytest.skip("root may do everything; with --full it becomes somebody else")
    if is_root:
        opened("home", run="tiny")  # whatever it imports may be closed to somebody else
        for path in (folder, *folder.rglob("*")):
            os.chown(path, NOBODY, NOBODY)
        os.seteuid(NOBODY)
    yield folder
    if is_root:
        os.seteuid(0)
    for path in folder.rglob("*"):
        path.chmod(0o755)
    shutil.rmtree(folder)


@pytest.mark.usefixtures("own_static_folder")
@pytest.mark.parametrize("page", ["home", "train", "reconstruct"])
def test_a_run_that_is_closed_to_us_is_said_in_a_sentence(anybody, page):
    closed = anybody / "checkpoints" / "closed"
    shutil.copytree(anybody / "checkpoints" / "tiny", closed)
    closed.chmod(0)
    found = next(each for each in listing.summaries() if each.name == "closed")
    assert (found.state, found.reason) == ("damaged", "closed/run.json cannot be read: Permission denied.")
    assert "Permission denied" in plain(opened(page, run="closed"))
    with pytest.raises(Unwritable, match="Permission denied; change its permissions"):
        Run.open("closed").annotate("a note")


@pytest.mark.usefixtures("own_static_folder")
def test_a_checkpoints_folder_that_is_closed_to_us_leaves_the_shipped_runs(anybody):
    (anybody / "checkpoints").chmod(0)
    forget_caches()
    for page in ("home", "train"):
        assert not opened(page).error
    with pytest.raises(Unwritable, match="Cannot create a run in"):
        Run.create("new", TINY, options())
    assert "best" in listing.names() and "tiny" not in listing.names()


@pytest.mark.usefixtures("own_static_folder")
@pytest.mark.parametrize("kind", ["a file", "nothing", "below a file"])
def test_pages_work_whatever_the_checkpoints_folder_is(small_data, tmp_path, monkeypatch, kind):
    folder = tmp_path / "place"
    if kind in ("a file", "below a file"):
        folder.write_bytes(b"")
    monkeypatch.setenv("CAE_CHECKPOINTS", str(folder / "runs" if kind == "below a file" else folder))
    forget_caches()
    assert not opened("train").error
    if kind != "nothing":
        with pytest.raises(Unwritable, match="Cannot create a run in"):
            Run.create("new", TINY, options())
        assert "best" in listing.names()  # the shipped ones are still there


def test_a_checkpoints_folder_that_is_deleted_while_it_is_trained_in_ends_the_training(small_data):
    run = Run.create("run", TINY, options(epochs=9))
    events = train_run(run)
    next(events)
    shutil.rmtree(runs_folder())
    runs_folder().write_bytes(b"")  # and somebody has put a file in its place
    with pytest.raises(RunNotFound, match="deleted or renamed"):
        list(events)
    assert runs_folder().read_bytes() == b""


@pytest.fixture
def clock(monkeypatch):
    """A function that sets the clock of the system forward, or back, by so many seconds."""
    real, real_ns, moved = time.time, time.time_ns, [0.0]
    monkeypatch.setattr(time, "time", lambda: real() + moved[0])
    monkeypatch.setattr(time, "time_ns", lambda: real_ns() + int(moved[0] * 1e9))
    return lambda seconds: moved.__setitem__(0, seconds)


YEAR = 365 * 86400.0


@pytest.mark.parametrize("by", [-3600.0, -30 * YEAR, 70 * YEAR])
def test_a_clock_that_is_set_changes_neither_a_training_nor_its_speed(small_data, clock, by):
    expected = trained("before")
    run = Run.create("run", TINY, options())
    for number, event in enumerate(train_run(run)):
        clock(by if number % 2 else 0)
        assert 0 < event.images_per_second < 1e6 and 0 <= event.seconds < 600
    assert weights_of(run) == weights_of(expected)
    seconds = [record.seconds for record in run.progress()]
    assert seconds == sorted(seconds)


@pytest.mark.parametrize("by", [-3600.0, -30 * YEAR, 70 * YEAR])
def test_the_queue_keeps_its_order_when_the_clock_is_set(small_data, clock, by):
    tickets = []
    for number, name in enumerate(("first", "second", "third")):
        clock(by * number)
        tickets.append(queue.join(Run.create(name, TINY, options())).name)
    assert tickets == sorted(tickets) and len(set(tickets)) == 3


@pytest.mark.parametrize("by", [-YEAR, -3600.0, 3600.0, YEAR])
def test_a_mark_of_a_process_that_never_came_is_forgotten_whatever_the_clock_says(tiny, by):
    tiny.update(state="queued")
    (tiny.path / "starting").touch()
    assert Run.open("tiny").state == "queued"
    os.utime(tiny.path / "starting", (time.time() + by, time.time() + by))
    assert Run.open("tiny").state == "stopped"


@pytest.mark.usefixtures("own_static_folder")
@pytest.mark.parametrize("by", [-YEAR, 0.0, YEAR])
def test_pages_show_the_weights_that_are_there_though_their_time_is_older_or_the_same(small, copy_tiny, by):
    from resources import networks

    other = trained("other", seed=5)
    path, when = small.path / "model.safetensors", (small.path / "model.safetensors").stat()
    before = networks.fingerprint(small)
    shutil.copy(other.path / "model.safetensors", small.path / "new")
    os.utime(small.path / "new", ns=(when.st_atime_ns, when.st_mtime_ns + int(by * 1e9)))
    (small.path / "new").replace(path)
    assert path.stat().st_size == when.st_size
    assert networks.fingerprint(small) == other.weights_hash() != before


@pytest.mark.usefixtures("own_static_folder")
def test_pages_ask_the_judge_that_is_there_now_and_not_the_one_before(small):
    from cae.evaluation.classifier import JudgeNet, path, save
    from resources import generated

    shipped = generated.classifier("mnist")
    own = save(JudgeNet(), "mnist")
    assert generated.classifier("mnist").fingerprint == own.fingerprint != shipped.fingerprint
    path("mnist").unlink()
    assert generated.classifier("mnist").fingerprint == shipped.fingerprint
