"""Several processes that train one run together: started by torchrun, and by hand as torchrun starts them."""

import socket
import subprocess
import sys

import pytest
import torch
from helpers import TINY, environment, lines_in, losses_of, options, trained, wait_until, weights_of

from cae.commands.cli import main
from cae.disk.files import runs_folder
from cae.jobs.process import ask_to_stop
from cae.network.parallel import ALONE, Group
from cae.runs.run import Run

TORCHRUN = ("torch.distributed.run", "--standalone", "--nproc-per-node=2", "-m", "cae")
# The last batch has one image: none for the second process.
MUON = {"train_images": None, "validation_images": 7, "optimizer": "muon", "learning_rate": 0.003}
LONG = {**MUON, "epochs": 40, "schedule": "linear", "shift": 1.0}


def arguments(name, **changes):
    values = {**TINY.to_json(), **options(**changes).to_json()}
    flags = (f"--{option.replace('_', '-')}={value}" for option, value in values.items() if value is not None)
    return "train", f"--name={name}", *flags


def started(*command, **changes):
    return subprocess.Popen(
        [sys.executable, "-m", *command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        cwd=runs_folder().parent, env=environment(OMP_NUM_THREADS="1", **changes),
    )  # fmt: skip


def pair(*command):
    """Two processes with the environment that torchrun would give them: without it a start takes a third less."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    meeting = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port, "WORLD_SIZE": "2"}
    return [started("cae", *command, RANK=rank, LOCAL_RANK=rank, **meeting) for rank in "01"]


def to_their_end(processes, returncode=0):
    said = "".join(process.communicate(timeout=120)[0] for process in processes)
    assert {process.returncode for process in processes} == {returncode}, said
    return said


@pytest.mark.slow
@pytest.mark.parametrize("changes", [{**MUON, "optimizer": "adam"}, MUON], ids=["adam", "muon"])
def test_two_processes_give_the_losses_of_one_and_only_one_speaks(small_data, changes):
    command = arguments("two", **changes)
    said = to_their_end(pair(*command) if changes is MUON else [started(*TORCHRUN, *command)])
    one, two = trained("one", **changes), Run.open("two")
    assert said.count("epoch 2/2") == 1
    assert (two.state, two.info.device, one.again().info.device) == ("finished", "2 x cpu", "cpu")
    assert lines_in(two.path / "history.jsonl") == 2
    for mine, theirs in zip(losses_of(two), losses_of(one), strict=True):
        assert mine == pytest.approx(theirs, rel=1e-4)


@pytest.mark.slow
def test_a_stop_reaches_all_and_the_run_goes_on_to_the_same_weights(small_data):
    to_their_end(pair(*arguments("whole", **LONG)))
    processes = pair(*arguments("halves", **LONG))
    progress = runs_folder() / "halves" / "progress.jsonl"
    wait_until(lambda: lines_in(progress) > 5, "the training is under way")
    ask_to_stop(Run.open("halves"))
    assert "is stopped after" in to_their_end(processes)
    assert Run.open("halves").state == "stopped"
    to_their_end(pair("train", "--resume=halves"))
    halves, whole = Run.open("halves"), Run.open("whole")
    assert losses_of(halves) == losses_of(whole) and weights_of(halves) == weights_of(whole)


@pytest.mark.slow
def test_what_is_wrong_is_said_once_and_all_processes_end(small_data):
    assert to_their_end([started(*TORCHRUN, "train", "--name=NO")], 1).count("cae: A run cannot be called 'NO'") == 1
    assert not runs_folder().exists() or not any(runs_folder().glob("*/run.json"))


def test_a_share_is_a_part_and_all_shares_are_the_whole():
    items = torch.arange(11)
    shares = [Group(rank, 3).share(items) for rank in range(3)]
    assert sorted(torch.cat(shares).tolist()) == items.tolist()
    assert [len(share) for share in shares] == [4, 4, 3]
    assert torch.equal(ALONE.share(items), items)


def test_a_device_that_is_not_there_is_refused_in_words(small_data, monkeypatch, capsys):
    for name, device, returncode in (("a", "abacus", 2), ("b", "cuda:7", 2), ("c", "cpu", 0)):
        monkeypatch.setenv("CAE_DEVICE", device)
        assert main(arguments(name, epochs=1)) == returncode
        complaint = capsys.readouterr().err
        assert (f"CAE_DEVICE is {device!r}" in complaint) == bool(returncode)
        assert main(["delete", name]) == 0
