"""Two processes, each as a dashboard would be, that do something at the same moment.

Run as a program it is one of them: it reads what to do, a line each, waits for the moment, and says how it went.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

from helpers import PROJECT, TINY, environment, options

from cae.errors import CaeError
from cae.jobs.job import Job
from cae.jobs.process import ask_to_stop, resume_training, start_training
from cae.runs.run import Run

_LEAD = 0.003  # seconds from saying what to do to doing it


class Rivals:
    """Two such processes, started once; what they start themselves is `program` and not Python."""

    def __init__(self, program: Path) -> None:
        self._processes = [
            subprocess.Popen(
                [sys.executable, __file__, str(program)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                env=environment(PYTHONPATH=f"{PROJECT}:{PROJECT / 'tests'}", CAE_MAX_JOBS="1000"),
            )
            for _ in range(2)
        ]  # fmt: skip
        for process in self._processes:
            assert process.stdout is not None and json.loads(process.stdout.readline()) == "ready"

    def at_once(self, *acts: tuple) -> list[str]:
        """What comes of both acts, each a name and its arguments: "" where it was done, or the kind of the error."""
        at = time.monotonic() + _LEAD
        for process, act in zip(self._processes, acts, strict=True):
            process.stdin.write(json.dumps([at, *act]) + "\n")
            process.stdin.flush()
        return [json.loads(process.stdout.readline()) for process in self._processes]

    def end(self) -> None:
        for process in self._processes:
            process.stdin.close()
            process.wait(20)


def note(name: str, *texts: str) -> None:
    for text in texts:
        Run.open(name).annotate(text)


def count(name: str, most: int) -> None:
    for number in range(1, most + 1):
        Run.open(name).update(threads=number)


def look(name: str, times: int) -> None:
    """Raises RuntimeError where a run that nobody trains is taken for one that is trained."""
    run = Run.open(name)
    if any(run.is_locked() for _ in range(times)):
        raise RuntimeError(name)


ACTS = {
    "start": lambda name: start_training(name, TINY, options()),
    "resume": lambda name, epochs: resume_training(Run.open(name), epochs),
    "stop": lambda name: ask_to_stop(Run.open(name)),
    "delete": lambda name: Run.open(name).delete(),
    "job": lambda result: Job(Path(result), ["map", "x"]).start(),
    "note": note,
    "count": count,
    "look": look,
}


def _answer(text: str) -> None:
    sys.stdout.write(json.dumps(text) + "\n")
    sys.stdout.flush()


def main() -> None:
    sys.executable = sys.argv[1]
    _answer("ready")
    for line in sys.stdin:
        at, act, *arguments = json.loads(line)
        while time.monotonic() < at:
            pass
        try:
            ACTS[act](*arguments)
            said = ""
        except CaeError as error:
            said = f"{type(error).__name__}: {error}"
        except Exception as error:
            said = f"Unexpected {type(error).__name__}: {error}"
        _answer(said)


if __name__ == "__main__":
    main()
