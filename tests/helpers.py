"""What several test modules use: tiny options, the command line as a process, and waiting."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

from cae.config import ModelConfig, TrainConfig
from cae.disk.files import runs_folder
from cae.runs.run import Run
from cae.steps import result_of

PROJECT = Path(__file__).resolve().parent.parent
TINY = ModelConfig(latent_dim=2, width=4)
SMALL_TRAIN, SMALL_TEST = 200, 100  # images in the `small_data` of conftest.py
NO_NETWORK = {f"{kind}_proxy": "http://127.0.0.1:9" for kind in ("http", "https", "all")} | {"no_proxy": ""}


def options(**changes) -> TrainConfig:
    """Two epochs of three batches, unless told otherwise."""
    return TrainConfig(**{"epochs": 2, "batch_size": 32, "train_images": 96, **changes})


def trained(name: str, model: ModelConfig = TINY, **changes) -> Run:
    """A run trained to its end in this process."""
    run = Run.create(name, model, options(**changes))
    to_the_end(run)
    return run


def to_the_end(run: Run) -> None:
    """Trains a run, where nothing else is being trained that it could have to wait for."""
    from cae.jobs.trainer import Waiting, train_run

    for event in train_run(run):
        assert not isinstance(event, Waiting), f"{run.name} waits for {event.ahead}"


def weights_of(run: Run) -> bytes:
    return (run.path / "model.safetensors").read_bytes()


def film_of(run: Run) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted((run.path / "epochs").iterdir())}


def losses_of(run: Run) -> list[tuple]:
    """The history without what a clock says."""
    return [(r.epoch, r.step, r.train_mse, r.test_mse, r.validation_mse) for r in run.history()]


def left_behind() -> set[str]:
    """Everything in the checkpoints folder but the lock that guards the names."""
    folder = runs_folder()
    return {path.name for path in folder.iterdir()} - {".names.lock"} if folder.exists() else set()


def environment(**changes: str) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(PROJECT), "PYTHONUNBUFFERED": "1", **changes}


def cae(*arguments: str, timeout: float = 60, **changes: str) -> subprocess.CompletedProcess[str]:
    """`python -m cae ...` as a process of its own, to its end."""
    return subprocess.run(
        [sys.executable, "-m", "cae", *map(str, arguments)],
        capture_output=True, text=True, timeout=timeout, env=environment(**changes), cwd=runs_folder().parent,
        stdin=subprocess.DEVNULL, check=False,
    )  # fmt: skip


def start_cae(*arguments: str, **changes: str) -> subprocess.Popen[str]:
    """`python -m cae ...` as a process of its own, just started."""
    return subprocess.Popen(
        [sys.executable, "-m", "cae", *map(str, arguments)],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment(**changes),
        cwd=runs_folder().parent, stdin=subprocess.DEVNULL,
    )  # fmt: skip


def wait_until(condition, what: str, seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"waited {seconds:.0f} s in vain: {what}"
        time.sleep(0.02)


def state_of(run: Run) -> str:
    """The state as it is on the disk now."""
    return Run(run.path).state


def lines_in(path: Path) -> int:
    return path.read_bytes().count(b"\n") if path.exists() else 0


def write_idx(path: Path, values: np.ndarray) -> None:
    """Whole numbers up to 255 in the format of MNIST's own files."""
    header = bytes([0, 0, 8, values.ndim]) + b"".join(int(size).to_bytes(4, "big") for size in values.shape)
    path.write_bytes(header + values.astype(np.uint8).tobytes())


def told(steps) -> tuple:
    """What a long work comes to, and what it said meanwhile."""
    said: list = []
    return result_of(steps, said.append), said


def rewritten(content: bytes, key: str, arrays: dict | None = None, words: dict | None = None, without="") -> bytes:
    """A safetensors file with other arrays, and other words under this key of its header."""
    from safetensors.numpy import load, save

    header = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])
    changed = json.loads(header["__metadata__"][key]) | (words or {})
    every = {name: value for name, value in (load(content) | (arrays or {})).items() if name != without}
    return save(every, {key: json.dumps(changed)})
