import os
import signal
import subprocess
import sys

import pytest
from helpers import TINY, cae, environment, lines_in, options, start_cae, state_of, trained, wait_until, weights_of

from cae.disk.files import runs_folder
from cae.errors import CaeError, InvalidOption, NotResumable, RunBusy, RunExists
from cae.jobs import limits
from cae.jobs.process import ask_to_stop, last_words, resume_training, start_training
from cae.runs.run import Run

pytestmark = pytest.mark.usefixtures("small_data", "no_training_left")

ENDLESS = {"epochs": 10_000}


def start(name, **changes):
    return start_training(name, TINY, options(**changes))


def becomes(run, *states, seconds=60):
    wait_until(lambda: state_of(run) in states, f"{run.name} to be {' or '.join(states)}, not {state_of(run)}", seconds)


def has_begun(run):
    wait_until(lambda: lines_in(run.path / "progress.jsonl") > 0, f"{run.name} to begin: {last_words(run)}")
    assert state_of(run) == "running"


@pytest.mark.slow
def test_a_started_training_goes_on_by_itself_to_its_end():
    run = start("alone", epochs=3)
    assert state_of(run) in ("queued", "running")
    assert Run(run.path).is_live()
    becomes(run, "finished")
    assert weights_of(run) == weights_of(trained("here", epochs=3))
    wait_until(lambda: "alone has finished" in last_words(run), "it to say so")
    assert last_words(run).count("\n") == 3


@pytest.mark.slow
def test_a_training_outlives_the_process_that_started_it():
    code = (
        "from cae.jobs.process import start_training\nfrom cae.config import *\n"
        "start_training('orphan', ModelConfig(2, 4), TrainConfig(epochs=2, batch_size=32, train_images=96))"
    )
    subprocess.run([sys.executable, "-c", code], check=True, env=environment(), timeout=30)
    becomes(Run.open("orphan"), "finished")


@pytest.mark.slow
def test_a_name_cannot_be_started_twice():
    run = start("single", **ENDLESS)
    with pytest.raises(RunExists, match="single"):
        start("single", **ENDLESS)
    has_begun(run)
    with pytest.raises(RunBusy):
        resume_training(Run.open("single"))
    ask_to_stop(Run.open("single"))
    becomes(run, "stopped")
    with pytest.raises(CaeError, match="not being trained"):
        ask_to_stop(Run.open("single"))


@pytest.mark.slow
def test_trainings_wait_and_say_so_and_take_their_turns_in_the_order_they_came_unless_they_are_stopped():
    first = start("c-first", **ENDLESS)
    has_begun(first)
    second = start("b-second", epochs=2)
    wait_until(lambda: "waiting for c-first" in last_words(second), "second to say that it waits")
    third = start("a-third", epochs=2)
    wait_until(lambda: "waiting for c-first, b-second" in last_words(third), "third to wait for both")
    given_up = start("given-up", epochs=2)
    ask_to_stop(given_up)  # at once
    becomes(given_up, "stopped", seconds=15)
    wait_until(lambda: not given_up.is_locked(), "its process to end")
    assert state_of(given_up) == "stopped" and Run(given_up.path).summary().resumable
    assert (state_of(first), state_of(second), state_of(third)) == ("running", "queued", "queued")
    assert lines_in(second.path / "progress.jsonl") == 0
    stopped = cae("stop", "c-first")
    assert (stopped.returncode, stopped.stderr) == (0, "")
    becomes(third, "finished")
    assert (state_of(first), state_of(second)) == ("stopped", "finished")
    assert Run.open("b-second").info.finished <= Run.open("a-third").info.started


@pytest.mark.slow
def test_a_training_that_is_killed_makes_room_for_the_next_and_does_not_wait_for_itself_when_resumed():
    process = start_cae(
        "train", "--name=killed", "--latent-dim=2", "--width=4", "--epochs=9999", "--train-images=96", "--batch-size=32"
    )
    progress = runs_folder() / "killed" / "progress.jsonl"
    wait_until(lambda: lines_in(progress) > 0, "the first to begin")
    second = start("second", epochs=2)
    wait_until(lambda: "waiting for killed" in last_words(second), "second to wait")
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    becomes(second, "finished")
    killed, before = Run.open("killed"), lines_in(progress)
    assert killed.state == "stopped"
    resume_training(killed)
    wait_until(lambda: lines_in(progress) > before or last_words(killed), "it to go on, or to say something", 20)
    assert "waiting" not in last_words(killed)


@pytest.mark.slow
def test_as_many_run_side_by_side_as_the_environment_says(monkeypatch):
    monkeypatch.setenv("CAE_MAX_TRAININGS", "2")
    first, second = start("first", **ENDLESS), start("second", **ENDLESS)
    has_begun(first)
    has_begun(second)
    assert state_of(first) == "running"


def test_a_number_of_trainings_that_makes_no_sense_is_one(monkeypatch):
    numbers = {"1": 1, "3": 3, "0": 1, "-2": 1, "many": 1, "": 1, "1.5": 1}
    for value, expected in numbers.items():
        monkeypatch.setenv("CAE_MAX_TRAININGS", value)
        assert limits.most_trainings() == expected


@pytest.mark.slow
def test_a_training_that_cannot_read_its_data_says_why_in_its_state_and_its_log(no_network):
    run = start("no-data", dataset="kmnist")
    becomes(run, "failed")
    assert "kmnist" in Run.open("no-data").summary().reason
    wait_until(lambda: "kmnist" in last_words(run), "the log")
    assert "Traceback" not in last_words(run)


@pytest.mark.slow
def test_a_finished_training_resumed_for_longer_goes_on_in_a_process_of_its_own():
    run = trained("more", epochs=1)
    resume_training(run, 3)
    becomes(run, "finished")
    wait_until(lambda: Run.open("more").last_epoch() == 3, "the third epoch")
    assert weights_of(run) == weights_of(trained("at-once", epochs=3))


def test_what_cannot_be_resumed_is_refused_before_anything_starts(tiny):
    with pytest.raises(NotResumable):
        resume_training(tiny)
    with pytest.raises(InvalidOption, match="ask for more"):
        resume_training(tiny, 1)
    with pytest.raises(InvalidOption):
        resume_training(tiny, 10**9)
    assert state_of(tiny) == "finished"
    assert not (tiny.path / "log.txt").exists()


def test_the_last_words_of_a_run_that_said_nothing_are_none():
    run = Run.create("silent", TINY, options())
    assert last_words(run) == ""
    (run.path / "log.txt").write_text("\n".join(map(str, range(50))))
    assert last_words(run, 3) == "47\n48\n49"


@pytest.mark.slow
def test_of_two_who_resume_at_once_the_second_is_told_that_it_is_busy():
    run = trained("twice", epochs=1)
    first, second = run.again(), run.again()
    assert first.state == second.state == "finished"  # both have looked at it, as two open pages have
    resume_training(first, 10_000)
    with pytest.raises(RunBusy):
        resume_training(second, 10_000)
    becomes(run, "running")
    ask_to_stop(run.again())
    becomes(run, "stopped")
