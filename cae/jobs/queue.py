"""The queue of trainings and of measurements: first come, first served, also after a reboot.

A ticket is a file whose name begins with its number. A training waits in a process of its own and holds its ticket to
its end. A measurement waits without a process: its ticket says how to start one.
"""

from __future__ import annotations

import contextlib
import hashlib
import itertools
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from filelock import Timeout

from cae.disk import reading
from cae.disk.files import cache_folder, is_recent, reason, runs_folder, write_whole
from cae.disk.locks import Lock, is_held
from cae.errors import CaeError, TooMany, Unwritable
from cae.jobs import limits
from cae.runs.info import now
from cae.runs.owners import Owner, from_json
from cae.runs.run import Run

_DIGITS = 20  # of a ticket's number
_AT_WORK = "at-work"
_LARGEST = 2**16  # bytes of a ticket


@dataclass(frozen=True)
class _Queue:
    """The tickets in a folder, named `<number>.<holder>`, and the lock under which they are taken."""

    folder: Path
    lock_name: str

    def tickets(self, holder: str = "*") -> list[Path]:
        """The tickets of the holders that match this pattern, the next one first."""
        return reading.matching(self.folder, f"{'[0-9]' * _DIGITS}.{holder}")

    def last_place(self, holder: str) -> Path:
        """A ticket behind all others; its file is not there yet."""
        last = max((int(ticket.name[:_DIGITS]) for ticket in self.tickets()), default=0)
        return self.folder / f"{max(time.time_ns(), last + 1):0{_DIGITS}d}.{holder}"  # the clock may have been set back

    def lock(self) -> Lock:
        """The lock itself. Raises OSError where its folder cannot be made."""
        self.folder.mkdir(parents=True, exist_ok=True)
        return Lock(self.folder / self.lock_name, timeout=30)


# -- trainings


@contextlib.contextmanager
def room_for(by: Owner | None) -> Iterator[None]:
    """A place for one more training of this visitor, to be started in the block. Raises TooMany or Unwritable."""
    with contextlib.ExitStack() as held:
        if limits.most_of(by) is not None:
            try:
                held.enter_context(_trainings().lock())  # a visitor may press twice at once, in two windows
            except OSError as error:
                raise Unwritable(f"No training can be started in {runs_folder()}: {reason(error)}.") from error
            if why_not := limits.why_no_training(by):
                raise TooMany(why_not)
        yield


@contextlib.contextmanager
def turn(run: Run) -> Iterator[Iterator[tuple[str, ...]]]:
    """A place among the trainings; gives, again and again, the names of those ahead, until it is the run's turn.

    As many train at a time as CAE_MAX_TRAININGS says (1).
    """
    ticket = join(run)
    with contextlib.ExitStack() as slot:
        try:
            yield _ahead_of(ticket, slot)
        finally:
            with contextlib.suppress(OSError):  # the next one sees that this process is gone
                ticket.unlink(missing_ok=True)


def _ahead_of(ticket: Path, slot: contextlib.ExitStack) -> Iterator[tuple[str, ...]]:
    while True:
        ahead, places = tuple(_live_before(ticket)), limits.most_trainings()
        for number in range(places if len(ahead) < places else 0):
            with contextlib.suppress(Timeout):
                slot.enter_context(Lock(ticket.with_name(f"slot-{number}.lock"), timeout=0))
                return
        yield ahead or ("another training",)


def _live_before(mine: Path) -> Iterator[str]:
    """The names of the live runs whose tickets come first; clears away the tickets of those that have ended."""
    for ticket in itertools.takewhile(lambda each: each.name != mine.name, _trainings().tickets()):
        run = _run_of(ticket)
        if run.is_live():
            yield run.name
        elif not _is_cut_off(run):  # which keeps its place
            ticket.unlink(missing_ok=True)


def join(run: Run) -> Path:
    """Takes the last place among the trainings, or the one that the run had when it was cut off; gives its ticket.

    Raises as `Run.update` does.
    """
    info, earlier = run.again().info, _trainings().tickets(run.name)
    keeps_place = earlier and info.queued and info.state in ("queued", "running")
    ticket = earlier[0] if keeps_place else _trainings().last_place(run.name)
    with run.writing():
        ticket.parent.mkdir(exist_ok=True)
        ticket.touch()
        for other in earlier:
            if other != ticket:
                other.unlink(missing_ok=True)  # of a process that was killed when it had done its work
    try:
        run.update(state="queued", queued=now(), reason="", finished=None)
    except CaeError:
        with contextlib.suppress(OSError):
            ticket.unlink(missing_ok=True)
        raise
    return ticket


def waiting_runs() -> list[Run]:
    """The runs that wait for their turn, the next one first."""
    return [run for run in map(_run_of, _trainings().tickets()) if run.state == "queued"]


def cut_off() -> list[Run]:
    """The runs whose training was cut off, as by a reboot, and can go on, in the order of their turns.

    Resumed in any order, they keep their places in the queue.
    """
    return [run for run in map(_run_of, _trainings().tickets()) if _is_cut_off(run) and run.is_resumable()]


def _trainings() -> _Queue:
    return _Queue(runs_folder() / ".queue", "visitors.lock")


def _run_of(ticket: Path) -> Run:
    return Run(runs_folder() / ticket.name[_DIGITS + 1 :])


def _is_cut_off(run: Run) -> bool:
    return run.state == "stopped" and run.info.state in ("queued", "running")


# -- measurements


@dataclass(frozen=True)
class Ticket:
    """A measurement's place: for which result, made by which arguments of the command line, for whom."""

    path: Path
    result: Path
    arguments: tuple[str, ...]
    by: Owner | None
    asked: float  # seconds since 1970


def changing_jobs() -> Lock:
    """The lock under which measurements take and leave their places, and their processes start."""
    return _measurements().lock()


def take(result: Path, arguments: tuple[str, ...], by: Owner | None) -> None:
    """Takes the last place among the measurements. Raises TooMany where this visitor has as many as one may have."""

    def theirs(by: Owner) -> list[str]:
        live = (*jobs_at_work(), *waiting_jobs())
        return [" ".join(ticket.arguments[:2]) for ticket in live if by.is_same(ticket.by)]  # `map best`

    if why_not := limits.why_no_more(by, theirs):
        raise TooMany(why_not)
    values = {"result": str(result), "arguments": arguments, "by": by.to_json() if by else None, "asked": time.time()}
    write_whole(_measurements().last_place(f"{_key(result)}.json"), json.dumps(values).encode())


def begin(ticket: Ticket) -> None:
    """Notes that its process was started."""
    ticket.path.rename(ticket.path.with_name(f"{_AT_WORK}.{_key(ticket.result)}.json"))


def leave(ticket: Ticket) -> None:
    """Gives up the place."""
    ticket.path.unlink(missing_ok=True)


def waiting_jobs() -> list[Ticket]:
    """The measurements that wait for their turn, the next one first."""
    return _read(_measurements().tickets("*.json"))


def jobs_at_work() -> list[Ticket]:
    """The measurements that have a process; clears away the tickets of those that have ended."""
    at_work = []
    for ticket in _read(reading.matching(_measurements().folder, f"{_AT_WORK}.*.json")):
        if has_process(ticket.result):
            at_work.append(ticket)
        else:
            leave(ticket)
    return at_work


def has_process(result: Path) -> bool:
    """Whether a process makes this file, or has just been started."""
    return is_held(result.with_suffix(".lock")) or is_recent(result.with_suffix(".starting"))


def ticket_of(result: Path) -> Ticket | None:
    """The ticket of the measurement that makes this file, if there is one."""
    return next(iter(_read(reading.matching(_measurements().folder, f"*.{_key(result)}.json"))), None)


def is_waiting(result: Path) -> bool:
    """Whether the measurement that makes this file waits for its turn."""
    return bool(_measurements().tickets(f"{_key(result)}.json"))


def _read(paths: list[Path]) -> list[Ticket]:
    tickets = []
    for path in paths:
        with contextlib.suppress(OSError):  # its turn has just come, or it cannot be read
            try:
                values = reading.values(path, _LARGEST)
                arguments = tuple(reading.text(argument) for argument in values["arguments"])
                result, asked = Path(reading.text(values["result"], 4096)), reading.number(values["asked"])
                tickets.append(Ticket(path, result, arguments, from_json(values["by"]), asked))
            except (ValueError, TypeError, KeyError):  # not one of ours: nobody waits for it
                path.unlink(missing_ok=True)
    return tickets


def _key(result: Path) -> str:
    return hashlib.blake2b(str(result).encode(), digest_size=12).hexdigest()


def _measurements() -> _Queue:
    return _Queue(cache_folder() / ".jobs", "turn.lock")
