"""The queue of measurements: who waits for a process of their own, and which have one.

A ticket is a file in `<cache>/.jobs`, named after when it was taken and what it is for.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import time
from dataclasses import dataclass
from pathlib import Path

from cae.disk import reading
from cae.disk.files import cache_folder, write_whole
from cae.disk.locks import Lock
from cae.runs.owners import Owner, from_json

_AT_WORK = "at-work"
_DIGITS = 20  # of the time in the name of one that waits
_WAITING = f"{'[0-9]' * _DIGITS}.*.json"
_LARGEST = 2**16  # bytes of a ticket


@dataclass(frozen=True)
class Ticket:
    """A place in the queue, by its file: for which result, made by which arguments of the command line, for whom."""

    path: Path
    result: Path
    arguments: tuple[str, ...]
    by: Owner | None
    asked: float  # seconds since 1970

    @property
    def what(self) -> str:
        """What is done, as the command line calls it: `map best`."""
        return " ".join(self.arguments[:2])


def turn() -> Lock:
    """The lock under which tickets are taken, and processes started for them."""
    _folder().mkdir(parents=True, exist_ok=True)
    return Lock(_folder() / "turn.lock", timeout=30)


def take(result: Path, arguments: tuple[str, ...], by: Owner | None) -> None:
    """Takes the last place in the queue, under `turn`."""
    last = max((int(path.name[:_DIGITS]) for path in reading.matching(_folder(), _WAITING)), default=0)
    values = {"result": str(result), "arguments": arguments, "by": by.to_json() if by else None, "asked": time.time()}
    number = max(time.time_ns(), last + 1)  # the clock may have been set back
    write_whole(_folder() / f"{number:0{_DIGITS}d}.{_key(result)}.json", json.dumps(values).encode())


def begin(ticket: Ticket) -> None:
    """Notes, under `turn`, that a process is at it."""
    ticket.path.rename(_folder() / f"{_AT_WORK}.{_key(ticket.result)}.json")


def leave(ticket: Ticket) -> None:
    """Gives the place up."""
    ticket.path.unlink(missing_ok=True)


def waiting() -> list[Ticket]:
    """Those that wait, the next one first."""
    return _read(_WAITING)


def at_work() -> list[Ticket]:
    """Those for which a process was started, also where it is gone by now."""
    return _read(f"{_AT_WORK}.*.json")


def of(result: Path) -> Ticket | None:
    """The ticket for this result, if there is one."""
    return next(iter(_read(f"*.{_key(result)}.json")), None)


def is_waiting(result: Path) -> bool:
    """Whether it waits for a process."""
    return bool(reading.matching(_folder(), _WAITING.replace("*", _key(result))))


def _read(pattern: str) -> list[Ticket]:
    found = []
    for path in reading.matching(_folder(), pattern):
        with contextlib.suppress(OSError):  # its turn has just come, or it cannot be read
            try:
                values = reading.values(path, _LARGEST)
                arguments = tuple(reading.text(argument) for argument in values["arguments"])
                result, asked = Path(reading.text(values["result"], 4096)), reading.number(values["asked"])
                found.append(Ticket(path, result, arguments, from_json(values["by"]), asked))
            except (ValueError, TypeError, KeyError):  # not one of ours: nobody waits for it
                path.unlink(missing_ok=True)
    return found


def _key(result: Path) -> str:
    return hashlib.blake2b(str(result).encode(), digest_size=12).hexdigest()


def _folder() -> Path:
    return cache_folder() / ".jobs"
