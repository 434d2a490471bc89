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
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from filelock import FileLock, Timeout

from cae import datasets, limits, tickets
from cae.config import ModelConfig, TrainConfig
from cae.errors import CaeError, InvalidOption, NotResumable, RunBusy, TooMany, Unwritable
from cae.files import PROJECT, cache_folder, data_folder, is_held, is_recent, keep, require_writable, runs_folder
from cae.owners import COMMAND_LINE, Owner
from cae.runs import Run, now


def start_training(
    name: str, model: ModelConfig, train: TrainConfig, *, recipe: str = "", by: Owner | None = None
) -> Run:
    """Creates a run and starts the process that trains it, for the visitor `by`.

    Raises RunExists, InvalidName, ReadOnly or TooMany.
    """
    require_writable()
    with limits.room_for(by):
        run = Run.create(name, model, train, recipe=recipe, by=by)
        _start_process(run)
    return run


def resume_training(run: Run, epochs: int | None = None, *, by: Owner | None = None) -> None:
    """Starts the process that trains `run` on, to `epochs` in all where that is given, for the visitor `by`.

    Raises as `prepare_resume` does, or TooMany.
    """
    require_writable()
    with limits.room_for(by), FileLock(run.path / "resume.lock", timeout=10):
        now_on_disk = run.again()  # of two who press Resume at once, the second finds it busy
        prepare_resume(now_on_disk, epochs, by=by)
        _start_process(now_on_disk)


def prepare_resume(run: Run, epochs: int | None = None, *, by: Owner | None = None) -> None:
    """Makes sure that `run` can be trained on, and records the new number of epochs, and for whom it is.

    Raises NotResumable, RunBusy, InvalidOption, DataUnavailable, Damaged or ReadOnly.
    """
    run.require_resumable()
    train, done = run.info.train, run.last_epoch()
    assert train is not None  # require_resumable has seen to it
    datasets.train_images(train.dataset)
    if epochs is not None and epochs <= done:
        raise InvalidOption("epochs", f"{run.name} has {done} epochs behind it: ask for more than that.")
    if epochs is None and done >= train.epochs:
        raise NotResumable(f"{run.name} has finished its {train.epochs} epochs: say how many it should have in all.")
    (run.path / "stop").unlink(missing_ok=True)
    if epochs is not None and epochs != train.epochs:
        run.update(train=replace(train, epochs=epochs))
    if by is not None:
        run.update(resumed_by=None if by.is_same(run.info.by) else by)


def ask_to_stop(run: Run) -> None:
    """Asks the process that trains `run` to stop; it does after the batch under way, and loses nothing."""
    require_writable()
    if not run.is_live():
        raise CaeError(f"{run.name} is not being trained.")
    (run.path / "stop").touch()


def is_stop_asked(run: Run) -> bool:
    """Whether it has been asked to stop and has not obeyed yet."""
    return (run.path / "stop").exists()


def last_words(run: Run, lines: int = 20) -> str:
    """The end of what the process said."""
    try:
        return "\n".join((run.path / "log.txt").read_text(encoding="utf-8", errors="replace").splitlines()[-lines:])
    except OSError:
        return ""


@contextlib.contextmanager
def at_work(run: Run) -> Iterator[None]:
    """Holds the run's lock; raises RunBusy where another process does."""
    lock = run.lock()
    try:
        lock.acquire(timeout=3, poll_interval=0.05)
    except Timeout:
        raise RunBusy(f"{run.name} is being trained by another process already.") from None
    try:
        (run.path / "starting").unlink(missing_ok=True)
        yield
    finally:
        lock.release()


class Turn:
    """A place in the queue of trainings, first come first served; as many at a time as CAE_MAX_TRAININGS (1)."""

    def __init__(self, run: Run) -> None:
        self._queue = runs_folder() / ".queue"
        self._queue.mkdir(exist_ok=True)
        self._name = run.name
        self._ticket = self._queue / f"{time.time_ns():020d}.{run.name}"
        self._slot: FileLock | None = None

    def __enter__(self) -> Turn:
        self._ticket.touch()
        return self

    def __exit__(self, *_: object) -> None:
        self._ticket.unlink(missing_ok=True)
        if self._slot:
            self._slot.release()

    def ahead(self) -> list[str]:
        """The names of the runs whose turn comes first, while it is not this one's; [] when it has come."""
        if self._slot:
            return []
        waiting = []
        for ticket in sorted(self._queue.glob("[0-9]*.*")):
            if ticket.name == self._ticket.name:
                break
            name = ticket.name.split(".", 1)[1]
            if name == self._name:
                ticket.unlink(missing_ok=True)  # of a process before this one, which was killed
            elif (runs_folder() / name).is_dir() and Run(runs_folder() / name).is_locked():
                waiting.append(name)
            else:
                ticket.unlink(missing_ok=True)  # its process died
        places = most_at_a_time()
        if len(waiting) < places:
            for number in range(places):
                slot = FileLock(self._queue / f"slot-{number}.lock")
                with contextlib.suppress(Timeout):
                    slot.acquire(timeout=0)
                    self._slot = slot
                    return []
        return waiting or ["another training"]


def queue() -> list[Run]:
    """The runs that wait for their turn, the next one first."""
    tickets_of_runs = sorted((runs_folder() / ".queue").glob("[0-9]*.*"))
    found = [Run(runs_folder() / ticket.name.split(".", 1)[1]) for ticket in tickets_of_runs]
    return [run for run in found if run.state == "queued"]


def most_at_a_time() -> int:
    """How many trainings run side by side: CAE_MAX_TRAININGS, or 1."""
    value = os.environ.get("CAE_MAX_TRAININGS", "1")
    return int(value) if value.isdigit() and int(value) > 0 else 1


def _start_process(run: Run) -> None:
    run.update(state="queued", queued=now(), reason="", finished=None)
    (run.path / "starting").touch()
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

    def start(self, by: Owner | None = None) -> None:
        """Starts the process for the visitor `by`, unless there is one already, as soon as its turn has come.

        As many work at once as CAE_MAX_JOBS says; the others wait without a process, first come first served. Raises
        TooMany or Unwritable.
        """
        try:
            self.result.parent.mkdir(parents=True, exist_ok=True)
            with tickets.turn():
                if self.is_live():
                    return
                _require_room(by)
                tickets.take(self.result, tuple(self._arguments), by)
            let_in()
        except OSError as error:
            raise Unwritable(
                f"Nothing can be kept in {self.result.parent} ({error.strerror or error}): "
                "point CAE_CACHE at a folder that can be written to."
            ) from error

    def begin(self) -> None:
        """Starts the process at once. Raises OSError."""
        self._stop.unlink(missing_ok=True)
        self._log.unlink(missing_ok=True)
        self._starting.touch()
        _spawn(self._arguments, self._log)

    def is_live(self) -> bool:
        """Whether a process works on it, or is about to, or it waits for its turn."""
        return self.is_at_work() or tickets.is_waiting(self.result)

    def is_at_work(self) -> bool:
        """Whether there is a process, or one has just been started."""
        return is_held(self._lock) or is_recent(self._starting)

    def by(self) -> Owner | None:
        """Whose session asked for it, while it is live and that is known."""
        ticket = tickets.of(self.result)
        return ticket.by if ticket and self.is_live() else None

    def ask_to_stop(self) -> None:
        """Asks the process to stop soon and to keep what it has; one that waits for its turn gives up its place."""
        if tickets.is_waiting(self.result):
            with tickets.turn():
                if (ticket := tickets.of(self.result)) and not self.is_at_work():
                    tickets.leave(ticket)
                    return
        self._stop.touch()

    def is_stop_asked(self) -> bool:
        """Whether it has been asked to and has not done so yet."""
        return self._stop.exists()

    def tell(self, doing: str, share: float) -> None:
        """Says, from within the process, what is being done and which share of the work is behind it."""
        keep(self._told, json.dumps([doing, min(1.0, max(0.0, share))]))

    def told(self) -> tuple[str, float] | None:
        """What the process has said last, while there is one, or how many come before it."""
        if not self.is_at_work() and (ahead := self.ahead()) is not None:
            return f"waiting for its turn, {'the next one' if ahead == 0 else f'{ahead} before it'}", 0.0
        if not self.is_live():
            return None
        try:
            doing, share = json.loads(self._told.read_text())
            return str(doing), min(1.0, max(0.0, float(share)))
        except (OSError, ValueError, TypeError):
            return None

    def ahead(self) -> int | None:
        """How many others have their turn before it, while it waits; None where it does not."""
        with contextlib.suppress(OSError):
            let_in()  # a process that was killed has called nobody
        waiting = [ticket.result for ticket in tickets.waiting()]
        return waiting.index(self.result) if self.result in waiting else None

    def failure(self) -> str:
        """What the last process said when it failed; empty where it did not, or still works."""
        if self.is_live() or not self._log.exists():
            return ""
        words = self._log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
        last = words[-1] if words else ""
        return last.removeprefix("cae: ") if last.startswith("cae: ") else f"It was cut off. {last}".strip()

    @contextlib.contextmanager
    def at_work(self) -> Iterator[None]:
        """Holds the lock; waits while another process does. Raises Unwritable."""
        try:
            self.result.parent.mkdir(parents=True, exist_ok=True)
            with FileLock(self._lock):
                if self._starting.exists():
                    self._starting.unlink()
                else:
                    self._stop.unlink(missing_ok=True)  # of somebody who asked when it had just ended
                try:
                    yield
                finally:
                    self._told.unlink(missing_ok=True)
                for file in (self._stop, self._log):
                    file.unlink(missing_ok=True)
        except OSError as error:
            raise Unwritable(f"{self.result} cannot be written: {error.strerror or error}.") from error
        finally:
            with contextlib.suppress(OSError):
                let_in()


def let_in() -> None:
    """Starts the processes of those measurements whose turn has come. Raises OSError where one cannot be started."""
    if not tickets.waiting():
        return
    with tickets.turn():
        free = limits.most_jobs() - len(_at_work())
        for ticket in tickets.waiting()[: max(0, free)]:
            try:
                Job(ticket.result, ticket.arguments).begin()
            except OSError:
                tickets.leave(ticket)
                raise
            tickets.begin(ticket)


def _at_work() -> list[tickets.Ticket]:
    """The measurements that have a process; what is left of others is cleared away."""
    found = []
    for ticket in tickets.at_work():
        if Job(ticket.result, ticket.arguments).is_at_work():
            found.append(ticket)
        else:
            tickets.leave(ticket)
    return found


def _require_room(by: Owner | None) -> None:
    """Raises TooMany where this visitor has as many measurements at work or waiting as one may have."""
    if (most := limits.most_per_visitor()) is None or by is None or by == COMMAND_LINE:
        return
    mine = [ticket.what for ticket in (*_at_work(), *tickets.waiting()) if by.is_same(ticket.by)]
    if reason := limits.too_many(mine, most):
        raise TooMany(reason)


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
