"""What the commands have in common: options, which run is meant, being asked to stop, and files to write."""

from __future__ import annotations

import argparse
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from cae.config import Config
from cae.disk.files import write_whole
from cae.errors import InvalidOption, Unwritable
from cae.runs.run import Run

Adder = Callable[[str, Any, str], argparse.ArgumentParser]  # of a command: its name, what it does, and that in words


def add_out(parser: argparse.ArgumentParser, what: str) -> None:
    """The flags of a command that writes a file."""
    parser.add_argument("--out", type=Path, metavar="FILE", help=what)
    parser.add_argument("--force", action="store_true", help="replace the file if there is one")


def add_epoch(parser: argparse.ArgumentParser) -> None:
    """The flag of a command about a run as it was."""
    parser.add_argument("--epoch", type=int, metavar="E", help="as the run was after a kept epoch (the last)")


def target(options: argparse.Namespace, otherwise: str, *endings: str) -> Path:
    """The file to write, `otherwise` where none is named; before the work, which takes its time, it is looked at.

    Raises InvalidOption for another ending than these, Unwritable where it is there already and not to be replaced.
    """
    path: Path = options.out or Path(otherwise)
    if path.suffix not in endings:
        raise InvalidOption("out", f"--out {path} must end in {' or '.join(endings)}.")
    if not path.parent.is_dir():
        raise Unwritable(f"{path} cannot be written: there is no folder {path.parent}.")
    if path.is_dir():
        raise Unwritable(f"{path} cannot be written: it is a folder.")
    if path.exists() and not options.force:
        raise Unwritable(f"{path} is there already: choose another with --out, or replace it with --force.")
    return path


def write(path: Path, content: bytes) -> None:
    """Writes it whole, or not at all. Raises Unwritable."""
    try:
        write_whole(path, content)
    except OSError as error:
        raise Unwritable(f"{path} cannot be written: {error.strerror or error}.") from error


def add_options(parser: argparse.ArgumentParser, *configs: type[Config], several: bool = False) -> None:
    """A flag for every option of these configurations; with `several`, one that takes a list."""
    for option in (option for config in configs for option in config.options()):
        bounds = "|".join(option.choices) or (f"at least {option.low:g}" if option.low is not None else "")
        parser.add_argument(
            f"--{option.name.replace('_', '-')}",
            type=str if several or option.kind is str else number,
            metavar="X,..." if several else "X",
            help=f"{option.help[0].lower()}{option.help[1:].rstrip('.')} ({bounds})".replace("%", "%%"),
        )


def number(text: str) -> float | int:
    """A whole number, or another. Raises ValueError."""
    try:
        return int(text)
    except ValueError:
        return float(text)


def fields_of(*configs: type[Config]) -> set[str]:
    """The names of their options."""
    return {option.name for config in configs for option in config.options()}


@contextmanager
def stopping_on_signals(stop: Callable[[], None]) -> Iterator[None]:
    """Ctrl-C and SIGTERM ask the work to stop, as `stop` does; a second Ctrl-C means it."""

    def ask(number: int, _: object) -> None:
        stop()
        signal.signal(number, signal.SIG_DFL)

    before = {number: signal.signal(number, ask) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def run_of(options: argparse.Namespace) -> Run:
    """The run that is named, as it was after the epoch that is, if one is."""
    return Run.open(options.name).at(options.epoch)
