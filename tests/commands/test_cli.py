import io
import json
import os
import signal
import sys
import zipfile

import pytest
from helpers import (
    NO_NETWORK,
    TINY,
    cae,
    environment,
    left_behind,
    lines_in,
    losses_of,
    options,
    start_cae,
    state_of,
    trained,
    wait_until,
    weights_of,
)

from cae.commands.cli import main
from cae.disk.files import runs_folder
from cae.runs.owners import owner
from cae.runs.run import Run

pytestmark = pytest.mark.usefixtures("small_data", "no_training_left")

SMALL = ("--latent-dim=2", "--width=4", "--epochs=2", "--batch-size=32", "--train-images=96")


@pytest.fixture
def run_main(capsys):
    """The command line in this process: its exit code, what it said, and what it complained of."""

    def run(*arguments):
        capsys.readouterr()
        try:
            code = main([str(argument) for argument in arguments])
        except SystemExit as ended:
            code = ended.code
        said = capsys.readouterr()
        return code, said.out, said.err

    return run


def assert_one_sentence(code, out, err):
    assert code == 2
    assert err.count("\n") == 1, err
    assert err.endswith("\n")
    assert len(err.strip()) > 10
    assert "Traceback" not in err
    assert out == ""


BAD = {
    "no command": [],
    "an unknown command": ["dance"],
    "an unknown flag": ["runs", "--loudly"],
    "train without a name": ["train"],
    "a name that climbs": ["train", "--name", "../x"],
    "a name of 200 characters": ["train", "--name", "x" * 200],
    "a name with a slash": ["train", "--name", "a/b"],
    "a name of Windows": ["train", "--name", "con"],
    "a name in capitals": ["train", "--name", "Run"],
    "an empty name": ["train", "--name", ""],
    "a name of two lines": ["train", "--name", "a\nb"],
    "a name with a line break at its end": ["train", "--name", "a\n"],
    "an unknown recipe": ["train", "--name", "new", "--recipe", "cake"],
    "zero epochs": ["train", "--name", "new", "--epochs", "0"],
    "negative epochs": ["train", "--name", "new", "--epochs", "-3"],
    "absurd epochs": ["train", "--name", "new", "--epochs", "1000000000"],
    "epochs without end": ["train", "--name", "new", "--epochs", "9" * 400],
    "epochs that Python will not read": ["train", "--name", "new", "--epochs", "9" * 5000],
    "half an epoch": ["train", "--name", "new", "--epochs", "0.5"],
    "epochs in words": ["train", "--name", "new", "--epochs", "many"],
    "epochs of nothing": ["train", "--name", "new", "--epochs", ""],
    "epochs that are no number": ["train", "--name", "new", "--epochs", "nan"],
    "batches of none": ["train", "--name", "new", "--batch-size", "0"],
    "batches beyond the data": ["train", "--name", "new", "--batch-size", "60001"],
    "no learning": ["train", "--name", "new", "--learning-rate", "0"],
    "unlearning": ["train", "--name", "new", "--learning-rate", "-0.1"],
    "infinite learning": ["train", "--name", "new", "--learning-rate", "inf"],
    "an absurd learning rate": ["train", "--name", "new", "--learning-rate", "1e9"],
    "no latent dimension": ["train", "--name", "new", "--latent-dim", "0"],
    "too many latent dimensions": ["train", "--name", "new", "--latent-dim", "257"],
    "no width": ["train", "--name", "new", "--width", "0"],
    "an absurd width": ["train", "--name", "new", "--width", "100000"],
    "an unknown activation": ["train", "--name", "new", "--activation", "step"],
    "an unknown optimizer": ["train", "--name", "new", "--optimizer", "magic"],
    "an unknown data set": ["train", "--name", "new", "--dataset", "cifar"],
    "no images": ["train", "--name", "new", "--train-images", "0"],
    "more images than there are": ["train", "--name", "new", "--train-images", "60001"],
    "nothing left to train on": ["train", "--name", "new", "--validation-images", "60000"],
    "more images than are left": ["train", "--name", "new", "--train-images", "60000", "--validation-images", "1"],
    "a negative seed": ["train", "--name", "new", "--seed", "-1"],
    "resume what is not there": ["train", "--resume", "absent"],
    "resume what is finished": ["train", "--resume", "tiny"],
    "resume to fewer epochs": ["train", "--resume", "tiny", "--epochs", "1"],
    "resume to absurd epochs": ["train", "--resume", "tiny", "--epochs", "1000000000"],
    "resume with another model": ["train", "--resume", "tiny", "--width", "8"],
    "resume with another seed": ["train", "--resume", "tiny", "--epochs", "3", "--seed", "8"],
    "resume under another name": ["train", "--resume", "tiny", "--name", "new"],
    "an existing name": ["train", "--name", "tiny"],
    "stop what is not there": ["stop", "absent"],
    "stop what does not run": ["stop", "tiny"],
    "stop nothing": ["stop"],
    "stop what is no name": ["stop", "../tiny"],
    "import nothing": ["import", "--name", "new"],
    "import what is not there": ["import", "absent.zip", "--name", "new"],
    "import a folder": ["import", ".", "--name", "new"],
    "import without a name": ["import", __file__],
    "import what is no archive": ["import", __file__, "--name", "new"],
    "import under an existing name": ["import", __file__, "--name", "tiny"],
    "evaluate what is not there": ["evaluate", "absent"],
    "evaluate what has no weights": ["evaluate", "young"],
    "delete what is not there": ["delete", "absent"],
    "pack what is not there": ["pack", "absent"],
    "pack to nowhere": ["pack", "tiny", "--out", "/no/such/folder/tiny.zip"],
    "ship what is not finished": ["ship", "young"],
}  # fmt: skip


@pytest.mark.parametrize("arguments", BAD.values(), ids=BAD)
def test_what_is_wrong_is_said_in_one_sentence(run_main, tiny, arguments):
    Run.create("young", TINY, options())
    before = left_behind()
    assert_one_sentence(*run_main(*arguments))
    assert left_behind() == before
    assert state_of(tiny) == "finished"
    assert Run.open("tiny").info.train.epochs == 2


@pytest.mark.parametrize(
    "name", ["an existing name", "an unknown flag", "no latent dimension", "stop what does not run", "no command"]
)
def test_a_process_of_its_own_says_the_same(tiny, name):
    done = cae(*BAD[name])
    assert_one_sentence(done.returncode, done.stdout, done.stderr)


def test_a_whole_number_written_with_a_point_trains_or_is_refused(run_main):
    code, out, err = run_main("train", "--name=point", "--latent-dim=2", "--width=4", "--epochs=1", "--batch-size=32.0",
                              "--train-images=96")  # fmt: skip
    if code:
        assert_one_sentence(code, out, err)
        assert left_behind() == set()
    else:
        assert state_of(Run.open("point")) == "finished"


def test_a_checkpoints_folder_that_cannot_be_made_is_one_sentence(run_main, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("CAE_CHECKPOINTS", str(tmp_path / "file" / "runs"))
    assert_one_sentence(*run_main("train", "--name", "new", *SMALL))


@pytest.mark.parametrize("damage", ["truncated", "missing", "not finite"])
def test_evaluating_damaged_weights_is_one_sentence(run_main, tiny, damage):
    path = tiny.path / "model.safetensors"
    if damage == "truncated":
        path.write_bytes(path.read_bytes()[:-9])
    elif damage == "missing":
        path.unlink()
    else:
        path.write_bytes(path.read_bytes()[:-4] + b"\xff\xff\xff\x7f")
    code, out, err = run_main("evaluate", "tiny", "--json")
    assert "tiny" in err
    assert_one_sentence(code, out, err)


@pytest.mark.slow
def test_training_on_data_that_are_not_there_is_one_sentence():
    done = cae("train", "--name", "kana", "--dataset", "kmnist", *SMALL, **NO_NETWORK)
    assert "kmnist" in done.stderr
    assert "KMNIST/raw" in done.stderr
    assert_one_sentence(done.returncode, done.stdout, done.stderr)
    assert state_of(Run.open("kana")) == "failed"


def test_a_read_only_laboratory_says_so(run_main, tiny, tmp_path, monkeypatch):
    file = tmp_path / "weights"
    file.write_bytes(weights_of(tiny))
    monkeypatch.setenv("CAE_READ_ONLY", "1")
    for arguments in (
        ("train", "--name", "new"), ("train", "--resume", "tiny", "--epochs", "3"), ("stop", "tiny"),
        ("delete", "tiny"), ("import", file, "--name", "new"), ("ship", "tiny"),
        ("train", "--started", "--resume", "tiny"),
    ):  # fmt: skip
        code, out, err = run_main(*arguments)
        assert_one_sentence(code, out, err)
        assert "read-only" in err
    assert run_main("runs")[0] == 0
    assert left_behind() == {"tiny"}


# -- train


def test_training_without_a_terminal_says_a_plain_line_an_epoch(run_main):
    code, out, err = run_main("train", "--name", "plain", *SMALL, "--validation-images=50")
    assert (code, err) == (0, "")
    lines = out.splitlines()
    assert len(lines) == 3
    assert "\x1b" not in out
    assert "\r" not in out
    for number, record in enumerate(Run.open("plain").history(), start=1):
        assert lines[number - 1].startswith(f"epoch {number}/2")
        for value in (record.train_mse, record.test_mse, record.validation_mse):
            assert f"{value:.4f}" in lines[number - 1]
    assert "plain has finished" in lines[2]


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="there are no pseudo-terminals")
def test_training_on_a_terminal_shows_a_bar(tmp_path):
    import pty
    import subprocess

    leader, follower = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "cae", "train", "--name", "bar", *SMALL], stdout=follower, stderr=subprocess.PIPE,
        env=environment(TERM="xterm", COLUMNS="120"), cwd=tmp_path, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    os.close(follower)
    shown = b""
    try:
        while part := os.read(leader, 4096):
            shown += part
    except OSError:  # how Linux says that the other end is closed
        pass
    os.close(leader)
    _, error = process.communicate(timeout=60)
    assert (process.returncode, error) == (0, b"")
    assert b"\x1b[" in shown
    assert "━".encode() in shown
    assert b"images/s" in shown
    assert b"bar has finished" in shown


def test_the_flags_are_the_options_of_the_run(run_main):
    code, _, err = run_main(
        "train", "--name=flags", "--recipe=glance", "--dataset=mnist", "--epochs=1", "--batch-size=50",
        "--learning-rate=0.01", "--optimizer=sgd", "--latent-dim=3", "--width=2", "--activation=gelu",
        "--train-images=100", "--validation-images=10", "--seed=7", "--weight-decay=0.1", "--schedule=linear",
        "--shift=1", "--rotation=2.5", "--scaling=3",
    )  # fmt: skip
    assert (code, err) == (0, "")
    info = Run.open("flags").info
    assert info.model.to_json() == {"latent_dim": 3, "width": 2, "activation": "gelu"}
    assert info.train.to_json() == {
        "dataset": "mnist", "epochs": 1, "batch_size": 50, "learning_rate": 0.01, "optimizer": "sgd",
        "train_images": 100, "validation_images": 10, "seed": 7, "weight_decay": 0.1, "schedule": "linear",
        "shift": 1, "rotation": 2.5, "scaling": 3,
    }  # fmt: skip
    assert info.recipe == "glance"


def test_the_help_names_every_option(run_main):
    code, out, _ = run_main("train", "--help")
    assert code == 0
    for flag in ("recipe", "epochs", "batch-size", "learning-rate", "optimizer", "latent-dim", "width", "activation",
                 "train-images", "validation-images", "seed", "dataset", "resume", "name"):  # fmt: skip
        assert f"--{flag}" in out
    code, out, _ = run_main("--help")
    assert code == 0
    assert all(command in out for command in ("train", "stop", "runs", "import", "evaluate"))


@pytest.mark.slow
def test_control_c_stops_and_the_run_can_be_resumed_to_the_same_end(run_main):
    endless = [flag for flag in SMALL if "epochs" not in flag]
    process = start_cae("train", "--name", "broken-off", *endless, "--epochs=9999")
    path = runs_folder() / "broken-off"
    wait_until(lambda: lines_in(path / "history.jsonl") >= 2 or process.poll() is not None, "two epochs")
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (0, "")
    assert "broken-off is stopped" in out
    assert "--resume broken-off" in out
    run = Run.open("broken-off")
    assert run.state == "stopped"
    total = run.last_epoch() + 2
    code, _, err = run_main("train", "--resume", "broken-off", "--epochs", total)
    assert (code, err) == (0, "")
    assert losses_of(Run.open("broken-off")) == losses_of(whole := trained("whole", epochs=total))
    assert weights_of(Run.open("broken-off")) == weights_of(whole)


@pytest.mark.slow
def test_stop_ends_a_training_and_says_how_far_it_came():
    endless = [flag for flag in SMALL if "epochs" not in flag]
    process = start_cae("train", "--name", "stopped", *endless, "--epochs=9999")
    wait_until(
        lambda: lines_in(runs_folder() / "stopped" / "history.jsonl") >= 1 or process.poll() is not None, "epoch"
    )
    done = cae("stop", "stopped")
    assert (done.returncode, done.stderr) == (0, "")
    assert f"stopped after {Run.open('stopped').last_epoch()} whole epochs" in done.stdout
    _, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (0, "")


# -- the other commands


def test_runs_lists_every_run_with_what_matters(run_main, tiny):
    Run.create("young", TINY, options())
    (runs_folder() / "ruin").mkdir()
    code, out, err = run_main("runs")
    assert (code, err) == (0, "")
    rows = {line.split()[0]: line for line in out.splitlines()}
    assert "finished" in rows["tiny"]
    assert "2/2" in rows["tiny"]
    assert f"{tiny.summary().best_mse:.4f}" in rows["tiny"]
    assert "latent dimensions 2" in rows["tiny"]
    assert "0/2" in rows["young"]
    assert "damaged" in rows["ruin"]
    assert "run.json" in rows["ruin"]


def test_runs_as_json_is_json(run_main, tiny):
    (runs_folder() / "ruin").mkdir()
    code, out, err = run_main("runs", "--json")
    assert (code, err) == (0, "")
    found = {each["name"]: each for each in json.loads(out)}
    assert found["tiny"]["state"] == "finished"
    assert found["tiny"]["epochs_done"] == 2
    assert found["tiny"]["best_mse"] == tiny.summary().best_mse
    assert found["tiny"]["differs"]["width"] == 4
    assert found["ruin"]["state"] == "damaged"


def test_runs_into_a_closed_pipe_ends_quietly(tiny):
    import subprocess

    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(
        [sys.executable, "-m", "cae", "runs", "--json"], stdout=writer, stderr=subprocess.PIPE, env=environment(),
        check=False,
    )  # fmt: skip
    os.close(writer)
    assert b"Traceback" not in done.stderr


def test_evaluate_as_json_has_every_figure(run_main, tiny):
    code, out, _ = run_main("evaluate", "tiny", "--json")
    assert code == 0
    values = json.loads(out)
    assert values["test_mse"] == pytest.approx(tiny.history()[-1].test_mse, rel=1e-5)
    assert values["test_mse_unit"] == values["test_mse"] / 4
    assert 0 < values["psnr"] < 60
    assert -1 <= values["ssim"] <= 1
    assert [each["class"] for each in values["per_class"]] == list(range(10))
    for each in values["per_class"]:
        assert set(each) >= {"class", "count", "mse", "psnr", "ssim"}
    assert sum(each["count"] for each in values["per_class"]) == 100
    mean = sum(each["count"] * each["mse"] for each in values["per_class"]) / 100
    assert mean == pytest.approx(values["test_mse"], rel=1e-5)
    assert set(values["baselines"]) == {"mean_image", "pca"}
    assert values["baselines"]["mean_image"] > values["baselines"]["pca"] > 0


def test_evaluate_in_words_says_the_same_figures(run_main, tiny):
    values = json.loads(run_main("evaluate", "tiny", "--json")[1])
    code, out, err = run_main("evaluate", "tiny")
    assert (code, err) == (0, "")
    for text in (f"{values['test_mse']:.4f}", f"{values['test_mse_unit']:.5f}", f"{values['psnr']:.2f} dB", "PCA-2"):
        assert text in out


@pytest.mark.slow
def test_a_real_evaluation_on_all_of_mnist_has_the_known_baselines(run_main, tiny, monkeypatch):
    monkeypatch.delenv("CAE_DATA")
    values = json.loads(run_main("evaluate", "tiny", "--json")[1])
    assert [each["count"] for each in values["per_class"]] == [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]
    assert f"{values['baselines']['mean_image']:.3f}" == "0.270"
    assert values["images"] == 10_000


def test_pack_import_and_delete_move_a_run(run_main, tiny, tmp_path):
    file = tmp_path / "moved.zip"
    code, out, err = run_main("pack", "tiny", "--out", file)
    assert (code, out.strip(), err) == (0, str(file), "")
    assert zipfile.is_zipfile(file)
    assert run_main("import", file, "--name", "moved")[0] == 0
    assert weights_of(Run.open("moved")) == weights_of(tiny)
    assert run_main("delete", "tiny")[0] == 0
    assert left_behind() == {"moved"}


@pytest.mark.parametrize(("answer", "left"), [("y\n", set()), ("n\n", {"tiny"}), ("\n", {"tiny"}), ("", {"tiny"})])
def test_in_a_terminal_deletion_asks_and_says_whose_run_it_is(run_main, tiny, monkeypatch, answer, left):
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    monkeypatch.setattr(sys, "stdin", Terminal(answer))
    tiny.update(by=owner("a secret", "Ada"))
    code, out, _ = run_main("delete", "tiny")
    assert "Delete tiny" in out and "started by “Ada”" in out
    assert code == len(left) and left_behind() == left
    if left:
        assert run_main("delete", "tiny", "--yes")[0] == 0 and not left_behind()


def test_missions_are_listed_and_a_file_that_is_wrong_is_named(run_main, monkeypatch, tmp_path):
    code, out, err = run_main("missions")
    assert code == 0 and "Which two digits does the network confuse most?" in out and not err
    (tmp_path / "bad.toml").write_text("title = 3", encoding="utf-8")
    monkeypatch.setenv("CAE_MISSIONS", str(tmp_path))
    code, out, err = run_main("missions")
    assert code == 1 and not out and "bad.toml: title" in err


def test_ship_says_the_size(run_main, tiny):
    code, out, _ = run_main("ship", "tiny")
    assert code == 0
    assert "MB" in out
    assert Run.open("tiny").info.shipped
