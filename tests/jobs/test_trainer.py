import errno
import os
import shutil
import signal
import subprocess
import sys

import numpy as np
import pytest
from helpers import (
    TINY,
    environment,
    film_of,
    left_behind,
    lines_in,
    losses_of,
    options,
    start_cae,
    state_of,
    to_the_end,
    trained,
    wait_until,
    weights_of,
)
from safetensors.numpy import load_file, save_file

from cae.config import OPTIMIZERS, ModelConfig
from cae.data.images import load
from cae.disk.files import runs_folder
from cae.errors import CaeError, Damaged, DataUnavailable, Diverged, RunBusy
from cae.evaluation.errors import evaluate
from cae.jobs.process import ask_to_stop, is_stop_asked, prepare_resume
from cae.jobs.trainer import train_run
from cae.network.records import EpochRecord, Progress
from cae.network.training import TrainState, train
from cae.runs.run import Run
from cae.steps import result_of

pytestmark = pytest.mark.usefixtures("small_data", "no_training_left")


def stopped_at(name, step, model=TINY, **changes) -> Run:
    """A run that was asked to stop when it had taken `step` steps."""
    run = Run.create(name, model, options(**changes))
    for event in train_run(run):
        if isinstance(event, Progress) and event.step == step:
            ask_to_stop(run)
    return Run.open(name)


def resumed(run, epochs=None) -> Run:
    run = Run.open(run.name)
    prepare_resume(run, epochs)
    to_the_end(run)
    return Run.open(run.name)


def assert_same(one, other):
    assert weights_of(one) == weights_of(other)
    assert losses_of(one) == losses_of(other)
    assert film_of(one) == film_of(other)
    assert [record.step for record in one.progress()] == [record.step for record in other.progress()]


def test_training_yields_what_happens_and_writes_it_down():
    run = Run.create("whole", TINY, options(validation_images=50))
    events = list(train_run(run))
    assert [event.step for event in events if isinstance(event, Progress)] == [1, 2, 3, 4, 5, 6]
    records = [event for event in events if isinstance(event, EpochRecord)]
    run = Run.open("whole")
    assert run.state == "finished"
    for kept, said in zip(run.history(), records, strict=True):
        assert (kept.epoch, kept.step) == (said.epoch, said.step)
        assert kept.test_mse == pytest.approx(said.test_mse, rel=1e-6)
        assert kept.validation_mse == pytest.approx(said.validation_mse, rel=1e-6)
    assert run.epochs() == [0, 1, 2]
    assert {path.name for path in run.path.iterdir()} - {"train.lock", "run.lock"} == {
        "run.json", "history.jsonl", "progress.jsonl", "model.safetensors", "resume.safetensors", "epochs",
    }  # fmt: skip
    state, (train_set, test_set) = (
        TrainState.fresh(TINY, options()),
        (load("mnist", split) for split in ("train", "test")),
    )
    list(train(state.model, train_set.pixels[:96], test_set.pixels, options(), state=state))
    for name, value in state.model.state_dict().items():
        assert np.array_equal(run.weights()[name], value.numpy()), name


def test_the_same_seed_gives_the_same_run_and_another_seed_another():
    one, same, other = trained("one", seed=3), trained("same", seed=3), trained("other", seed=4)
    assert_same(one, same)
    assert weights_of(one) != weights_of(other)


def test_each_frame_of_the_film_is_the_model_after_that_epoch():
    run = trained("film", epochs=3)
    for epochs in (1, 2):
        shorter = trained(f"film-{epochs}", epochs=epochs)
        for name, value in run.weights(epochs).items():
            np.testing.assert_array_equal(value, shorter.weights()[name].astype(np.float16).astype(np.float32))


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("changes", [{}, {"schedule": "linear", "shift": 1.0, "rotation": 9.0, "scaling": 9.0}])
@pytest.mark.parametrize("step", [1, 4, 6, 9])
def test_a_stopped_and_resumed_run_ends_with_the_same_weights_as_one_never_stopped(optimizer, changes, step):
    whole = trained("whole", optimizer=optimizer, epochs=3, **changes)
    run = stopped_at("halves", step, optimizer=optimizer, epochs=3, **changes)
    assert run.state == "stopped"
    assert run.last_epoch() == (step - 1) // 3
    run = resumed(run)
    assert run.state == "finished"
    assert_same(run, whole)


@pytest.mark.slow
def test_a_stop_is_obeyed_within_one_batch_and_a_run_in_training_is_not_trained_by_another():
    run = Run.create("obedient", TINY, options(epochs=50))
    events = train_run(run)
    next(events), next(events)
    for trained_twice in (lambda again: next(train_run(again)), prepare_resume):
        with pytest.raises(RunBusy, match="obedient"):
            trained_twice(Run.open("obedient"))
    assert state_of(run) == "running"
    ask_to_stop(run)
    assert list(events) == [] and not is_stop_asked(run)


def test_a_run_stopped_or_let_go_of_again_and_again_still_ends_the_same():
    whole = trained("whole", epochs=3)
    run = stopped_at("pieces", 1, epochs=3)
    for step in (2, 4, 5, 7, 8):
        prepare_resume(run)
        events = train_run(run)
        for event in events:
            if isinstance(event, Progress) and event.step == step:
                events.close() if step == 5 else ask_to_stop(run)
        run = Run.open("pieces")
        assert run.state == "stopped"
    assert_same(resumed(run), whole)


def test_training_longer_or_shorter_than_planned_equals_having_trained_that_long_at_once():
    run = trained("longer", epochs=2)
    with pytest.raises(CaeError, match="2 epochs"):
        prepare_resume(run)
    with pytest.raises(CaeError, match="ask for more"):
        prepare_resume(run, 2)
    run, shorter = resumed(run, 4), resumed(stopped_at("shorter", 4, epochs=50), 4)
    whole = trained("at-once", epochs=4)
    for each in (run, shorter):
        assert (each.state, each.info.train.epochs) == ("finished", 4)
        assert_same(each, whole)


CRASHES = {
    "before anything of it was written": (),
    "after the frame": ("epochs/0002.safetensors",),
    "after the weights": ("epochs/0002.safetensors", "model.safetensors"),
    "after the history": ("epochs/0002.safetensors", "model.safetensors", "history.jsonl"),
}


@pytest.mark.parametrize("written", CRASHES.values(), ids=CRASHES)
def test_a_crash_while_an_epoch_is_being_written_changes_nothing(written):
    """The resume state is of the first epoch, some files already of the second."""
    whole = trained("whole", epochs=3)
    early, late = trained("early", epochs=1), trained("late", epochs=2)
    for file in (*written, "progress.jsonl"):
        shutil.copy(late.path / file, early.path / file)
    early.update(state="running", train=options(epochs=3))
    assert state_of(early) == "stopped"
    list(train_run(Run.open("early")))
    assert_same(Run.open("early"), whole)


def test_torn_last_lines_are_written_anew_and_what_a_killed_process_left_half_written_is_cleared_away():
    whole = trained("whole", epochs=3)
    run = stopped_at("torn", 7, epochs=3)
    parts = [run.path / ".model.safetensors.1.part", run.path / "epochs" / ".0001.safetensors.1.part"]
    for path in parts:
        path.write_bytes(b"half")
    for file in ("history.jsonl", "progress.jsonl"):
        with open(run.path / file, "ab") as opened:
            opened.write(b'{"epoch":3,"st')
    assert_same(resumed(run), whole)
    assert not any(path.exists() for path in parts)


@pytest.mark.parametrize(
    ("optimizer", "kills"), [("adam", (15, 60)), ("adamw", (30,)), ("sgd", (45,)), ("muon", (30,))]
)
@pytest.mark.slow
def test_a_run_killed_again_and_again_ends_with_the_same_weights_as_one_never_killed(optimizer, kills):
    changes = {"optimizer": optimizer, "epochs": 12, "batch_size": 2, "train_images": 100}
    flags = [f"--{name.replace('_', '-')}={value}" for name, value in changes.items()]
    command = ["--name", "killed", "--latent-dim", "2", "--width", "4", *flags]
    path = runs_folder() / "killed"
    for lines in kills:
        process = start_cae("train", *command)
        try:
            wait_until(lambda: lines_in(path / "progress.jsonl") >= lines, f"{lines} lines of progress", 20)  # noqa: B023
            assert process.poll() is None, "it ended before it could be killed"
        finally:
            os.kill(process.pid, signal.SIGKILL)
            process.communicate()
        assert Run(path).state == "stopped"
        assert Run(path).summary().resumable
        command = ["--resume", "killed"]
    assert_same(resumed(Run(path)), trained("whole", **changes))


def test_a_loss_that_is_no_number_fails_with_the_reason_and_keeps_the_last_epoch():
    run = trained("nan", epochs=1)
    before = weights_of(run)
    path = run.path / "resume.safetensors"
    tensors = load_file(path)
    tensors["model.encoder.0.weight"][:] = 3e38
    save_file(tensors, path)
    run.update(train=options(epochs=3))
    with pytest.raises(Diverged, match="smaller learning rate"):
        list(train_run(Run.open("nan")))
    run = Run.open("nan")
    assert run.state == "failed"
    assert "smaller learning rate" in run.summary().reason
    assert weights_of(run) == before
    run.model()


def test_a_damaged_resume_state_is_named_and_nothing_else_is_lost():
    run, other = stopped_at("damaged-resume", 4), stopped_at("that", 4, model=ModelConfig(3, 4))
    before = weights_of(run), losses_of(run)
    path = run.path / "resume.safetensors"
    whole, of_another = path.read_bytes(), (other.path / path.name).read_bytes()
    for content in (whole[:-9], b"", b"x" * 5000, of_another):
        path.write_bytes(content)
        words = "another model" if content is of_another else r"damaged-resume/resume\.safetensors"
        with pytest.raises(Damaged, match=words):
            list(train_run(Run.open(run.name)))
        run = Run.open(run.name)
        assert run.state == "failed"
        assert "resume.safetensors" in run.summary().reason
        assert (weights_of(run), losses_of(run)) == before


def test_a_run_without_its_data_fails_with_the_reason_and_can_be_resumed_when_the_cause_is_gone(
    no_network, monkeypatch
):
    for name, changes, words in (
        ("no-data", {"dataset": "kmnist"}, "kmnist"),
        ("many", {"train_images": 5000}, "not enough"),
    ):
        with pytest.raises(CaeError, match=words):
            list(train_run(Run.create(name, TINY, options(**changes))))
        assert Run.open(name).state == "failed" and words in Run.open(name).summary().reason
    run = Run.create("again", TINY, options())
    with monkeypatch.context() as patch:
        patch.setenv("CAE_DATA", str(runs_folder() / "again" / "run.json"))
        with pytest.raises(DataUnavailable):
            list(train_run(run))
    assert state_of(run) == "failed"
    run = resumed(run)
    assert (run.state, run.summary().reason) == ("finished", "")
    assert_same(run, trained("straight"))


LIMITED = """
import resource, sys
from cae.commands.cli import main
limit = int(sys.argv[1])
resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
sys.exit(main(sys.argv[2:]))
"""


def limited(limit, *arguments):
    """The command line in a process none of whose files may grow beyond `limit` bytes."""
    return subprocess.run(
        [sys.executable, "-c", LIMITED, str(limit), *arguments],
        capture_output=True, text=True, timeout=60, env=environment(), check=False,
    )  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("epochs", [2, 0])
def test_a_file_that_cannot_be_written_fails_the_run_and_leaves_the_last_epoch_intact(epochs):
    whole = trained("whole", epochs=4)
    size = (whole.path / "resume.safetensors").stat().st_size
    assert (whole.path / "model.safetensors").stat().st_size < size - 1000
    run = trained("full", epochs=epochs) if epochs else Run.create("full", TINY, options())
    run.update(train=options(epochs=4))
    failed = limited(size - 1000, "train", "--resume", "full")
    assert failed.returncode == 2 and failed.stderr.count("\n") == 1
    assert "could not be written" in failed.stderr and os.strerror(errno.EFBIG) in failed.stderr
    run = Run.open("full")
    assert run.state == "failed" and run.summary().resumable
    assert "could not be written" in run.summary().reason
    if epochs:
        assert run.last_epoch() >= epochs and run.model()
    assert not list(run.path.rglob("*.part"))
    assert_same(resumed(run), whole)


@pytest.fixture
def small_disk(tmp_path, monkeypatch):
    """A disk of 3 MB, and a function that makes it larger."""
    place = tmp_path / "disk"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", str(place)]
    try:
        done = subprocess.run(mount, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        pytest.skip("there is no mount command")
    if done.returncode:
        pytest.skip(f"a small disk cannot be mounted here: {done.stderr.strip()}")
    monkeypatch.setenv("CAE_CHECKPOINTS", str(place))
    yield lambda: subprocess.run(["mount", "-o", "remount,size=30m", str(place)], check=True)
    subprocess.run(["umount", str(place)], check=True)


@pytest.mark.slow
def test_a_full_disk_stops_the_run_with_the_reason_and_it_goes_on_when_there_is_room(small_disk, tmp_path, monkeypatch):
    run = Run.create("full", ModelConfig(), options(epochs=8))
    with pytest.raises(CaeError, match="disk is full"):
        list(train_run(run))
    run = Run.open("full")
    assert run.state == "failed"
    assert "disk is full" in run.summary().reason
    done = run.last_epoch()
    assert 1 <= done < 8
    run.model()
    small_disk()
    run = resumed(run)
    assert run.state == "finished"
    monkeypatch.setenv("CAE_CHECKPOINTS", str(tmp_path / "elsewhere"))
    whole = trained("whole", ModelConfig(), epochs=8)
    assert_same(run, whole)


def test_a_run_cannot_be_created_on_a_full_disk_and_leaves_nothing(small_disk):
    (runs_folder() / "filler").write_bytes(b"")
    with open(runs_folder() / "filler", "wb", buffering=0) as file, pytest.raises(OSError):
        while True:
            file.write(b"x" * 4096)
    with pytest.raises(CaeError):
        Run.create("new", TINY, options())
    assert left_behind() == {"filler"}


def test_progress_is_the_mean_loss_of_the_steps_since_the_line_before():
    run = Run.create("curve", TINY, options(epochs=2, batch_size=8))
    steps = [event.train_mse for event in train_run(run) if isinstance(event, Progress)]
    lines = run.progress()
    assert [line.step for line in lines] == [1, 5, 10, 15, 20]
    expected = [np.mean(part) for part in (steps[:1], steps[1:5], steps[5:10], steps[10:15], steps[15:20])]
    np.testing.assert_allclose([line.train_mse for line in lines], expected, rtol=1e-6)


@pytest.mark.slow
def test_progress_never_grows_beyond_2000_lines_and_still_covers_everything():
    """A run of long ago that has taken 9,900 steps is trained 200 further."""
    run = stopped_at("long", 96, batch_size=1, epochs=3)
    tensors = load_file(run.path / "resume.safetensors")
    tensors["counters"][2] = 9900
    save_file(tensors, run.path / "resume.safetensors")
    line = '{"step":%d,"epoch":0.5,"train_mse":0.1,"seconds":1.0,"images_per_second":1.0}\n'
    (run.path / "progress.jsonl").write_text("".join(line % step for step in (1, *range(5, 9901, 5))))
    longest = 0
    for _ in train_run(run):
        longest = max(longest, lines_in(run.path / "progress.jsonl"))
    steps = [line.step for line in run.progress()]
    assert 1000 <= len(steps) < longest <= 2000
    assert steps == list(range(10, steps[-1] + 1, 10))
    assert steps[-1] > 10_080


@pytest.mark.parametrize("latent_dim", [1, 256])
def test_the_smallest_and_the_largest_code_train_save_and_evaluate(latent_dim):
    run = trained("size", ModelConfig(latent_dim, 4), epochs=1)
    assert run.state == "finished"
    assert run.weights()["encoder.5.weight"].shape == (latent_dim, 392)
    evaluation = result_of(evaluate(run))
    assert evaluation.overall.mse == pytest.approx(run.history()[-1].test_mse, rel=1e-4)
    assert evaluation.latent_dim == latent_dim
