"""Several processes that train one run together, started as a user would: by torchrun."""

import subprocess
import sys

import pytest
import torch
from helpers import cae, environment, lines_in, losses_of, wait_until, weights_of

from cae.disk.files import runs_folder
from cae.network.parallel import ALONE, Group
from cae.runs.run import Run

OPTIONS = ("--latent-dim=4", "--width=4", "--learning-rate=0.003")


def torchrun(*arguments, processes=2):
    return subprocess.Popen(
        [sys.executable, "-m", "torch.distributed.run", f"--nproc-per-node={processes}", "--master-port=0",
         "--rdzv-backend=c10d", "--rdzv-endpoint=127.0.0.1:0", "-m", "cae", "train", *arguments],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=runs_folder().parent,
        env=environment(OMP_NUM_THREADS="1"),
    )  # fmt: skip


def to_its_end(process):
    said, _ = process.communicate(timeout=120)
    assert process.returncode == 0, said
    return said


@pytest.mark.parametrize("optimizer", ["adam", "muon"])
def test_two_processes_give_the_losses_of_one(small_data, optimizer):
    options = (*OPTIONS, "--epochs=2", "--batch-size=32", "--validation-images=7", f"--optimizer={optimizer}")
    said = to_its_end(torchrun("--name=two", *options))  # the last batch has one image: none for the second
    assert said.count("epoch 2/2") == 1, "only one process may speak"
    assert cae("train", "--name=one", *options, OMP_NUM_THREADS="1").returncode == 0
    one, two = Run.open("one"), Run.open("two")
    assert (two.state, two.info.device, one.info.device) == ("finished", "2 x cpu", "cpu")
    assert lines_in(two.path / "history.jsonl") == 2
    for mine, theirs in zip(losses_of(two), losses_of(one), strict=True):
        assert mine == pytest.approx(theirs, rel=1e-4)


def test_a_stop_reaches_all_and_the_run_goes_on_to_the_same_weights(small_data):
    options = (*OPTIONS, "--epochs=40", "--batch-size=9", "--optimizer=muon", "--schedule=linear", "--shift=1")
    to_its_end(torchrun("--name=whole", *options))
    process = torchrun("--name=halves", *options)
    progress = runs_folder() / "halves" / "progress.jsonl"
    wait_until(lambda: lines_in(progress) > 20, "the training is under way")
    assert cae("stop", "halves").returncode == 0
    assert "is stopped after" in to_its_end(process)
    assert Run.open("halves").state == "stopped"
    to_its_end(torchrun("--resume=halves"))
    assert losses_of(Run.open("halves")) == losses_of(Run.open("whole"))
    assert weights_of(Run.open("halves")) == weights_of(Run.open("whole"))


def test_what_is_wrong_is_said_once_and_all_processes_end(small_data):
    process = torchrun("--name=NO")
    said, _ = process.communicate(timeout=60)
    assert process.returncode != 0 and said.count("cae: A run cannot be called 'NO'") == 1
    assert not runs_folder().exists() or not any(runs_folder().glob("*/run.json"))


def test_a_share_is_a_part_and_all_shares_are_the_whole():
    items = torch.arange(11)
    shares = [Group(rank, 3).share(items) for rank in range(3)]
    assert sorted(torch.cat(shares).tolist()) == items.tolist()
    assert [len(share) for share in shares] == [4, 4, 3]
    assert torch.equal(ALONE.share(items), items)


def test_a_device_that_is_not_there_is_refused_in_words(small_data):
    for wrong in ("abacus", "cuda:7"):
        said = cae("train", "--name=nowhere", *OPTIONS, CAE_DEVICE=wrong)
        assert said.returncode == 2 and f"CAE_DEVICE is {wrong!r}" in said.stderr and "Traceback" not in said.stderr
        assert cae("delete", "nowhere").returncode == 0
    assert cae("train", "--name=here", "--epochs=1", *OPTIONS, CAE_DEVICE="cpu").returncode == 0
