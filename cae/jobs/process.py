"""Work that outlives a page runs in a process of its own, which is started and stopped here.

A process holds a lock while it lives: the lock, not a process number, shows that it is there.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from filelock import Timeout

from cae.config import ModelConfig, TrainConfig
from cae.data import catalogue
from cae.disk import reading
from cae.disk.files import (
    PROJECT,
    cache_folder,
    clear_away,
    data_folder,
    is_recent,
    keep,
    reason,
    require_writable,
    runs_folder,
)
from cae.disk.locks import Lock
from cae.errors import CaeError, InvalidOption, NotResumable, RunBusy, Unwritable
from cae.jobs import limits, queue
from cae.runs.names import the_names
from cae.runs.owners import Owner
from cae.runs.run import Run
from cae.steps import Steps

T = TypeVar("T")
_SECONDS_UNTOUCHED = 3600.0  # after which a half-written file is abandoned
_LONGEST_END = 2**16  # bytes read from the end of a log


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
        return "\n".join(_end_of(run.path / "log.txt")[-lines:])
    except OSError:
        return ""


def _end_of(log: Path) -> list[str]:
    return reading.end(log, _LONGEST_END).decode(errors="replace").strip().splitlines()


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
    with run.writing(), _announced(run.path / "starting"):
        _spawn(["train", "--started", "--resume", run.name], run.path / "log.txt")


# -- other work


class Job:
    """A process that makes one file of the cache, where that takes longer than anybody would wait.

    The process's own files (its lock, its log, the request to stop) lie beside that file, under the same name.
    """

    def __init__(self, result: Path, arguments: Sequence[str]) -> None:
        """`python -m cae` with these `arguments` makes the file `result`."""
        self.result = result
        self._arguments = list(arguments)
        self._lock = result.with_suffix(".lock")
        self._stop = result.with_suffix(".stop")
        self._starting = result.with_suffix(".starting")
        self._log = result.with_suffix(".log")
        self._told = result.with_suffix(".told")
        self.under_way = result.with_suffix(".now")  # an unfinished result, of work that shows one

    def start(self, by: Owner | None = None) -> None:
        """Queues the process for the visitor `by`, unless there is one, and starts it if it is its turn.

        CAE_MAX_JOBS processes run at a time; the others are not started before their turn. Raises TooMany or
        Unwritable.
        """
        try:
            self.result.parent.mkdir(parents=True, exist_ok=True)
            with queue.changing_jobs():
                if self.is_live():
                    return
                queue.take(self.result, tuple(self._arguments), by)
            let_in()
        except OSError as error:
            raise Unwritable(
                f"Cannot write to {self.result.parent} ({error.strerror or error}): "
                "point CAE_CACHE at a writable folder."
            ) from error

    def begin(self) -> None:
        """Starts the process at once. Raises OSError."""
        for file in (self._stop, self._log, self._told, self.under_way):
            file.unlink(missing_ok=True)
        with _announced(self._starting):
            _spawn(self._arguments, self._log)

    def is_live(self) -> bool:
        """Whether its process runs or waits for its turn."""
        return self.is_at_work() or queue.is_waiting(self.result)

    def is_at_work(self) -> bool:
        """Whether its process runs or has just been started."""
        return queue.has_process(self.result)

    def by(self) -> Owner | None:
        """Whose session asked for it; None if that is not known or it is not live."""
        ticket = queue.ticket_of(self.result)
        return ticket.by if ticket and self.is_live() else None

    def ask_to_stop(self) -> None:
        """Asks the process to stop soon and keep what it has; if it is still waiting, it gives up its place.

        Raises Unwritable.
        """
        try:
            if queue.is_waiting(self.result):
                with queue.changing_jobs():
                    if (ticket := queue.ticket_of(self.result)) and not self.is_at_work():
                        queue.leave(ticket)
                        return
            self._stop.touch()
        except OSError as error:
            raise Unwritable(f"Cannot ask it to stop: {self._stop} cannot be written: {reason(error)}.") from error

    def is_stop_asked(self) -> bool:
        """Whether the process has been asked to stop and has not stopped yet."""
        return reading.is_there(self._stop)

    def tell(self, doing: str, share: float) -> None:
        """Reports, from within the process, what it is doing and which share of the work is done."""
        keep(self._told, json.dumps([doing, min(1.0, max(0.0, share))]))

    def watched(self, work: Steps[T], stopped: str) -> Steps[T]:
        """The work, done where others can see how far it is, and where only one at a time does it.

        Raises CaeError, with the sentence `stopped`, where it is asked to stop.
        """
        with contextlib.ExitStack() as stack:
            with contextlib.suppress(Unwritable):  # a cache that cannot be written to costs time, not results
                stack.enter_context(self.at_work())
            stack.enter_context(contextlib.closing(work))
            while True:
                try:
                    step = next(work)
                except StopIteration as end:
                    return end.value  # type: ignore[no-any-return]
                self.tell(step.text, step.share or 0.0)
                yield step
                if self.is_stop_asked():
                    raise CaeError(stopped)

    def told(self) -> tuple[str, float] | None:
        """The last report of a live process, or how many are ahead of a waiting one; None if there is neither."""
        if not self.is_at_work() and (waits := self.waits()):
            return waits, 0.0
        if not self.is_live():
            return None
        try:
            doing, share = json.loads(reading.content(self._told, _LONGEST_END))
            return str(doing), min(1.0, max(0.0, float(share)))
        except (OSError, ValueError, TypeError):
            return None

    def waits(self) -> str:
        """How many are ahead of it, in words; empty if it is not waiting."""
        if (ahead := self.ahead()) is None:
            return ""
        return f"waiting for its turn, {f'{ahead} ahead of it' if ahead else 'next in line'}"

    def ahead(self) -> int | None:
        """How many are ahead of it in the queue; None if it is not waiting."""
        with contextlib.suppress(OSError):
            let_in()  # a process that was killed has not called the next one
        waiting = [ticket.result for ticket in queue.waiting_jobs()]
        return waiting.index(self.result) if self.result in waiting else None

    def failure(self) -> str:
        """Why the last process failed, in its own words; empty if it did not, or is live."""
        try:
            lines = [] if self.is_live() else _end_of(self._log)
        except OSError:
            return ""
        if self.is_live():
            return ""
        last = lines[-1] if lines else ""
        return last.removeprefix("cae: ") if last.startswith("cae: ") else f"It was cut off. {last}".strip()

    @contextlib.contextmanager
    def at_work(self) -> Iterator[None]:
        """Holds the lock, waiting for another process that holds it. Raises Unwritable."""
        try:
            self.result.parent.mkdir(parents=True, exist_ok=True)
            with Lock(self._lock):
                if not is_recent(self._starting):
                    self._stop.unlink(missing_ok=True)  # meant for a process before this one
                for file in (self._starting, self._told, self.under_way):
                    file.unlink(missing_ok=True)
                clear_away(self.result.parent, f".{self.result.stem}.*.part")
                clear_away(self.result.parent, ".*.part", _SECONDS_UNTOUCHED)
                try:
                    yield
                finally:
                    _remove(self._told, self.under_way)
                _remove(self._stop, self._log)
        except OSError as error:
            raise Unwritable(f"{self.result} cannot be written: {reason(error)}.") from error
        finally:
            with contextlib.suppress(OSError):
                let_in()


def let_in() -> None:
    """Starts the measurements whose turn has come. Raises OSError if one cannot be started."""
    if not queue.waiting_jobs():
        return
    with queue.changing_jobs():
        free = limits.most_jobs() - len(queue.jobs_at_work())
        for ticket in queue.waiting_jobs()[: max(0, free)]:
            try:
                Job(ticket.result, ticket.arguments).begin()
            except OSError:
                queue.leave(ticket)
                raise
            queue.begin(ticket)


def _remove(*files: Path) -> None:
    """Removes files if possible."""
    for file in files:
        with contextlib.suppress(OSError):
            file.unlink(missing_ok=True)


@contextlib.contextmanager
def _announced(marker: Path) -> Iterator[None]:
    """Marks a process as being started; removes the mark if it cannot be."""
    marker.touch()
    try:
        yield
    except OSError:
        with contextlib.suppress(OSError):
            marker.unlink()
        raise


def _spawn(arguments: Sequence[str], log: Path) -> None:
    """Starts `python -m cae` as a process that outlives this one and writes its output to `log`."""
    environment = {
        **os.environ,
        "CAE_DATA": str(data_folder()),
        "CAE_CHECKPOINTS": str(runs_folder()),
        "CAE_CACHE": str(cache_folder()),
        "PYTHONPATH": os.pathsep.join(filter(None, [str(PROJECT), os.environ.get("PYTHONPATH")])),
        "PYTHONUNBUFFERED": "1",
    }
    detached = (
        {"creationflags": 0x0200 | 0x0008}  # CREATE_NEW_PROCESS_GROUP | DETACHED_PROCESS
        if sys.platform == "win32"
        else {"start_new_session": True}
    )
    with open(log, "ab") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "cae", *arguments],
            stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, cwd=PROJECT, env=environment,
            **detached,  # type: ignore[call-overload]
        )  # fmt: skip
    threading.Thread(target=process.wait, daemon=True).start()  # or it would become a zombie
