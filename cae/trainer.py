"""Trains a run: waits for its turn, feeds `train`, and writes what it yields into the folder."""

from __future__ import annotations

import contextlib
import ctypes
import errno
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from cae import jobs
from cae.config import ModelConfig, TrainConfig, from_json
from cae.errors import CaeError, Damaged, Diverged, Unwritable
from cae.files import append_line, require_writable, write_lines, write_whole
from cae.records import EpochRecord, Progress, to_line
from cae.runs import Run, now, versions
from cae.weights import read_tensors, write_weights

if TYPE_CHECKING:
    from cae.parallel import Group
    from cae.training import TrainState


@dataclass(frozen=True)
class Waiting:
    """It is not this run's turn yet; `ahead` names the runs that come first."""

    ahead: tuple[str, ...]


def train_run(run: Run, *, spare_a_core: bool = False) -> Iterator[Waiting | Progress | EpochRecord]:
    """Trains `run` from where it stands to its last epoch, or until it is asked to stop; yields what happens.

    `spare_a_core` leaves one of several cores to whoever watches: the threads of a training wait for each other many
    times a millisecond, and where one has to share its core, all are several times slower.
    After it the run's state is finished, stopped or failed. Raises RunBusy where another process trains it, and
    CaeError with the reason where it failed; what was written until then stays intact.
    """
    require_writable()
    with jobs.at_work(run):
        try:
            run.update(state="queued", queued=now(), reason="", finished=None)
            with jobs.Turn(run) as turn:
                while ahead := turn.ahead():
                    if jobs.is_stop_asked(run):
                        run.update(state="stopped", finished=now())
                        return
                    yield Waiting(tuple(ahead))
                    time.sleep(0.2)
                yield from _train(run, spare_a_core)
        except CaeError as error:
            _note_failure(run, str(error))
            raise
        except OSError as error:
            reason = _put_into_words(run, error)
            _note_failure(run, reason)
            raise Unwritable(reason) from error
        except Exception as error:
            _note_failure(run, f"Unexpected {type(error).__name__}: {error}")
            raise
        finally:
            (run.path / "stop").unlink(missing_ok=True)


def _train(run: Run, spare_a_core: bool) -> Iterator[Progress | EpochRecord]:
    import torch  # not before it is this run's turn: waiting should cost nothing

    from cae import parallel
    from cae.training import TrainState

    config = run.info.train
    assert config is not None  # only runs with a training are trained
    _keep_freed_memory()
    torch.set_num_threads(run.info.threads or max(1, torch.get_num_threads() - spare_a_core))
    device = parallel.device()
    with parallel.group() as group:
        run.update(
            state="running", started=run.info.started or now(), threads=torch.get_num_threads(), versions=versions(),
            device=f"{group.size} x {device.type}" if group.size > 1 else device.type,
        )  # fmt: skip
        state = TrainState.fresh(run.info.model, config, device)
        _take_up(run, state)
        group.from_first((run.info.model.to_json(), config.to_json(), torch.get_num_threads(), state.tensors()))
        log = _ProgressLog(run, state.step)
        for event in _events(state, config, group):
            if isinstance(event, EpochRecord):
                _commit_epoch(run, state, event)
            else:
                log.add(event)
            yield event
            if group.any(jobs.is_stop_asked(run)) and state.epoch < config.epochs:
                _commit(run, state)
                run.update(state="stopped", finished=now())
                return
    run.update(state="finished", finished=now())


def join_training() -> None:
    """Trains along with the process of rank 0, which alone reads and writes the run, until that one ends."""
    import torch

    from cae import parallel
    from cae.training import TrainState

    _keep_freed_memory()
    device = parallel.device()
    with parallel.group() as group, contextlib.suppress(Diverged):  # rank 0 says so
        model, train, threads, tensors = group.from_first(None)
        torch.set_num_threads(threads)
        config = from_json(TrainConfig, train)
        state = TrainState.fresh(from_json(ModelConfig, model), config, device)
        state.load(tensors)
        for _ in _events(state, config, group):
            if group.any(False) and state.epoch < config.epochs:
                return


def _events(state: TrainState, config: TrainConfig, group: Group) -> Iterator[Progress | EpochRecord]:
    """The training itself, on the data set that the options name."""
    from cae import data
    from cae.training import split, train

    train_images, test_images = data.load(config.dataset, "train"), data.load(config.dataset, "test")
    train_pixels, validation_pixels = split(train_images.pixels, config)
    return train(
        state.model, train_pixels, test_images.pixels, config,
        validation_pixels=validation_pixels, state=state, group=group,
    )  # fmt: skip


def _keep_freed_memory() -> None:
    """Has glibc keep what is freed: otherwise it gives large blocks back, and asks for them again, at every step.

    That costs about a tenth of a training. The three settings are M_TRIM_THRESHOLD, M_TOP_PAD and M_MMAP_THRESHOLD.
    """
    with contextlib.suppress(OSError, AttributeError, TypeError):  # another system's C library
        library = ctypes.CDLL(None)
        for setting, size in ((-1, 2**30), (-2, 2**26), (-3, 2**30)):
            library.mallopt(setting, size)


def _take_up(run: Run, state: TrainState) -> None:
    """Brings `state` to where the run was last committed, and the run's files back to the same point."""
    import torch

    path = run.path / "resume.safetensors"
    if path.exists():
        try:
            state.load({name: torch.from_numpy(value) for name, value in read_tensors(path).items()})
        except (KeyError, ValueError, RuntimeError, IndexError, TypeError) as error:
            raise Damaged(f"{run.name}/{path.name} is damaged or of another model: it cannot be continued.") from error
    records = [record for record in run.history() if record.epoch <= state.epoch]
    write_lines(run.path / "history.jsonl", map(to_line, records))
    frames = run.path / "epochs"
    frames.mkdir(exist_ok=True)
    for torn in (*run.path.glob(".*.part"), *frames.glob(".*.part")):  # of a process that was killed as it wrote
        torn.unlink(missing_ok=True)
    for frame in frames.glob("[0-9]*.safetensors"):
        if frame.stem.isdigit() and int(frame.stem) > state.epoch:
            frame.unlink()
    if state.step == 0:
        _write_frame(run, state)
        _commit(run, state)


def _commit_epoch(run: Run, state: TrainState, record: EpochRecord) -> None:
    """Writes an epoch's results, and the resume state last: that is what counts."""
    _write_frame(run, state)
    write_weights(run.path / "model.safetensors", _weights(state), run.info.model)
    append_line(run.path / "history.jsonl", to_line(record))
    _commit(run, state)


def _commit(run: Run, state: TrainState) -> None:
    from safetensors.torch import save

    write_whole(run.path / "resume.safetensors", save(state.tensors()))


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
    with contextlib.suppress(OSError, CaeError):  # the folder is full or gone: nobody holds the lock, so it is stopped
        run.update(state="failed", reason=reason, finished=now())


class _ProgressLog:
    """Writes progress.jsonl: the mean loss of every `stride` steps; the stride doubles when 2,000 lines are full."""

    LINES = 2000

    def __init__(self, run: Run, step: int) -> None:
        self._path = run.path / "progress.jsonl"
        self._kept = [record for record in run.progress() if record.step <= step]
        steps = [record.step for record in self._kept]
        self._stride = max(5, steps[-1] - steps[-2]) if len(steps) > 1 else 5
        self._sum, self._count = 0.0, 0
        write_lines(self._path, map(to_line, self._kept))

    def add(self, progress: Progress) -> None:
        """Takes note of one step; writes a line where one is due."""
        self._sum, self._count = self._sum + progress.train_mse, self._count + 1
        if progress.step > 1 and progress.step % self._stride:
            return
        record = replace(progress, train_mse=self._sum / self._count)
        self._sum, self._count = 0.0, 0
        self._kept.append(record)
        append_line(self._path, to_line(record))
        if len(self._kept) >= self.LINES:
            self._stride *= 2
            self._kept = [kept for kept in self._kept if kept.step % self._stride == 0]
            write_lines(self._path, map(to_line, self._kept))
