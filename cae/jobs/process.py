"""Work that outlives a page runs in a process of its own, which is started and stopped here.

A process holds a lock while it lives: the lock, not a process number, shows that it is there.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import replace

from filelock import Timeout

from cae.config import ModelConfig, TrainConfig
from cae.data import catalogue
from cae.disk import reading
from cae.disk.files import require_writable
from cae.errors import CaeError, InvalidOption, NotResumable, RunBusy
from cae.jobs import queue
from cae.jobs.job import announced, end_of, spawn
from cae.runs.names import the_names
from cae.runs.owners import Owner
from cae.runs.run import Run


def start_training(
    name: str, model: ModelConfig, train: TrainConfig, *, recipe: str = "", by: Owner | None = None
) -> Run:
    """Creates a run and starts the process that trains it, for the visitor `by`.

    Leaves no run behind on failure. Raises RunExists, InvalidName, ReadOnly, TooMany or Unwritable.
    """
    require_writable()
    with queue.room_for(by):
        run = Run.create(name, model, train, recipe=recipe, by=by)
        try:
            _start_process(run)
        except CaeError:
            with contextlib.suppress(OSError, CaeError):
                (run.path / "starting").unlink(missing_ok=True)
                run.delete()
            raise
    return run


def resume_training(run: Run, epochs: int | None = None, *, by: Owner | None = None) -> None:
    """Starts the process that continues `run`, up to `epochs` in total if given, for the visitor `by`.

    Raises as `prepare_resume` does, or TooMany.
    """
    require_writable()
    with queue.room_for(by), run.writing(), the_names(run.path.parent):  # if two press Resume, one finds it busy
        fresh = run.again()
        prepare_resume(fresh, epochs, by=by)
        _start_process(fresh)


def prepare_resume(run: Run, epochs: int | None = None, *, by: Owner | None = None) -> None:
    """Makes sure that `run` can be continued; records the new number of epochs and the visitor `by`.

    Raises NotResumable, RunBusy, InvalidOption, DataUnavailable, Damaged, ReadOnly, RunNotFound or Unwritable.
    """
    run.require_there()
    run.require_resumable()
    train, done = run.info.train, max((record.epoch for record in run.history()), default=0)
    assert train is not None  # or require_resumable had refused
    catalogue.train_images(train.dataset)
    if run.state == "finished" or done != train.epochs or epochs not in (None, done):  # else it was cut off at the end
        if epochs is not None and epochs <= done:
            raise InvalidOption("epochs", f"{run.name} has already trained for {done} epochs: ask for more.")
        if epochs is None and done >= train.epochs:
            raise NotResumable(f"{run.name} has finished its {train.epochs} epochs: say how many it should reach.")
    with run.writing():
        (run.path / "stop").unlink(missing_ok=True)
    if epochs is not None and epochs != train.epochs:
        run.update(train=replace(train, epochs=epochs))
    if by is not None:
        run.update(resumed_by=None if by.is_same(run.info.by) else by)


def ask_to_stop(run: Run) -> None:
    """Asks the process that trains `run` to stop after the current batch. Nothing is lost."""
    require_writable()
    run.require_there()
    if not run.is_live():
        raise CaeError(f"{run.name} is not being trained.")
    with run.writing():
        (run.path / "stop").touch()


def is_stop_asked(run: Run) -> bool:
    """Whether the training has been asked to stop and has not stopped yet."""
    return reading.is_there(run.path / "stop")


def last_words(run: Run, lines: int = 20) -> str:
    """The last lines of the training's log."""
    try:
        return "\n".join(end_of(run.path / "log.txt")[-lines:])
    except OSError:
        return ""


@contextlib.contextmanager
def at_work(run: Run) -> Iterator[None]:
    """Holds the run's lock. Raises RunBusy if another process holds it, RunNotFound or Unwritable."""
    lock = run.lock()
    with run.writing():
        try:
            lock.acquire(timeout=3)
        except Timeout:
            raise RunBusy(f"Another process is already training {run.name}.") from None
    try:
        with contextlib.suppress(OSError):  # it expires by itself
            (run.path / "starting").unlink(missing_ok=True)
        yield
    finally:
        lock.release()


def _start_process(run: Run) -> None:
    queue.join(run)  # here, because the process of a later run might be faster
    with run.writing(), announced(run.path / "starting"):
        spawn(["train", "--started", "--resume", run.name], run.path / "log.txt")
