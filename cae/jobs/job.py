"""A measurement as a process of its own: started, followed, stopped, and waiting for its turn."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TypeVar

from cae.disk import reading
from cae.disk.files import PROJECT, cache_folder, clear_away, data_folder, is_recent, keep, reason, runs_folder
from cae.disk.locks import Lock
from cae.errors import CaeError, Unwritable
from cae.jobs import limits, queue
from cae.runs.owners import Owner
from cae.steps import Steps

T = TypeVar("T")


_SECONDS_UNTOUCHED = 3600.0  # after which a half-written file is abandoned


_LONGEST_END = 2**16  # bytes read from the end of a log


def end_of(log: Path) -> list[str]:
    """The last lines of a log, which may be long."""
    return reading.end(log, _LONGEST_END).decode(errors="replace").strip().splitlines()


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
        with announced(self._starting):
            spawn(self._arguments, self._log)

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
            lines = [] if self.is_live() else end_of(self._log)
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
                    remove(self._told, self.under_way)
                remove(self._stop, self._log)
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


def remove(*files: Path) -> None:
    """Removes files if possible."""
    for file in files:
        with contextlib.suppress(OSError):
            file.unlink(missing_ok=True)


@contextlib.contextmanager
def announced(marker: Path) -> Iterator[None]:
    """Marks a process as being started; removes the mark if it cannot be."""
    marker.touch()
    try:
        yield
    except OSError:
        with contextlib.suppress(OSError):
            marker.unlink()
        raise


def spawn(arguments: Sequence[str], log: Path) -> None:
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
