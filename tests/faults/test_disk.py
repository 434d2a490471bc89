"""A disk that is full, closed or broken at any write: a sentence, nothing half, nothing lost, and it goes on."""

import contextlib
import errno
import io
import os
import random
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from disks import BROKEN, FORBIDDEN, FULL, QUOTA, READ_ONLY, contents, refusing, room_for, unfinished
from helpers import TINY, environment, film_of, losses_of, options, to_the_end, trained, weights_of
from PIL import Image

from cae.commands import cli
from cae.config import MapConfig, ModelConfig
from cae.data import catalogue
from cae.disk.files import data_folder, runs_folder
from cae.errors import CaeError, Unwritable
from cae.exports import zip
from cae.imports import dataset
from cae.imports.run import import_file
from cae.jobs import process, sweep
from cae.latent import evaluate, film, maps, sampling
from cae.latent.explore import latent_space, to_bytes
from cae.runs import listing
from cae.runs.run import Run
from cae.steps import result_of

# of each: what the system says, and whether everything after the first refusal is refused as well
FAULTS = [(FULL, False), (FULL, True), (READ_ONLY, True), (QUOTA, False), (FORBIDDEN, False), (BROKEN, False)]
MAP = MapConfig(perplexity=5)


@dataclass(frozen=True)
class Work:
    """Something that writes: what has to be there, the work, what is there when it is done, and how it is gone on."""

    name: str
    do: Callable[[], object]
    found: Callable[[], object]  # equal after every success
    ready: Callable[[], object] = lambda: None
    again: Callable[[], object] | None = None
    full: int = 40  # writes that are refused by each kind of fault, in the full form; at most so many
    short: int = 2


@pytest.fixture
def place(tmp_path, copy_tiny, monkeypatch):
    shutil.copytree(data_folder(), tmp_path / "data")
    monkeypatch.setenv("CAE_DATA", str(tmp_path / "data"))
    monkeypatch.setattr(sys, "executable", shutil.which("true"))  # a process that is started does nothing
    monkeypatch.chdir(tmp_path)
    (tmp_path / "pictures").mkdir()
    for number in range(24):
        shade = np.full((28, 28), 10 * number, np.uint8)
        Image.fromarray(shade).save(tmp_path / "pictures" / f"{number:02d}.png")
    dataset.import_data(tmp_path / "pictures", "before")
    copy_tiny("tiny")
    copy_tiny("other")
    trained("deep", ModelConfig(latent_dim=3, width=2))  # codes that can be laid out in the plane
    shutil.copytree(tmp_path, tmp_path.parent / f"{tmp_path.name}-kept")
    return tmp_path


def renew(place: Path) -> None:
    for path in place.iterdir():
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    shutil.copytree(place.parent / f"{place.name}-kept", place, dirs_exist_ok=True)


def outcome(work: Callable[[], object]) -> str | None:
    """What is said where it fails, None where it does not; the commands say it on stderr."""
    said = io.StringIO()
    try:
        with contextlib.redirect_stderr(said), contextlib.redirect_stdout(io.StringIO()):
            code = work()
    except CaeError as error:
        return str(error)
    if code != 2:
        return None
    assert "Traceback" not in said.getvalue()
    return said.getvalue().strip().splitlines()[-1].removeprefix("cae: ")


def survives(work: Work, place: Path, most: int, faults: Sequence[tuple[int, bool]]) -> tuple[int, int]:
    """Refuses writes of a work; how many, and how often it was done all the same."""
    tries = done = 0
    renew(place)
    work.ready()
    with refusing(place, None, BROKEN) as disk:
        assert outcome(work.do) is None
    expected = work.found()
    for code, lasts in faults:
        count = disk.count - disk.spared * (code in (FULL, QUOTA))
        seed = random.Random(f"{work.name} {code} {lasts}")
        for number in sorted(seed.sample(range(1, count + 1), min(count, most))):
            renew(place)
            work.ready()
            bystanders = contents(runs_folder() / "other"), contents(data_folder() / "own" / "before")
            with refusing(place, number, code, lasts=lasts) as refused:
                said = outcome(work.do)
            where = f"{work.name}: {errno.errorcode[code]} at {number} of {count}, {refused.refused[:1]}: {said}"
            tries += bool(refused.refused)
            done += bool(refused.refused) and said is None
            kept_from = ("os.remove", "os.rmdir", "os.rename") if lasts else ("os.remove", "os.rmdir")
            if not any(each.startswith(kept_from) for each in refused.refused):
                assert not unfinished(place), f"{where}; left behind: {unfinished(place)}"
            assert (contents(runs_folder() / "other"), contents(data_folder() / "own" / "before")) == bystanders, where
            assert all(each.state != "damaged" for each in listing.summaries()), where
            if said is None:
                assert work.found() == expected, where
                continue
            assert said.endswith(".") and 20 < len(said) < 400 and str(place) + "/." not in said, where
            for marker in (*place.rglob("*starting"), *(place / each for each in unfinished(place))):
                os.utime(marker, (0, 0))  # which are forgotten after a while
            assert (again := outcome(work.again or work.do)) is None, f"{where}; and then: {again}"
            assert work.found() == expected, f"{where}; and then it was something else"
            if lasts:
                Run.create("later", TINY, options())  # sweeps away what is old
            ours = ("checkpoints", "data") if lasts else ""  # what is taken home lies in folders that nobody sweeps
            left = [each for each in unfinished(place) if each.startswith(ours)]
            assert not left, f"{where}; still there: {left}"
    return tries, done


def opened(name: str = "tiny") -> Run:
    return Run.open(name)


def of_run(name: str) -> Callable[[], object]:
    """Everything that a training has found: the weights, the film, the losses, and that it is finished."""

    def found() -> object:
        run = Run.open(name)
        return weights_of(run), film_of(run), losses_of(run), run.state

    return found


def taken_up(name: str) -> Callable[[], None]:

    def train() -> None:
        if name not in listing.names():
            Run.create(name, TINY, options())
        to_the_end(Run.open(name))

    return train


def begun(name: str, epochs: int | None = None) -> Callable[[], None]:

    def start() -> None:
        if name in listing.names():
            process.resume_training(Run.open(name), epochs)
        else:
            process.start_training(name, TINY, options())

    return start


def bring(content: bytes) -> None:
    import_file(content, "new")


def bring_pictures(**how) -> None:
    dataset.import_data(Path("pictures"), "pets", **how)


def command(*words: str) -> Callable[[], int]:
    return lambda: cli.main(words)


def pets() -> bytes:
    return (data_folder() / "own" / "pets" / "images.safetensors").read_bytes()


def state_dict() -> bytes:
    buffer = io.BytesIO()
    torch.save(opened().model().state_dict(), buffer)
    return buffer.getvalue()


def is_there(*names: str) -> Callable[[], object]:
    return lambda: [Path(name).is_file() and Path(name).stat().st_size > 100 for name in names]


def works() -> list[Work]:
    imported = {"zip": zip.pack(opened()), "safetensors": weights_of(opened()), "state_dict": state_dict()}
    return [
        Work("create", lambda: Run.create("new", TINY, options()), lambda: Run.open("new").info.train),
        Work("start", begun("new"), lambda: Run.open("new").state),
        Work("resume", begun("tiny", 3), lambda: (opened().info.train, opened().state)),
        Work("train", taken_up("new"), of_run("new"), lambda: Run.create("new", TINY, options()), short=4),
        Work("note", lambda: opened().annotate("kept"), lambda: opened().info.note),
        Work("delete", lambda: "tiny" in listing.names() and opened().delete(), listing.names),
        *(Work(f"import {kind}", partial(bring, content), lambda: Run.open("new").weights_hash())
          for kind, content in imported.items()),
        Work("import own pictures", bring_pictures, pets),
        Work("replace own pictures", lambda: bring_pictures(invert="yes", replace=True), pets, bring_pictures),
        Work("delete own pictures", lambda: (data_folder() / "own" / "pets").exists() and dataset.delete_data("pets"),
             lambda: "pets" in catalogue.own(), bring_pictures),
        Work("pack", command("pack", "tiny", "--force"), is_there("tiny.zip")),
        Work("film as GIF", command("film", "tiny", "--force"), is_there("tiny-film.gif")),
        Work("export", command("export", "tiny", "--torch", "--force"),
             is_there("tiny-export/torch/model.pt", "tiny-export/torch/autoencoder.py")),
    ]  # fmt: skip


def measuring() -> list[Work]:
    """Everything that is measured of a run, and of several, and what is made of it."""
    return [
        Work("evaluate", command("evaluate", "tiny", "--json"), lambda: result_of(evaluate.judge(opened())).to_json(),
             full=20),
        Work("latent space", lambda: latent_space(opened()) and None, lambda: to_bytes(latent_space(opened())),
             full=20),
        Work("map", command("map", "deep", "--perplexity=5"), map_of, full=20),
        Work("film of the map", lambda: list(film.compute(opened("deep"))) and None, lambda: 0, full=12, short=0),
        Work("priors", lambda: result_of(sampling.fit(opened())) and None,
             lambda: sorted(map(str, result_of(sampling.fit(opened())).priors)), full=12, short=0),
        Work("sample", command("sample", "tiny", "--count=4", "--out=new.png", "--force"),
             lambda: Path("new.png").read_bytes(), full=12, short=0),
        Work("sweep", command("sweep", "--latent-dim=1,2", "--epochs=1", "--train-images=64", "--width=2", "--name=s"),
             swept, full=24),
        Work("lab", command("lab", "tiny", "--force"), is_there("tiny-lab.html"), full=12, short=0),
        Work("report", command("report", "tiny", "--force"), is_there("tiny-report.html"), full=12, short=0),
        Work("ship", command("ship", "tiny"), shipped, again=lambda: opened().info.shipped or command("ship", "tiny")(),
             full=24),
    ]  # fmt: skip


def map_of() -> object:
    found = maps.found(opened("deep"), MAP)
    return found is not None and (found[0].is_finished, found[0].positions.shape)  # t-SNE is no exact science


def swept() -> object:
    found = sweep.read(sweep.path("s"))
    return [(point.value, point.state, [record.test_mse for record in point.history]) for point in found.points]


def shipped() -> object:
    run = opened()
    return run.info.shipped, sorted(path.name for path in run.path.rglob("*") if path.suffix != ".lock")


@pytest.mark.parametrize("group", [pytest.param(works, marks=pytest.mark.quick), measuring])
def test_what_cannot_be_written_is_said_and_nothing_is_lost(place, rounds, survived, group):
    tries = done = 0
    kinds = rounds(2 if group is works else 1, len(FAULTS), 1)
    tried = [work for work in group() if rounds(work.short, work.full, work.name == "train")]
    for number, work in enumerate(tried):
        faults = [FAULTS[(number + 2 * each) % len(FAULTS)] for each in range(kinds)] if kinds < len(FAULTS) else FAULTS
        counts = survives(work, place, rounds(work.short, work.full, 1), faults)
        tries, done = tries + counts[0], done + counts[1]
    survived(f"{tries:,} writes refused in {len(tried)} kinds of work: {tries - done:,} said, {done:,} cost nothing")


@pytest.mark.skipif(sys.platform == "win32", reason="the size of files is limited on Unix only")
def test_a_file_that_is_written_to_its_middle_only_is_never_seen(small_data, rounds, survived):
    expected = trained("whole")
    largest = max(len(content) for content in contents(expected.path).values())
    sizes = random.Random(0).sample(range(largest), rounds(4, 100))
    for size in sizes:
        where = f"no file beyond {size:,} bytes"
        with room_for(size):
            try:
                run = Run.create("run", TINY, options())
                to_the_end(run)
                raise AssertionError(f"{where}: it was finished")
            except Unwritable as error:
                assert "File too large" in str(error), where
        assert not unfinished(runs_folder()), where
        run = Run.open("run") if "run" in listing.names() else Run.create("run", TINY, options())
        assert run.state in ("failed", "stopped"), where
        to_the_end(run.again())
        assert of_run("run")() == of_run("whole")(), where
        run.delete()
    survived(f"{len(sizes)} times a training stopped in the middle of writing a file, and was resumed")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no file that is always full here")
def test_output_that_cannot_be_written_is_said_and_does_not_stop_a_training(tiny):
    def into_a_full_disk(*arguments: str) -> subprocess.CompletedProcess[str]:
        with open("/dev/full", "w") as full:
            return subprocess.run(
                [sys.executable, "-m", "cae", *arguments], stdout=full, stderr=subprocess.PIPE, text=True,
                env=environment(), check=False,
            )  # fmt: skip

    listed = into_a_full_disk("runs")
    trained_on = into_a_full_disk("train", "--resume", "tiny", "--epochs", "3")
    said = "cae: Cannot write the output: No space left on device; free some space and try again.\n"
    assert (listed.returncode, listed.stderr) == (2, said)
    assert "Traceback" not in trained_on.stderr and Run.open("tiny").state == "finished"
    assert Run.open("tiny").last_epoch() == 3


REAL = """
mount -t tmpfs -o size={size}k tmpfs "$CAE_CHECKPOINTS" || exit 77
python -m cae train --name run {options}
echo "first: $?"
find "$CAE_CHECKPOINTS" -name '.*.part' -o -name '.new-*'
mount -o remount,size=64m "$CAE_CHECKPOINTS"
test -e "$CAE_CHECKPOINTS/run" && python -m cae train --resume run || python -m cae train --name run {options}
cp -r "$CAE_CHECKPOINTS/run" "{out}"
"""


@pytest.mark.skipif(shutil.which("unshare") is None, reason="this machine cannot make a file system for the test")
def test_a_real_disk_that_fills_up_is_said_and_the_training_goes_on_when_there_is_room(
    in_full, small_data, tmp_path, survived
):
    sizes = [4, 60, 100, 140, 220]
    flags = "--epochs 2 --batch-size 32 --train-images 96 --latent-dim 2 --width 4"
    expected, stopped = trained("whole"), 0
    for size in sizes:
        place, out = tmp_path / f"disk-{size}", tmp_path / f"out-{size}"
        place.mkdir()
        found = subprocess.run(
            ["unshare", "-rm", "sh", "-c", REAL.format(size=size, options=flags, out=out)], text=True, check=False,
            capture_output=True,
            env=environment(CAE_CHECKPOINTS=str(place), PATH=f"{Path(sys.executable).parent}:{os.environ['PATH']}"),
        )  # fmt: skip
        if found.returncode == 77 or "unshare" in found.stderr:
            pytest.skip("no file system of one's own can be mounted here")
        assert "Traceback" not in found.stderr and ".part" not in found.stdout, (size, found)
        stopped += "first: 2" in found.stdout
        assert weights_of(Run(out)) == weights_of(expected), (size, found)
        assert film_of(Run(out)) == film_of(expected), (size, found)
    assert stopped
    survived(f"{stopped} of {len(sizes)} real file systems were too small for a training, which went on with more room")
