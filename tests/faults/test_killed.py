"""kill -9, at any moment: nothing half is ever seen, nothing is lost or doubled, and what goes on ends the same."""

import contextlib
import json
import os
import shutil
import signal
import time
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest
from apps import button, opened, words
from helpers import TINY, film_of, lines_in, losses_of, options, state_of, to_the_end, trained, wait_until, weights_of
from killing import end_of, killed, moments_of, one_of_each, said, start
from safetensors.numpy import load, load_file, save_file
from visitors import PATIENCE, Server, Visitor

from cae.commands.cli import main
from cae.config import MapConfig
from cae.disk.files import cache_folder, runs_folder
from cae.disk.tensors import damage, metadata
from cae.jobs import job as jobs_job
from cae.jobs import process as jobs_process
from cae.jobs import queue, sweep
from cae.jobs.trainer import train_run
from cae.latent import evaluate, film, maps, sampling
from cae.runs import listing
from cae.runs.run import Run

pytestmark = [
    pytest.mark.usefixtures("small_data", "no_training_left"),
    pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no kill -9, and no fork, on this system"),
]

SHAPE = ("--latent-dim=3", "--width=4", "--batch-size=32", "--train-images=96")
THREE = (*SHAPE, "--epochs=3")
LONG = ("--latent-dim=3", "--width=4", "--batch-size=8", "--train-images=200", "--epochs=8")
ENDLESS = {"epochs": 10_000}


def spawning(patch, spawn) -> None:
    """Has trainings and measurements started by `spawn`."""
    for module in (jobs_process, jobs_job):
        patch.setattr(module, "spawn", spawn)


@pytest.fixture
def whole(small_data) -> Run:
    """A run of three epochs that nobody kills."""
    assert end_of(start("train", "--name=whole", *THREE)) == 0, said().read_text()
    return Run.open("whole")


def counted() -> list[str]:
    """The moments of such a training, without what is done for the first run of all."""
    return moments_of("train", "--name=counted", *THREE)


def chosen_of(moments: list[str], random: Random, rounds) -> list[int]:
    """Three moments of different kinds, or one of each kind."""
    kinds = one_of_each(moments, random)
    return rounds(random.sample(kinds, min(3, len(kinds))), kinds)


def visible(folder: Path) -> list[Path]:
    """Every file in it that does not begin with a dot, nor lies where one does."""
    return [
        path
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not any(part.startswith(".") for part in path.relative_to(folder).parts)
    ]


def is_whole(run: Run, whole: Run) -> None:
    """Whatever can be seen of a run that was cut off is complete, and is what the other, never cut off, had then."""
    done = losses_of(run)
    assert done == losses_of(whole)[: len(done)], "an epoch is lost, doubled or another"
    for path in visible(run.path):
        if path.suffix == ".safetensors":
            assert damage(path) is None, path
            load(path.read_bytes())
        if path.parent.name == "epochs":
            assert path.read_bytes() == (whole.path / "epochs" / path.name).read_bytes(), path
    if (run.path / "model.safetensors").exists():
        frame = load_file(whole.path / "epochs" / f"{run.last_epoch():04d}.safetensors")
        for name, value in run.weights().items():
            assert (value.astype("float16") == frame[name]).all(), "weights of another epoch than is said"
        assert run.record() in (None, *run.history()[run.last_epoch() - 1 :])
    run.progress()
    summary = run.summary()
    if run.info.state == "finished":
        assert (summary.state, len(done)) == ("finished", len(whole.history()))
    else:
        assert (summary.state, summary.resumable) == ("stopped", True)
        assert "cut off" in summary.reason


def is_the_same(run: Run, whole: Run) -> None:
    assert run.state == "finished"
    assert weights_of(run) == weights_of(whole)
    assert losses_of(run) == losses_of(whole)
    assert film_of(run) == film_of(whole)
    assert [record.step for record in run.progress()] == [record.step for record in whole.progress()]
    assert not list(run.path.rglob(".*.part"))


def resumed(name: str) -> Run:
    run = Run.open(name)
    if run.state != "finished":
        jobs_process.prepare_resume(run)
        to_the_end(run)
    return Run.open(name)


@pytest.mark.quick
def test_a_training_killed_at_any_moment_of_any_write_ends_as_one_never_killed(whole, rounds, survived):
    moments = counted()
    random = Random(8)
    kinds = one_of_each(moments, random)
    writes = [number for number in kinds if moments[number].startswith("half")]
    chosen = rounds(sorted({*writes, *random.sample(kinds, 4)}), range(len(moments)), writes[:1])
    again = 0
    for number in chosen:
        name, where = f"killed-{number}", f"moment {number}, {moments[number]}"
        process = start("train", f"--name={name}", *THREE, deadly=number)
        assert end_of(process) == -signal.SIGKILL, where
        if name not in listing.names():  # it was killed before there was a run
            assert not (runs_folder() / name).exists(), where
            assert end_of(start("train", f"--name={name}", *THREE)) == 0, where
        try:
            is_whole(Run.open(name), whole)
            while Run.open(name).state != "finished" and random.random() < 0.6:
                again += end_of(start("train", "--resume", name, deadly=random.randrange(len(moments)))) < 0
            is_whole(Run.open(name), whole)
            is_the_same(resumed(name), whole)
        except Exception as error:
            raise AssertionError(f"killed at {where}; seed 8") from error
    survived(f"A training killed at {len(chosen)} of its {len(moments)} changes of files, and {again} times resumed")


def test_a_training_killed_at_random_times_again_and_again_ends_as_one_never_killed(rounds, survived):
    began = time.monotonic()
    assert end_of(start("train", "--name=whole", *LONG)) == 0, said().read_text()
    seconds, whole, random = time.monotonic() - began, Run.open("whole"), Random(9)
    kills = number = 0
    wanted = rounds(4, 60)
    while kills < wanted:
        number += 1
        name, arguments = f"random-{number}", ("train", f"--name=random-{number}", *LONG)
        while kills < wanted and (name not in listing.names() or Run.open(name).state != "finished"):
            process = start(*arguments)
            time.sleep(random.uniform(0, 0.8 * seconds))
            kills += killed(process)
            if name in listing.names():
                is_whole(Run.open(name), whole)
                arguments = "train", "--resume", name
        if name in listing.names():
            is_the_same(resumed(name), whole)
    survived(f"{kills} kills at random times, in {number} trainings")


@pytest.mark.parametrize("optimizer", ["muon", "sgd"])
def test_a_killed_training_with_another_optimizer_and_augmentation_ends_the_same(optimizer, rounds, survived):
    flags = (*THREE, f"--optimizer={optimizer}", "--shift=1", "--rotation=9", "--schedule=linear")
    moments = moments_of("train", "--name=whole", *flags)
    whole, random = Run.open("whole"), Random(optimizer)
    numbers = [n for n, each in enumerate(moments) if "resume" in each or "model" in each]
    chosen = random.sample(numbers, rounds(2, len(numbers)))
    for number in chosen:
        assert end_of(start("train", f"--name=killed-{number}", *flags, deadly=number)) < 0
        is_the_same(resumed(f"killed-{number}"), whole)
    survived(f"{len(chosen)} kills of a training with {optimizer}, a schedule and augmentation")


def test_a_training_killed_while_its_long_curve_is_thinned_keeps_the_curve():
    """A run of long ago, one line short of the most that the curve may have."""
    run = Run.create("long", TINY, options(batch_size=1, epochs=2, train_images=100))
    for event in train_run(run):
        if getattr(event, "step", 0) == 10:
            jobs_process.ask_to_stop(run)
    tensors = load_file(run.path / "resume.safetensors")
    tensors["counters"][2] = 9900
    save_file(tensors, run.path / "resume.safetensors")
    line = '{"step":%d,"epoch":%f,"train_mse":0.1,"seconds":0.0,"images_per_second":1.0}\n'
    steps = (1, *range(5, 9901, 5))
    (run.path / "progress.jsonl").write_text("".join(line % (step, step / 1e5) for step in steps))
    shutil.copytree(run.path, runs_folder() / "killed")
    moments = moments_of("train", "--resume=long")
    whole = Run.open("long")
    thinned = [n for n, each in enumerate(moments) if each == "rename to progress.jsonl"][1:]
    assert thinned, "the curve was thinned"
    assert len(whole.progress()) < 1100
    for number in (thinned[0] - 3, thinned[0] - 1, thinned[0], thinned[0] + 1):
        name = f"killed-{number}"
        shutil.copytree(runs_folder() / "killed", runs_folder() / name)
        assert end_of(start("train", "--resume", name, deadly=number)) == -signal.SIGKILL
        assert len(Run.open(name).progress()) <= 2000
        is_the_same(resumed(name), whole)


def test_what_the_state_counts_on_is_on_the_disk_before_the_state_is():
    """Or a power cut could keep the state of an epoch and lose its record."""
    moments = moments_of("train", "--name=whole", *THREE)
    since: list[str] = []
    commits = 0
    for each in moments:
        since.append(each)
        if each == "rename to resume.safetensors":
            written = {other.removeprefix("half of ") for other in since if other.startswith("half of ")}
            written -= {"progress.jsonl"}  # the curve may lose what the system had not written yet
            assert written <= {other.removeprefix("sync ") for other in since}, since
            commits += "half of history.jsonl" in since
            since = []
    assert commits == 3


def test_a_run_cut_off_when_all_was_done_but_said_can_still_finish(whole):
    """It had all its epochs, so there was nothing to resume, and it was not finished either."""
    moments = counted()
    last = len(moments) - 1 - moments[::-1].index("rename to run.json")
    after = len(moments) - moments[::-1].index("half of history.jsonl")
    for name, number in (("unsaid", last), ("uncommitted", after)):
        assert end_of(start("train", f"--name={name}", *THREE, deadly=number)) < 0
        run = Run.open(name)
        assert (run.state, run.last_epoch(), run.summary().resumable) == ("stopped", 3, True)
        jobs_process.prepare_resume(run.again(), 3)  # as the page asks
        is_the_same(resumed(name), whole)


def test_a_request_to_stop_that_outlives_its_process_does_not_stop_the_next(whole, monkeypatch):
    process = start("train", "--name=killed", *THREE, deadly=counted().index("half of history.jsonl"))
    assert end_of(process) < 0
    (runs_folder() / "killed" / "stop").touch()
    assert end_of(start("train", "--resume=killed")) == 0
    is_the_same(Run.open("killed"), whole)

    work = maps.job(whole, MapConfig())
    spawning(monkeypatch, lambda *_: None)  # killed as soon as it was born
    work.start()
    work.ask_to_stop()
    aged(work.result.with_suffix(".starting"))
    assert end_of(start("map", "whole")) == 0, said().read_text()
    assert maps.found(whole, MapConfig())[0].is_finished


JOBS = {
    "map": (lambda run: maps.job(run, MapConfig()), lambda run: maps.found(run, MapConfig())),
    "film of maps": (film.job, film.kept),
    "set of priors": (sampling.job, sampling.kept),
    "judgement": (evaluate.job, evaluate.kept),
}


def results(folder: Path) -> dict[str, object]:
    """What can be seen in a cache, by file, without what a clock says and what belongs to processes."""
    found: dict[str, object] = {}
    for path in visible(folder):
        if path.name.startswith("points-"):
            continue  # which whoever looks for a result may compute
        content, name = path.read_bytes(), str(path.relative_to(folder))
        if path.name.startswith("map-"):
            if path.suffix == ".safetensors":
                found[name] = json.loads(metadata(content)["map"]) | {"positions": load(content)["positions"].tobytes()}
                found[name].pop("seconds", None)
        elif path.suffix in (".json", ".safetensors", ".npy"):
            found[name] = json.loads(content) if path.suffix == ".json" else content
    return found


def aged(path: Path) -> None:
    with contextlib.suppress(FileNotFoundError):
        os.utime(path, (time.time() - 60,) * 2)


@pytest.mark.parametrize("kind", JOBS)
def test_work_killed_at_any_moment_says_so_and_started_again_gives_the_same(kind, whole, rounds, survived, monkeypatch):
    job_of, kept = JOBS[kind]
    spawned, journal = [], runs_folder().with_name("journal")
    how, work = {"journal": journal}, job_of(whole)

    def spawn(given, log):
        log.touch()
        spawned.append(start(*given, log=log, **how))

    spawning(monkeypatch, spawn)
    work.start()
    assert end_of(spawned[-1]) == 0
    moments, expected = journal.read_text().splitlines(), results(cache_folder())
    assert expected and kept(whole)
    chosen = chosen_of(moments, Random(kind), rounds)
    for number in chosen:
        where = f"killed at moment {number}, {moments[number]}; seed {kind!r}"
        shutil.rmtree(cache_folder())
        before = 0 if ".now" in moments[number] else moments[:number].count(moments[number])  # shown by the clock
        how = {"deadly": (moments[number], before)}
        work.start()
        assert end_of(spawned[-1]) == -signal.SIGKILL, where
        aged(work.result.with_suffix(".starting"))
        assert not work.is_live() and work.told() is None, where
        half = results(cache_folder())
        assert half == {name: expected[name] for name in half}, where
        if kept(whole) is None:
            assert work.failure().startswith("It was cut off"), where
        how = {}
        work.start()
        assert end_of(spawned[-1]) == 0, where
        assert results(cache_folder()) == expected, where
        assert kept(whole) is not None and work.failure() == "", where
        assert not list(work.result.parent.glob(f".{work.result.stem}.*.part")), where
    survived(f"The process that makes a {kind} killed at {len(chosen)} of its {len(moments)} changes of files")


def test_a_map_that_is_started_again_does_not_show_how_far_the_killed_one_was(whole, monkeypatch):
    work = maps.job(whole, MapConfig())
    assert end_of(start("map", "whole", deadly=("half of .map-all-30-0.safetensors.part", 0))) < 0
    assert maps.snapshot(whole, MapConfig()) is not None
    spawning(monkeypatch, lambda arguments, log: log.touch())
    work.start()
    assert maps.snapshot(whole, MapConfig()) is None


def test_half_files_in_the_cache_and_among_the_runs_are_cleared_away_when_they_are_old(tiny, monkeypatch):
    assert end_of(start("map", "tiny", "--points=50")) != 0  # codes of two numbers are their own map
    folder = cache_folder() / tiny.weights_hash()
    old, new = folder / ".evaluation.json.1-a.part", folder / ".probing.json.2-b.part"
    unmade, making = runs_folder() / ".new-1", runs_folder() / ".new-2"
    for path in (old, new, unmade / "x", making / "x"):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"half")
    for path in (old, unmade):
        os.utime(path, (time.time() - 1e6,) * 2)
    assert end_of(start("map", "tiny", "--film")) is not None
    Run.create("another", TINY, options())
    assert [path.exists() for path in (old, new, unmade, making)] == [False, True, False, True]


def test_a_sweep_killed_at_any_moment_goes_on_with_the_same_command(rounds, survived, tmp_path, monkeypatch):
    command = ("sweep", "--latent-dim=2,3", "--width=4", "--batch-size=32", "--train-images=96", "--epochs=2")
    moments = moments_of(*command)

    def reached():
        (file,) = runs_folder().glob(f"*{sweep.SUFFIX}")
        found = sweep.read(file)
        points = [
            (point.value, point.state, [replace(record, seconds=0, images_per_second=0) for record in point.history])
            for point in found.points
        ]
        return points, found.pca, [weights_of(Run.open(point.run)) for point in found.points]

    whole, random, all_kills = reached(), Random(10), 0
    chosen = chosen_of(moments, random, rounds)
    for number in chosen:
        where = f"killed at moment {number}, {moments[number]}; seed 10"
        for name in ("CAE_CHECKPOINTS", "CAE_CACHE"):
            monkeypatch.setenv(name, str(tmp_path / f"{name}-{number}"))
        assert end_of(start(*command, deadly=number)) == -signal.SIGKILL, where
        for path in runs_folder().glob(f"*{sweep.SUFFIX}"):
            sweep.read(path)
        kills = 1
        while kills < 4 and end_of(start(*command, deadly=random.randrange(len(moments)))) < 0:
            kills += 1
        all_kills += kills
        assert end_of(start(*command)) == 0, (where, said().read_text()[-1000:])
        assert reached() == whole, where
    survived(f"A sweep killed {all_kills} times, first at {len(chosen)} of its {len(moments)} changes of files")


def test_the_dashboard_is_killed_and_the_training_goes_on_and_the_next_one_shows_it(
    chromium, tmp_path, small_data, own_static_folder
):
    server = Server(tmp_path, CAE_DATA=str(small_data))
    try:
        context = chromium.new_context(viewport={"width": 1400, "height": 900})
        page = Visitor(context, server).opens("/train")
        page.get_by_text("Options", exact=True).click()
        for label, value in (("Epochs", "10000"), ("Training images", "96")):
            field = page.get_by_role("spinbutton", name=label, exact=True)
            field.fill(value)
            field.press("Enter")
            page.locator('[data-testid="stApp"][data-test-script-state="notRunning"]').wait_for(timeout=PATIENCE)
        page.get_by_role("textbox", name="Run name").fill("orphan")
        page.get_by_role("button", name="Start training").click()
        run = server.run("orphan")
        history = run.path / "history.jsonl"
        wait_until(lambda: lines_in(history) > 0, "the first epoch")
        context.close()
        os.kill(server.process.pid, signal.SIGKILL)
        server.process.wait(20)
        before = lines_in(history)
        wait_until(lambda: lines_in(history) > before + 5, "it to go on")
        app = opened("train", run="orphan")
        for label in ("Stop", "Yes, stop orphan"):
            button(app, label).click().run()
        wait_until(lambda: state_of(run) == "stopped", "it to stop")
        assert [record.epoch for record in run.again().history()] == list(range(1, run.again().last_epoch() + 1))
    finally:
        server.process.kill()


def test_after_a_reboot_lock_files_and_markers_that_nobody_holds_say_nothing():
    """Also where they name a process whose number another program has by now."""
    whole = trained("whole", epochs=3)
    assert end_of(start("train", "--name=booted", *THREE, deadly=counted().index("half of history.jsonl"))) < 0
    shutil.rmtree(runs_folder() / "booted")
    run = Run.create("booted", TINY, options(epochs=3))
    next(event for event in train_run(run) if getattr(event, "step", 0) == 4)
    path, run = run.path, Run.open("booted")
    assert run.info.state == "running"
    alive = f"{os.getpid()}\n{os.uname().nodename}\n"
    for lock in (path / "train.lock", path / "run.lock", runs_folder() / ".queue" / "slot-0.lock"):
        lock.write_text(alive)
    (path / "starting").touch()
    aged(path / "starting")
    assert (state_of(run), run.summary().resumable) == ("stopped", True)
    for skew in (-3600, 3600):  # a clock that was set meanwhile
        os.utime(path / "starting", (time.time() + skew,) * 2)
        assert state_of(run) == "stopped"
    run = resumed("booted")
    assert weights_of(run) == weights_of(whole)


def have_begun(found):
    """The processes of these runs train, or have joined the queue."""
    for run in found:
        wait_until(lambda run=run: not (run.path / "starting").exists(), f"the process of {run.name} to begin")


@pytest.fixture
def forked(monkeypatch):
    """Trainings are started as processes that can be killed; gives all there were."""
    processes = []
    spawning(monkeypatch, lambda arguments, log: processes.append(start(*arguments, log=log)))
    yield processes
    for process in processes:
        if process.is_alive():
            killed(process)


ORDER = ["d-first", "b-second", "c-third", "a-fourth"]


def cut_off(forked):
    found = [jobs_process.start_training(name, TINY, options(**ENDLESS)) for name in ORDER]
    wait_until(lambda: lines_in(found[0].path / "progress.jsonl") > 0, "the first one to train")
    wait_until(lambda: all("waiting" in jobs_process.last_words(run) for run in found[1:]), "the others to wait")
    assert [run.name for run in queue.waiting_runs()] == ORDER[1:]
    for process in reversed(forked):
        assert killed(process)
    assert [state_of(run) for run in found] == ["stopped"] * 4
    assert all(run.summary().resumable for run in map(Run.open, ORDER))
    forked.clear()
    return found


def in_their_turn(found):
    """The runs are trained in their old order: each is stopped as soon as it trains."""
    for run in found:
        before = lines_in(run.path / "progress.jsonl")
        wait_until(lambda run=run: state_of(run) == "running", f"{run.name}; {jobs_process.last_words(run)}")
        running = [other.name for other in found if state_of(other) == "running"]
        wait_until(lambda run=run, n=before: lines_in(run.path / "progress.jsonl") > n, "it to train")
        assert running == [run.name]
        assert [other.name for other in queue.waiting_runs()] == [other.name for other in found[found.index(run) + 1 :]]
        jobs_process.ask_to_stop(run.again())


@pytest.mark.parametrize("order", [None, (0, 3, 1, 2)])
def test_a_queue_is_taken_up_after_a_reboot_in_the_order_it_had(forked, capsys, order):
    """By the command that resumes all, or one by one in any order."""
    cut_off_runs = cut_off(forked)
    assert [run.name for run in queue.cut_off()] == ORDER
    if order is None:
        assert main(["resume"]) == 0
        assert capsys.readouterr().out.split(" is resumed.\n")[:-1] == ORDER
        assert queue.cut_off() == []
    else:
        for number in order:
            jobs_process.resume_training(cut_off_runs[number].again())
        have_begun(cut_off_runs)
    in_their_turn(cut_off_runs)
    assert main(["resume"]) == 0
    assert capsys.readouterr().out == "Nothing was cut off.\n"


def test_a_waiting_run_that_is_taken_up_alone_does_not_wait_for_those_that_are_not(forked):
    found = cut_off(forked)
    jobs_process.resume_training(found[2].again())
    wait_until(lambda: state_of(found[2]) == "running", jobs_process.last_words(found[2]))
    assert [run.name for run in queue.cut_off()] == ["d-first", "b-second", "a-fourth"]
    found[1].again().delete()
    assert [run.name for run in queue.cut_off()] == ["d-first", "a-fourth"]


def test_trainings_take_their_turns_as_they_were_started_though_a_process_is_slow(forked, monkeypatch):
    """The second one's process begins only when the third one waits already."""
    late = []
    first = jobs_process.start_training("first", TINY, options(**ENDLESS))
    wait_until(lambda: lines_in(first.path / "progress.jsonl") > 0, "the first one to train")
    with monkeypatch.context() as patch:
        spawning(patch, lambda arguments, log: late.append((arguments, log)))
        second = jobs_process.start_training("second", TINY, options(**ENDLESS))
    third = jobs_process.start_training("third", TINY, options(**ENDLESS))
    wait_until(lambda: "waiting for first, second" in jobs_process.last_words(third), jobs_process.last_words(third))
    forked.extend(start(*arguments, log=log) for arguments, log in late)
    in_their_turn([first, second, third])


def test_the_page_shows_the_order_of_those_that_wait_and_takes_up_those_that_were_cut_off(
    forked, own_static_folder, monkeypatch
):
    cut_off(forked)
    asked = []
    with monkeypatch.context() as patch:
        spawning(patch, lambda arguments, log: asked.append((arguments, log)))
        app = opened("train", run="b-second")
        assert "d-first, b-second, c-third and a-fourth" in words(app)
        button(app, "Resume them all").click().run()
        assert not app.exception, app.exception
        assert "were cut off" not in words(app)
    forked.extend(start(*arguments, log=log) for arguments, log in asked)
    wait_until(lambda: state_of(Run.open("d-first")) == "running", "the first one to train")
    have_begun(map(Run.open, ORDER))

    from views.train.table import row

    rows = [row(Run.open(name).summary(), [run.name for run in queue.waiting_runs()]) for name in ORDER]
    assert [each["reason"] for each in rows] == [
        "", "next in the queue", "in the queue after b-second", "in the queue after c-third",
    ]  # fmt: skip
