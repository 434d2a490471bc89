import hashlib
import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from helpers import PROJECT, TINY, environment, left_behind, options, state_of, wait_until, weights_of

from cae.config import ModelConfig
from cae.disk.files import runs_folder
from cae.errors import CaeError, Damaged, InvalidName, NotResumable, ReadOnly, RunBusy, RunExists, RunNotFound
from cae.network.model import ConvAutoencoder
from cae.runs import listing
from cae.runs.names import check_name
from cae.runs.run import Run
from cae.runs.summary import Summary
from cae.runs.weights import write_weights
from cae.steps import result_of

BAD_NAMES = [
    "", " ", "../x", "..", ".", ".hidden", "a/b", "a\\b", "/etc", "-x", "x" * 65, "x" * 200, "Upper", "é", "a b",
    "a_b", "a.b", "x\n", "x\0", "con", "prn", "aux", "nul", "com1", "lpt9", "runs*", "~", "١",
]  # fmt: skip
GOOD_NAMES = ["a", "0", "x" * 64, "my-run-2", "console", "com", "con-1", "9-"]


def listed() -> dict[str, Summary]:
    """The summaries of the test's own runs, by name."""
    own = {path.name for path in runs_folder().iterdir()}
    return {each.name: each for each in listing.summaries() if each.name in own}


@pytest.mark.parametrize("name", BAD_NAMES)
def test_a_name_that_is_none_is_refused_wherever_it_enters(name):
    for enter in (check_name, Run.open, lambda name: Run.create(name, TINY, options())):
        with pytest.raises(InvalidName) as caught:
            enter(name)
        assert "\n" not in str(caught.value)
        assert len(str(caught.value)) < 250
    assert left_behind() == set()


def test_a_proper_name_is_taken_and_given_only_once():
    for name in GOOD_NAMES:
        assert Run.create(name, TINY, options(seed=1)).path == runs_folder() / name
        with pytest.raises(RunExists, match=f"'{name}'"):
            Run.create(name, TINY, options(seed=2))
        assert Run.open(name).info.train == options(seed=1)
    assert left_behind() == set(GOOD_NAMES)
    with pytest.raises(RunNotFound, match=rf"'absent'.*{GOOD_NAMES[-1]}"):
        Run.open("absent")


@pytest.mark.slow
def test_of_processes_and_their_threads_that_create_the_same_name_exactly_one_wins(tmp_path):
    code = (
        "import sys, pathlib, time, threading\n"
        "from cae.runs.run import Run\nfrom cae.config import *\nfrom cae.errors import RunExists\n"
        "def create():\n"
        "    for number in range(30):\n"
        "        try: Run.create(f'race-{number}', ModelConfig(), TrainConfig()); print(number)\n"
        "        except RunExists: pass\n"
        "threads = [threading.Thread(target=create) for _ in range(4)]\n"
        "pathlib.Path(sys.argv[1]).touch()\n"
        "while not pathlib.Path('go').exists(): time.sleep(0.0005)\n"
        "for thread in threads: thread.start()\n"
    )
    ready = [tmp_path / f"ready-{number}" for number in range(2)]
    started = [
        subprocess.Popen(
            [sys.executable, "-c", code, str(path)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            cwd=tmp_path, env=environment(),
        )
        for path in ready
    ]  # fmt: skip
    wait_until(lambda: all(path.exists() for path in ready), "both to be ready")
    (tmp_path / "go").touch()
    said = [process.communicate(timeout=60) for process in started]
    assert [error for _, error in said] == ["", ""]
    assert sorted(int(number) for output, _ in said for number in output.split()) == list(range(30))
    assert left_behind() == {f"race-{number}" for number in range(30)}


def test_a_free_name_is_the_stem_or_the_next_number():
    assert listing.free_name("run") == "run"
    Run.create("run", TINY, options())
    assert listing.free_name("run") == "run-2"
    Run.create("run-2", TINY, options())
    assert listing.free_name("run") == "run-3"
    Run.create("y" * 64, TINY, options())
    Run.create(listing.free_name("y" * 64), TINY, options())


def test_a_run_keeps_what_it_was_created_with_and_can_be_started_later():
    run = Run.create("kept", ModelConfig(3, 4, "gelu"), options(seed=7), recipe="glance", note="why not")
    info, summary = Run.open("kept").info, run.summary()
    assert (info.model, info.train) == (ModelConfig(3, 4, "gelu"), options(seed=7))
    assert (info.recipe, info.note, info.shipped) == ("glance", "why not", False)
    assert json.loads((runs_folder() / "kept" / "run.json").read_text())["format"] == 1
    assert (run.state, summary.resumable, summary.epochs_done, summary.best_mse) == ("stopped", True, 0, None)


def test_a_run_is_live_while_its_lock_is_held_and_cut_off_when_it_is_not(tiny):
    for state in ("queued", "running"):
        tiny.update(state=state)
        with tiny.lock():
            assert state_of(tiny) == state
            assert Run(tiny.path).summary().state == state
            for forbidden in (Run(tiny.path).require_idle, tiny.delete):
                with pytest.raises(RunBusy, match="tiny"):
                    forbidden()
        assert state_of(tiny) == "stopped" and tiny.history()
        assert "cut off" in Run(tiny.path).summary().reason
    for state, reason in (("stopped", ""), ("finished", ""), ("failed", "because")):  # and one that ended says how
        tiny.update(state=state, reason=reason)
        assert (state_of(tiny), tiny.summary().reason) == (state, reason)


def test_the_trained_run_is_finished_and_has_all_its_parts(tiny):
    assert tiny.state == "finished"
    assert [record.epoch for record in tiny.history()] == [1, 2]
    assert [record.step for record in tiny.history()] == [3, 6]
    assert tiny.epochs() == [0, 1, 2]
    assert tiny.last_epoch() == 2
    info = tiny.info
    assert info.created <= info.started <= info.finished
    assert info.versions["torch"] == torch.__version__.split("+")[0]
    assert info.threads == torch.get_num_threads()
    held = [record.validation_mse for record in tiny.history()]
    summary = tiny.summary()
    assert summary.best_mse == min(held)
    assert (summary.epochs_done, summary.epochs, summary.resumable) == (2, 2, True)
    assert dict(summary.differs)["latent dimensions"] == 2


def test_the_weights_are_those_of_the_file_and_the_model_uses_them(tiny):
    from safetensors.numpy import load_file

    raw = load_file(tiny.path / "model.safetensors")
    model = tiny.model()
    assert not model.training
    assert not any(parameter.requires_grad for parameter in model.parameters())
    for name, value in model.state_dict().items():
        assert np.array_equal(value.numpy(), raw[name])
        assert np.array_equal(tiny.weights(2)[name], raw[name])


def test_the_film_begins_before_the_first_step_and_an_epoch_that_was_not_kept_is_said_to_be_missing(tiny):
    untrained = ConvAutoencoder(TINY, torch.Generator().manual_seed(0))
    for mine, first in zip(tiny.model(0).parameters(), untrained.parameters(), strict=True):
        torch.testing.assert_close(mine, first.detach(), atol=1e-3, rtol=1e-3)
    assert not torch.allclose(tiny.model(0).encoder[0].weight, tiny.model().encoder[0].weight, atol=1e-4)
    with pytest.raises(RunNotFound, match="epoch 7 was not kept"):
        tiny.weights(7)
    young = Run.create("young", TINY, options())
    for ask in (young.weights, Run.open("young").weights_hash):
        with pytest.raises(RunNotFound, match="not finished an epoch"):
            ask()


def test_the_hash_changes_with_the_weights_and_with_nothing_else_and_a_copied_folder_is_a_copied_run(tiny, copy_tiny):
    other = copy_tiny("other")
    assert other.history() == tiny.history() and other.state == "finished" and set(listed()) == {"tiny", "other"}
    assert tiny.weights_hash() == other.weights_hash() == hashlib.sha256(weights_of(tiny)).hexdigest()
    tiny.annotate("new words")
    assert tiny.weights_hash() == other.weights_hash()
    shutil.copy(other.path / "epochs" / "0000.safetensors", other.path / "model.safetensors")
    assert tiny.weights_hash() != other.weights_hash()


def test_a_note_is_kept_on_one_line_and_short_and_a_deleted_run_is_gone_and_its_name_free(tiny):
    tiny.annotate("  two\nlines   and\ttabs ✓ ")
    assert Run.open("tiny").info.note == "two lines and tabs ✓"
    tiny.annotate("x" * 1000)
    assert len(Run.open("tiny").info.note) == 500
    assert Run.open("tiny").history() == tiny.history()
    tiny.delete()
    assert left_behind() == set()
    with pytest.raises(RunNotFound):
        Run.open("tiny")
    Run.create("tiny", TINY, options())


def test_a_shipped_run_is_neither_deleted_nor_annotated_nor_resumed_nor_is_one_without_its_resume_state(tiny):
    tiny.update(shipped=True)
    with pytest.raises(ReadOnly, match="comes with the project"):
        tiny.delete()
    with pytest.raises(ReadOnly):
        tiny.annotate("mine")
    with pytest.raises(NotResumable):
        tiny.require_resumable()
    assert not tiny.summary().resumable
    tiny.update(shipped=False)
    (tiny.path / "resume.safetensors").unlink()
    with pytest.raises(NotResumable, match=r"resume\.safetensors is missing"):
        tiny.require_resumable()
    assert not tiny.summary().resumable


def rewrite(**changes):
    def change(run):
        path = run.path / "run.json"
        path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))

    return change


def put(file, content):
    return lambda run: (run.path / file).write_bytes(content)


def half(file):
    def change(run):
        content = (run.path / file).read_bytes()
        (run.path / file).write_bytes(content[: len(content) // 2])

    return change


def remove(*files, then=lambda path: None):
    def change(run):
        for path in (run.path / file for file in files):
            shutil.rmtree(path) if path.is_dir() else path.unlink()
            then(path)

    return change


def spoil_line(number, old, new):
    def change(run):
        path = run.path / "history.jsonl"
        lines = path.read_text().splitlines()
        lines[number] = lines[number].replace(old, new)
        path.write_text("".join(line + "\n" for line in lines))

    return change


DAMAGE = {
    "no run.json": remove("run.json"),
    "an empty folder": remove(".", then=Path.mkdir),
    "an empty run.json": put("run.json", b""),
    "half a run.json": half("run.json"),
    "a run.json that is a list": put("run.json", b"[]"),
    "a run.json of bytes": put("run.json", bytes(range(256))),
    "a run.json nested without end": put("run.json", b"[" * 100_000),
    "a run.json that is a folder": remove("run.json", then=Path.mkdir),
    "a newer format": rewrite(format=2),
    "a format that is a word": rewrite(format="new"),
    "a field from nowhere": rewrite(colour="red"),
    "a state from nowhere": rewrite(state="dancing"),
    "a model that is none": rewrite(model={"latent_dim": 0}),
    "a model that is a word": rewrite(model="big"),
    "a training with an unknown option": rewrite(train={"lr": 1}),
    "a training with a number without end": rewrite(train={"epochs": 10**400}),
    "a note that is a number": rewrite(note=3),
    "a creation without a date": rewrite(created="yesterday"),
    "half the weights": half("model.safetensors"),
    "empty weights": put("model.safetensors", b""),
    "foreign weights": put("model.safetensors", b"\x80\x04 something else entirely"),
    "no weights": remove("model.safetensors"),
    "a line of words": spoil_line(0, "{", "hello {"),
    "a loss that is no number": spoil_line(0, '"train_mse":', '"train_mse":NaN,"x":'),
    "a loss below zero": spoil_line(1, '"train_mse":', '"train_mse":-'),
    "a step without end": spoil_line(1, '"step":', '"step":' + "9" * 400),
    "a history of bytes": put("history.jsonl", bytes(range(256)) + b"\n"),
    "a history that is a folder": remove("history.jsonl", then=Path.mkdir),
}


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE)
def test_a_damaged_run_is_listed_as_such_with_its_name_and_the_others_are_well(copy_tiny, damage):
    run = copy_tiny("broken")
    copy_tiny("healthy")
    damage(run)
    found = listed()
    assert found["broken"].state == "damaged"
    assert "broken" in found["broken"].reason
    assert "\n" not in found["broken"].reason
    assert not found["broken"].resumable
    assert found["healthy"].state == "finished"
    Run.open("broken").delete()
    assert left_behind() == {"healthy"}


def test_a_run_half_deleted_is_listed_and_never_raises(copy_tiny):
    """Whatever part of the folder goes first."""
    whole = copy_tiny("whole")
    files = [path.relative_to(whole.path) for path in whole.path.rglob("*") if path.is_file()]
    for number, file in enumerate(files):
        (copy_tiny(f"without-{number}").path / file).unlink()
    found = listed()
    assert len(found) == len(files) + 1
    for number, file in enumerate(files):
        essential = str(file) in ("run.json", "model.safetensors")
        assert (found[f"without-{number}"].state == "damaged") == essential, file


def test_the_newest_run_is_listed_first_and_what_is_no_run_is_not(copy_tiny):
    for number, name in enumerate(("old", "new", "middle")):
        copy_tiny(name).update(created=f"2030-01-0{(1, 3, 2)[number]}T00:00:00+00:00")
    (runs_folder() / "a-file").write_text("x")
    (runs_folder() / ".new-1234").mkdir()
    (runs_folder() / "Not A Run").mkdir()
    (runs_folder() / "dangling").symlink_to("nowhere")
    assert list(listed()) == ["new", "middle", "old"]


def test_weights_that_are_no_numbers_or_of_another_shape_are_not_loaded(tiny):
    spoiled = tiny.weights()
    spoiled["encoder.0.bias"][0] = np.nan
    write_weights(tiny.path / "model.safetensors", spoiled, TINY)
    with pytest.raises(Damaged, match=r"tiny/model\.safetensors.*not finite"):
        tiny.model()
    assert "tiny" in listed()
    rewrite(model=ModelConfig(5, 4).to_json())(tiny)
    with pytest.raises(CaeError, match=r"tiny/model\.safetensors"):
        Run.open("tiny").model()


def test_a_torn_last_line_is_left_out_and_another_that_is_damaged_is_named_as_is_a_newer_format(tiny):
    before = tiny.history(), tiny.progress()
    for file in ("history.jsonl", "progress.jsonl"):
        with open(tiny.path / file, "ab") as opened:
            opened.write(b'{"epoch":3,"step":9,"tra')
    assert (tiny.history(), tiny.progress()) == before
    assert tiny.summary().state == "finished"
    spoil_line(1, "{", "")(tiny)
    with pytest.raises(Damaged, match=r"Line 2 of tiny/history\.jsonl"):
        tiny.history()
    rewrite(format=2)(tiny)
    with pytest.raises(Damaged, match="newer version"):
        _ = Run.open("tiny").info


def test_nothing_can_be_changed_in_a_read_only_laboratory(tiny, monkeypatch):
    from cae.exports.shipping import ship
    from cae.exports.zip import pack
    from cae.imports.run import import_file
    from cae.jobs.process import ask_to_stop, resume_training, start_training
    from cae.jobs.trainer import train_run

    content = pack(tiny)
    before = {path: path.read_bytes() for path in runs_folder().rglob("*") if path.is_file()}
    monkeypatch.setenv("CAE_READ_ONLY", "1")
    for forbidden in (
        lambda: Run.create("new", TINY, options()),
        lambda: start_training("new", TINY, options()),
        lambda: import_file(content, "new"),
        lambda: resume_training(tiny, 3),
        lambda: ask_to_stop(tiny),
        lambda: tiny.annotate("x"),
        lambda: result_of(ship(tiny)),
        tiny.delete,
    ):
        with pytest.raises(ReadOnly, match="read-only"):
            forbidden()
    with pytest.raises(ReadOnly):
        next(train_run(tiny), None)
    assert {path: path.read_bytes() for path in runs_folder().rglob("*") if path.is_file()} == before
    assert tiny.model() is not None
    assert set(listed()) == {"tiny"}


def test_a_checkpoints_folder_that_cannot_be_made_gives_a_sentence(tmp_path, monkeypatch):
    for value in ("", "0"):  # it is not read-only
        monkeypatch.setenv("CAE_READ_ONLY", value)
        assert Run.create(f"allowed{value}", TINY, options()).name == f"allowed{value}"
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("CAE_CHECKPOINTS", str(tmp_path / "file" / "runs"))
    assert {each.name for each in listing.summaries()} <= {path.name for path in (PROJECT / "checkpoints").glob("*")}
    with pytest.raises(CaeError):
        Run.create("new", TINY, options())


def test_shipped_runs_are_found_wherever_one_keeps_ones_own(tmp_path):
    shipped = [path.parent.name for path in (PROJECT / "checkpoints").glob("*/run.json")]
    names = {each.name for each in listing.summaries()}
    assert set(shipped) <= names
    with pytest.raises(RunExists):
        Run.create(shipped[0], TINY, options())


def test_a_run_at_an_epoch_has_the_weights_of_then_and_what_is_measured_of_them(tiny):
    past = tiny.at(0)
    assert past.epoch == 0 and past.name == tiny.name
    assert past.weights_file() == tiny.path / "epochs" / "0000.safetensors"
    assert past.weights_hash() != tiny.weights_hash()
    for name, value in past.weights().items():
        np.testing.assert_array_equal(value, tiny.weights(0)[name])
    assert past.record() is None and tiny.at(1).record() == tiny.history()[0] and tiny.record() == tiny.history()[-1]
    assert past.arguments() == ["tiny", "--epoch=0"] and tiny.arguments() == ["tiny"]
    assert tiny.at(2).epoch is None and tiny.at(1).at(None).epoch is None, "at its last epoch it is the run"
    assert tiny.at(2).weights_hash() == tiny.weights_hash()
    assert tiny.weights_file(2) == tiny.path / "model.safetensors"
    with pytest.raises(RunNotFound, match="has not kept epoch 9; there are: 0, 1, 2"):
        tiny.at(9)
    with pytest.raises(RunNotFound, match="not kept epoch -1"):
        tiny.at(-1)
