"""Trains a run: waits for its turn, runs `train`, and writes what it yields to the run's folder."""

from __future__ import annotations

import contextlib
import ctypes
import errno
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from cae.config import ModelConfig, TrainConfig, from_json
from cae.data import catalogue
from cae.disk import reading
from cae.disk.files import append_line, clear_away, require_writable, write_lines, write_whole
from cae.disk.tensors import checksum, read_tensors, require_checksum
from cae.errors import CaeError, Damaged, Diverged, RunNotFound, Unwritable
from cae.jobs import process, queue
from cae.network.records import EpochRecord, Progress, to_line
from cae.runs.info import now, versions
from cae.runs.run import Run
from cae.runs.weights import write_weights

if TYPE_CHECKING:
    import torch

    from cae.network.parallel import Group
    from cae.network.training import TrainState


@dataclass(frozen=True)
class Waiting:
    """The run waits for its turn; `ahead` names the runs that come first."""

    ahead: tuple[str, ...]


def train_run(run: Run, *, spare_a_core: bool = False) -> Iterator[Waiting | Progress | EpochRecord]:
    """Trains `run` from where it stands to its last epoch, or until it is asked to stop; yields its progress.

    `spare_a_core` leaves one of several cores to the spectators: the threads of a training wait for each other many
    times a millisecond, so if one has to share its core, all of them are several times slower.
    Leaves the run finished, stopped or failed. Raises RunBusy if another process is training it, and CaeError with the
    reason if it fails; what was written until then stays intact.
    """
    require_writable()
    with process.at_work(run):
        try:
            with queue.turn(run) as waiting:
                for ahead in waiting:
                    if process.is_stop_asked(run):
                        run.update(state="stopped", finished=now())
                        return
                    run.require_there()
                    yield Waiting(ahead)
                    time.sleep(0.2)
                yield from _train(run, spare_a_core)
        except RunNotFound:  # another run may have taken its place
            raise
        except CaeError as error:
            _note_failure(run, str(error))
            raise
        except OSError as error:
            run.require_there()
            reason = _put_into_words(run, error)
            _note_failure(run, reason)
            raise Unwritable(reason) from error
        except Exception as error:
            _note_failure(run, f"Unexpected {type(error).__name__}: {error}")
            raise
        finally:
            with contextlib.suppress(OSError):
                (run.path / "stop").unlink(missing_ok=True)


def _train(run: Run, spare_a_core: bool) -> Iterator[Progress | EpochRecord]:
    import torch  # not before the run's turn: waiting should cost nothing

    from cae.network import parallel
    from cae.network.training import TrainState

    config = run.info.train
    assert config is not None  # or require_resumable had refused
    _keep_freed_memory()
    torch.set_num_threads(run.info.threads or max(1, torch.get_num_threads() - spare_a_core))
    device = parallel.device()
    _round_products(device)
    with parallel.group() as group:
        run.update(
            state="running", started=run.info.started or now(), threads=torch.get_num_threads(), versions=versions(),
            device=f"{group.size} x {device.type}" if group.size > 1 else device.type, data=_images_key(run, config),
        )  # fmt: skip
        state = TrainState.fresh(run.info.model, config, device)
        _take_up(run, state)
        group.from_first((run.info.model.to_json(), config.to_json(), torch.get_num_threads(), state.tensors()))
        log, folder = _ProgressLog(run, state.step), run.path.stat()
        for event in _events(state, config, group):
            _require_same_folder(run, folder)
            if isinstance(event, EpochRecord):
                _commit_epoch(run, state, event)
            else:
                log.add(event)
            yield event
            if group.any(process.is_stop_asked(run)) and state.epoch < config.epochs:
                _commit(run, state)
                run.update(state="stopped", finished=now())
                return
    run.update(state="finished", finished=now())


def _images_key(run: Run, config: TrainConfig) -> str:
    """The fingerprint of the training images. Raises NotResumable if they have changed since the run began."""
    run.require_same_pictures()
    noted = run.info.data if run.has_begun() else None  # older runs have no note
    return noted or catalogue.key(config.dataset)


def join_training() -> None:
    """Trains alongside the process of rank 0, the only one that reads and writes the run, until that one ends."""
    import torch

    from cae.network import parallel
    from cae.network.training import TrainState

    _keep_freed_memory()
    device = parallel.device()
    _round_products(device)
    with parallel.group() as group, contextlib.suppress(Diverged):  # rank 0 reports it
        model, train, threads, tensors = group.from_first(None)
        torch.set_num_threads(threads)
        config = from_json(TrainConfig, train)
        state = TrainState.fresh(from_json(ModelConfig, model), config, device)
        state.load(tensors)
        for _ in _events(state, config, group):
            if group.any(False) and state.epoch < config.epochs:
                return


def _events(state: TrainState, config: TrainConfig, group: Group) -> Iterator[Progress | EpochRecord]:
    """Trains on the data set that `config` names."""
    from cae.data.images import load
    from cae.network.training import split, train

    train_images, test_images = load(config.dataset, "train"), load(config.dataset, "test")
    train_pixels, validation_pixels = split(train_images.pixels, config)
    return train(
        state.model, train_pixels, test_images.pixels, config,
        validation_pixels=validation_pixels, state=state, group=group,
    )  # fmt: skip


def _keep_freed_memory() -> None:
    """Makes glibc keep freed memory: otherwise it returns large blocks to the system and requests them at every step.

    That costs about a tenth of the time. The three settings are M_TRIM_THRESHOLD, M_TOP_PAD and M_MMAP_THRESHOLD.
    """
    with contextlib.suppress(OSError, AttributeError, TypeError):  # another system's C library
        library = ctypes.CDLL(None)
        for setting, size in ((-1, 2**30), (-2, 2**26), (-3, 2**30)):
            library.mallopt(setting, size)


def _round_products(device: torch.device) -> None:
    """Lets a CUDA card round the factors of its products (TF32), as PyTorch does for convolutions by default.

    bfloat16 is slower here, at least up to a width of 64: its conversions double the number of kernels to launch.
    """
    if device.type == "cuda":
        import torch

        torch.backends.cuda.matmul.allow_tf32 = True


def _take_up(run: Run, state: TrainState) -> None:
    """Restores `state` from the last commit, and cuts the run's files back to the same point."""
    import torch

    path = run.path / "resume.safetensors"
    if path.exists():
        try:
            arrays = read_tensors(path)
            require_checksum(path, arrays)
            state.load({name: torch.from_numpy(value) for name, value in arrays.items()})
            if run.info.train and state.epoch > run.info.train.epochs:
                raise ValueError("more epochs than configured")
        except (*reading.UNREADABLE, RuntimeError) as error:
            raise Damaged(f"{run.name}/{path.name} is damaged or of another model: it cannot be continued.") from error
    records = [record for record in run.history() if record.epoch <= state.epoch]
    write_lines(run.path / "history.jsonl", map(to_line, records))
    frames = run.path / "epochs"
    frames.mkdir(exist_ok=True)
    for folder, pattern in ((run.path, ".*.safetensors.*.part"), (run.path, ".*.jsonl.*.part"), (frames, ".*.part")):
        clear_away(folder, pattern)
    for frame in frames.glob("[0-9]*.safetensors"):
        if frame.stem.isdecimal() and int(frame.stem) > state.epoch:
            frame.unlink()
    if state.step == 0:
        _write_frame(run, state)
        _commit(run, state)


def _require_same_folder(run: Run, folder: os.stat_result) -> None:
    """Raises RunNotFound if the run's folder was deleted, renamed or replaced: nothing is written to another run."""
    if not reading.is_there(run.path / "run.json") or not os.path.samestat(run.path.stat(), folder):
        raise RunNotFound(f"{run.name} was deleted or renamed while it was training: nothing more of it is kept.")


def _commit_epoch(run: Run, state: TrainState, record: EpochRecord) -> None:
    """Writes an epoch's results; the resume state comes last and is what counts."""
    _write_frame(run, state)
    write_weights(run.path / "model.safetensors", _weights(state), run.info.model, state.epoch)
    append_line(run.path / "history.jsonl", to_line(record), on_disk=True)  # before the state, which relies on it
    _commit(run, state)


def _commit(run: Run, state: TrainState) -> None:
    from safetensors.torch import save

    tensors = state.tensors()
    words = {"checksum": checksum({name: value.numpy() for name, value in tensors.items()})}
    write_whole(run.path / "resume.safetensors", save(tensors, words))


def _write_frame(run: Run, state: TrainState) -> None:
    half = {name: value.astype("float16") for name, value in _weights(state).items()}
    write_weights(run.path / "epochs" / f"{state.epoch:04d}.safetensors", half, run.info.model)


def _weights(state: TrainState) -> dict[str, Any]:
    return {name: value.detach().cpu().contiguous().numpy() for name, value in state.model.state_dict().items()}


def _put_into_words(run: Run, error: OSError) -> str:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return "The disk is full. What was saved is intact: free some space and resume."
    file = f" {run.name}/{error.filename.rsplit('/', 1)[-1]}" if isinstance(error.filename, str) else ""
    return f"A file{file} could not be written ({error.strerror or error}). What was saved is intact."


def _note_failure(run: Run, reason: str) -> None:
    with contextlib.suppress(OSError, CaeError):  # if the disk is full, the run counts as stopped: its lock is free
        run.update(state="failed", reason=reason, finished=now())


class _ProgressLog:
    """Writes progress.jsonl: the mean loss of every `stride` steps; the stride doubles at 2,000 lines."""

    LINES = 2000

    def __init__(self, run: Run, step: int) -> None:
        self._path = run.path / "progress.jsonl"
        self._kept = [record for record in run.progress() if record.step <= step]
        steps = [record.step for record in self._kept]
        self._stride = max(5, steps[-1] - steps[-2]) if len(steps) > 1 else 5
        self._sum, self._count = 0.0, 0
        self._write()

    def add(self, progress: Progress) -> None:
        """Adds a step; writes a line if one is due."""
        self._sum, self._count = self._sum + progress.train_mse, self._count + 1
        if progress.step > 1 and progress.step % self._stride:
            return
        record = replace(progress, train_mse=self._sum / self._count)
        self._sum, self._count = 0.0, 0
        self._kept.append(record)
        append_line(self._path, to_line(record))
        if len(self._kept) >= self.LINES:
            self._write()

    def _write(self) -> None:
        while len(self._kept) >= self.LINES:
            self._stride *= 2
            self._kept = [kept for kept in self._kept if kept.step % self._stride == 0]
        write_lines(self._path, map(to_line, self._kept))
