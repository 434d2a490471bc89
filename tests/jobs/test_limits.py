"""Whose session started something, how much one visitor may have, and the queue of measurements."""

import json
import os
from contextlib import contextmanager

import pytest
from helpers import TINY, options, state_of, wait_until

from cae.commands import cli
from cae.disk.files import PROJECT, cache_folder, runs_folder
from cae.errors import Damaged, TooMany
from cae.exports.zip import pack
from cae.imports.run import import_file
from cae.jobs import limits, process, queue
from cae.jobs.job import Job
from cae.runs import owners
from cae.runs.owners import COMMAND_LINE, Owner, owner
from cae.runs.run import Run

ADA, BEN = owner("a secret of Ada's", "Ada"), owner("another of Ben's")


def test_of_what_tells_a_visitor_from_others_only_a_hash_is_kept():
    assert "secret" not in ADA.id and len(ADA.id) == 32
    assert ADA.is_same(owner("a secret of Ada's", "another name")) and not ADA.is_same(BEN)
    assert not ADA.is_same(None)
    for nobodys in ("", "ada", "F" * 32, "0" * 31, 7, None):
        with pytest.raises(ValueError, match="no owner"):
            Owner(nobodys)


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("  Ada \n Lovelace ", "Ada Lovelace"),
        ("a\u202eb\u0000c\u200bd", "abcd"),  # turned round, a zero, no width
        ("x" * 100, "x" * 40),
        ("<b>Ada</b>", "<b>Ada</b>"),  # kept as it is: pages escape it
        ("\u00c5sa", "A\u030asa".replace("A\u030a", "\u00c5")),
    ],
)
def test_a_name_is_one_short_line_of_what_can_be_seen(given, shown):
    assert owners.clean_name(given) == shown
    assert owner("x", given).name == shown


def test_a_run_says_whose_session_started_it_and_the_shipped_ones_are_as_they_were(small_data):
    run = Run.create("mine", TINY, options(), by=ADA)
    assert Run.open("mine").info.by == ADA and Run.open("mine").summary().by == ADA
    assert "by" not in json.loads(Run.create("nobodys", TINY, options()).info.to_json())
    for shipped in ("original", "fast", "best"):
        info = Run(PROJECT / "checkpoints" / shipped).info
        assert info.trained_by is None and not {"by", "resumed_by"} & set(json.loads(info.to_json()))
    values = json.loads((run.path / "run.json").read_text(encoding="utf-8"))
    for wrong in ("Ada", {"id": "x", "name": ""}, {"id": ADA.id, "name": "\u202e"}, [], {"id": ADA.id}):
        (run.path / "run.json").write_text(json.dumps({**values, "by": wrong}), encoding="utf-8")
        with pytest.raises(Damaged, match=r"mine/run\.json"):
            _ = Run.open("mine").info


def test_a_run_that_comes_from_elsewhere_is_of_whoever_brought_it(tiny):
    tiny.update(by=ADA, resumed_by=BEN)
    brought = import_file(pack(tiny), "brought", by=BEN)
    assert (Run.open("brought").info.by, brought.info.resumed_by) == (BEN, None)
    assert import_file(pack(tiny), "of-nobody").again().info.by is None


def test_the_command_line_is_an_owner_too(tiny, capsys):
    assert cli.main(["train", "--name", "typed", "--epochs=1", "--train-images=96", "--batch-size=32"]) == 0
    assert Run.open("typed").info.by == COMMAND_LINE
    tiny.update(by=ADA)
    assert cli.main(["train", "--resume", "tiny", "--epochs=3"]) == 0
    assert (Run.open("tiny").info.by, Run.open("tiny").info.trained_by) == (ADA, COMMAND_LINE)
    capsys.readouterr()
    assert cli.main(["runs", "--json"]) == 0
    assert {each["name"]: each["by"] for each in json.loads(capsys.readouterr().out)}["typed"] == COMMAND_LINE.to_json()


@pytest.mark.slow
@pytest.mark.usefixtures("small_data", "no_training_left")
def test_a_visitor_may_have_so_many_trainings_and_others_are_not_affected(monkeypatch):
    def start(name, by):
        return process.start_training(name, TINY, options(epochs=10_000), by=by)

    monkeypatch.setenv("CAE_MAX_PER_VISITOR", "2")
    first, _ = start("first", ADA), start("second", ADA)
    with pytest.raises(TooMany, match=r"first, second|second, first"):
        start("third", ADA)
    assert not (runs_folder() / "third").exists()
    assert limits.why_no_training(ADA) and not limits.why_no_training(BEN) and not limits.why_no_training(None)
    assert state_of(start("bens", BEN)) in ("queued", "running")
    process.ask_to_stop(first)
    wait_until(lambda: state_of(first) == "stopped", "there is room again")
    assert not limits.why_no_training(ADA)
    process.resume_training(first.again(), by=BEN)  # counts for who has it trained on
    assert first.again().info.trained_by == BEN and first.again().info.by == ADA
    assert len(limits.trainings_of(BEN)) == 2 and len(limits.trainings_of(ADA)) == 1
    before = Run.create("before", TINY, options(), by=BEN)
    before.update(state="stopped")
    with pytest.raises(TooMany):
        process.resume_training(before, 10_000, by=BEN)


@pytest.mark.parametrize("value", ["", "0", "-1", "many", "1.5", "²"])
def test_a_limit_that_makes_no_sense_is_none(monkeypatch, value):
    monkeypatch.setenv("CAE_MAX_PER_VISITOR", value)
    monkeypatch.setenv("CAE_MAX_JOBS", value)
    assert limits.most_of(ADA) is None
    assert 1 <= limits.most_jobs() <= (os.cpu_count() or 1)


@pytest.fixture
def three(copy_tiny, monkeypatch):
    """Three measurements of different runs, of which one works at a time."""
    monkeypatch.setenv("CAE_MAX_JOBS", "1")
    copies = [copy_tiny(name) for name in ("one", "two", "three")]
    return [Job(cache_folder() / run.name / "map.done", ["runs"]) for run in copies]


def has_its_turn(job: Job, words=("runs",), by: Owner | None = None):
    with queue.changing_jobs():
        queue.take(job.result, words, by)
        queue.begin(queue.ticket_of(job.result))


@contextmanager
def working(job: Job, words=("runs",), by: Owner | None = None):
    """Inside, this process works on it, as its own would."""
    with job.at_work():
        has_its_turn(job, words, by)
        yield


def test_measurements_take_turns_without_processes_and_the_next_one_begins_when_one_ends(three):
    first, second, third = three
    with working(first, by=ADA):
        second.start(BEN)
        third.start(ADA)
        second.start(ADA)  # is there already
        assert [job.ahead() for job in three] == [None, 0, 1]
        assert second.is_live() and not second.is_at_work()
        assert "next in line" in second.told()[0] and "1 ahead of it" in third.told()[0]
        assert (first.by(), second.by()) == (ADA, BEN)
        assert not (second.result.with_suffix(".log")).exists()  # no process was started for it
    wait_until(lambda: second.result.with_suffix(".log").exists(), "the second begins by itself")
    assert second.ahead() is None and third.ahead() == 0


def test_one_that_waits_gives_up_its_place_when_it_is_stopped(three):
    first, second, third = three
    with working(first):
        second.start()
        third.start()
        second.ask_to_stop()
        assert not second.is_live() and not second.is_stop_asked() and third.ahead() == 0
        first.ask_to_stop()
        assert first.is_stop_asked()
        third.ask_to_stop()


def test_the_turn_of_one_that_was_killed_is_over(three):
    first, second, _ = three
    has_its_turn(first)
    assert not first.is_live() and first.by() is None
    second.start()
    assert second.ahead() is None and second.is_at_work()
    wait_until(lambda: "one" in second.result.with_suffix(".log").read_text(), "it is what it was to do")


def test_a_visitor_may_have_so_many_measurements(three, monkeypatch):
    monkeypatch.setenv("CAE_MAX_PER_VISITOR", "1")
    first, second, third = three
    with working(first, ("map", "one"), ADA):
        with pytest.raises(TooMany, match="map one"):
            second.start(ADA)
        second.start(BEN)
        third.start(COMMAND_LINE)
        assert [job.ahead() for job in three] == [None, 0, 1]
        second.ask_to_stop(), third.ask_to_stop()


def test_nonsense_among_the_tickets_holds_nobody_up(three):
    _, second, _ = three
    folder = cache_folder() / ".jobs"
    folder.mkdir(parents=True)
    for name, content in (("1" * 20 + ".x.json", b"{"), ("at-work.y.json", b"[]"), ("2" * 20 + ".z.json", b"\xff")):
        (folder / name).write_bytes(content)
    second.start()
    assert second.is_at_work() and not [*folder.glob("*.x.json"), *folder.glob("*.y.json"), *folder.glob("*.z.json")]


def test_thirty_measurements_of_thirty_runs_are_one_process_at_a_time(copy_tiny, monkeypatch):
    monkeypatch.setenv("CAE_MAX_JOBS", "1")
    work = [Job(cache_folder() / str(number) / "map.done", ["runs"]) for number in range(30)]
    for number, job in enumerate(work):
        job.start(owner(str(number)))
    assert sum(job.is_at_work() for job in work) == 1
    assert [job.ahead() for job in work] == [None, *range(29)]
    for job in work[1:]:
        job.ask_to_stop()
    assert not queue.waiting_jobs()
