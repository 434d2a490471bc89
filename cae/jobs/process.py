"""Work that outlives a page is a process of its own: started here, stopped here, and taking turns.

A process holds its run's lock while it lives; that, and not a process number, says that it is there.
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

_SECONDS_UNTOUCHED = 3600.0  # after which nobody is writing a file any more
_LONGEST_END = 2**16  # bytes of a log that are looked at


def start_training(
    name: str, model: ModelConfig, train: TrainConfig, *, recipe: str = "", by: Owner | None = None
) -> Run:
    """Creates a run and starts the process that trains it, for the visitor `by`.

    Where that fails, there is no run either. Raises RunExists, InvalidName, ReadOnly, TooMany or Unwritable.
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
    """Starts the process that trains `run` on, to `epochs` in all where that is given, for the visitor `by`.

    Raises as `prepare_resume` does, or TooMany.
    """
    require_writable()
    with queue.room_for(by), run.writing(), the_names(run.path.parent):  # of two who press Resume, one finds it busy
        now_on_disk = run.again()
        prepare_resume(now_on_disk, epochs, by=by)
        _start_process(now_on_disk)


def prepare_resume(run: Run, epochs: int | None = None, *, by: Owner | None = None) -> None:
    """Makes sure that `run` can be trained on, and records the new number of epochs, and for whom it is.

    Raises NotResumable, RunBusy, InvalidOption, DataUnavailable, Damaged, ReadOnly, RunNotFound or Unwritable.
    """
    run.require_there()
    run.require_resumable()
    train, done = run.info.train, max((record.epoch for record in run.history()), default=0)
    assert train is not None  # require_resumable has seen to it
    catalogue.train_images(train.dataset)
    if run.state == "finished" or done != train.epochs or epochs not in (None, done):  # else it was cut off at the end
        if epochs is not None and epochs <= done:
            raise InvalidOption("epochs", f"{run.name} has {done} epochs behind it: ask for more than that.")
        if epochs is None and done >= train.epochs:
            raise NotResumable(
                f"{run.name} has finished its {train.epochs} epochs: say how many it should have in all."
            )
    with run.writing():
        (run.path / "stop").unlink(missing_ok=True)
    if epochs is not None and epochs != train.epochs:
        run.update(train=replace(train, epochs=epochs))
    if by is not None:
        run.update(resumed_by=None if by.is_same(run.info.by) else by)


def ask_to_stop(run: Run) -> None:
    """Asks the process that trains `run` to stop; it does after the batch under way, and loses nothing."""
    require_writable()
    run.require_there()
    if not run.is_live():
        raise CaeError(f"{run.name} is not being trained.")
    with run.writing():
        (run.path / "stop").touch()


def is_stop_asked(run: Run) -> bool:
    """Whether it has been asked to stop and has not obeyed yet."""
    return reading.is_there(run.path / "stop")


def last_words(run: Run, lines: int = 20) -> str:
    """The end of what the process said."""
    try:
        return "\n".join(_end_of(run.path / "log.txt")[-lines:])
    except OSError:
        return ""


def _end_of(log: Path) -> list[str]:
    return reading.end(log, _LONGEST_END).decode(errors="replace").strip().splitlines()


@contextlib.contextmanager
def at_work(run: Run) -> Iterator[None]:
    """Holds the run's lock; raises RunBusy where another process does, RunNotFound or Unwritable where it cannot."""
    lock = run.lock()
    try:
        with run.writing():
            lock.acquire(timeout=3)
    except Unwritable as error:
        if isinstance(error.__cause__, Timeout):
            raise RunBusy(f"{run.name} is being trained by another process already.") from None
        raise
    try:
        with contextlib.suppress(OSError):  # it is forgotten by itself
            (run.path / "starting").unlink(missing_ok=True)
        yield
    finally:
        lock.release()


def _start_process(run: Run) -> None:
    queue.join(run)  # its process needs a moment to do so, and another's might be faster
    with run.writing(), _announced(run.path / "starting"):
        _spawn(["train", "--started", "--resume", run.name], run.path / "log.txt")


# -- other work


class Job:
    """Work on one file of the cache, that takes longer than somebody would wait: a process makes the file.

    Beside the file lie, under its name, what belongs to the process: its lock, its log, and the request to stop.
    """

    def __init__(self, result: Path, arguments: Sequence[str]) -> None:
        """`arguments` are those of the command `python -m cae` that makes the file `result`."""
        self.result = result
        self._arguments = list(arguments)
        self._lock = result.with_suffix(".lock")
        self._stop = result.with_suffix(".stop")
        self._starting = result.with_suffix(".starting")
        self._log = result.with_suffix(".log")
        self._told = result.with_suffix(".told")
        self.under_way = result.with_suffix(".now")  # what there is of the file before it is done, if the work shows it

    def start(self, by: Owner | None = None) -> None:
        """Starts the process for the visitor `by`, unless there is one already, as soon as its turn has come.

        As many work at once as CAE_MAX_JOBS says; the others wait without a process, first come first served. Raises
        TooMany or Unwritable.
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
                f"Nothing can be kept in {self.result.parent} ({error.strerror or error}): "
                "point CAE_CACHE at a folder that can be written to."
            ) from error

    def begin(self) -> None:
        """Starts the process at once. Raises OSError."""
        for file in (self._stop, self._log, self._told, self.under_way):
            file.unlink(missing_ok=True)
        with _announced(self._starting):
            _spawn(self._arguments, self._log)

    def is_live(self) -> bool:
        """Whether a process works on it, or is about to, or it waits for its turn."""
        return self.is_at_work() or queue.is_waiting(self.result)

    def is_at_work(self) -> bool:
        """Whether there is a process, or one has just been started."""
        return queue.has_process(self.result)

    def by(self) -> Owner | None:
        """Whose session asked for it, while it is live and that is known."""
        ticket = queue.ticket_of(self.result)
        return ticket.by if ticket and self.is_live() else None

    def ask_to_stop(self) -> None:
        """Asks the process to stop soon and to keep what it has; one that waits for its turn gives up its place.

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
            raise Unwritable(f"It cannot be asked to stop, as {self._stop} cannot be made: {reason(error)}.") from error

    def is_stop_asked(self) -> bool:
        """Whether it has been asked to and has not done so yet."""
        return reading.is_there(self._stop)

    def tell(self, doing: str, share: float) -> None:
        """Says, from within the process, what is being done and which share of the work is behind it."""
        keep(self._told, json.dumps([doing, min(1.0, max(0.0, share))]))

    def told(self) -> tuple[str, float] | None:
        """What the process has said last, while there is one, or how many come before it."""
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
        """How long it has to wait yet, in words, while it does; empty otherwise."""
        if (ahead := self.ahead()) is None:
            return ""
        return f"waiting for its turn, {'the next one' if ahead == 0 else f'{ahead} before it'}"

    def ahead(self) -> int | None:
        """How many others have their turn before it, while it waits; None where it does not."""
        with contextlib.suppress(OSError):
            let_in()  # a process that was killed has called nobody
        waiting = [ticket.result for ticket in queue.waiting_jobs()]
        return waiting.index(self.result) if self.result in waiting else None

    def failure(self) -> str:
        """What the last process said when it failed; empty where it did not, or still works."""
        try:
            words = [] if self.is_live() else _end_of(self._log)
        except OSError:
            words = None
        if words is None or self.is_live():
            return ""
        last = words[-1] if words else ""
        return last.removeprefix("cae: ") if last.startswith("cae: ") else f"It was cut off. {last}".strip()

    @contextlib.contextmanager
    def at_work(self) -> Iterator[None]:
        """Holds the lock; waits while another process does. Raises Unwritable."""
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
    """Starts the processes of those measurements whose turn has come. Raises OSError where one cannot be started."""
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
    """Removes what is of no use any more; what is done is done, where that cannot be."""
    for file in files:
        with contextlib.suppress(OSError):
            file.unlink(missing_ok=True)


@contextlib.contextmanager
def _announced(marker: Path) -> Iterator[None]:
    """Leaves the mark of a process that is being started; takes it away where it cannot be started."""
    marker.touch()
    try:
        yield
    except OSError:
        with contextlib.suppress(OSError):
            marker.unlink()
        raise


def _spawn(arguments: Sequence[str], log: Path) -> None:
    """Starts `python -m cae` on its own: it outlives whoever started it, and writes what it says into `log`."""
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
    threading.Thread(target=process.wait, daemon=True).start()  # or it would stay behind as a zombie
