"""The command line: which commands there are, and what is said of a mistake."""

from __future__ import annotations

import argparse
import contextlib
import sys
from collections.abc import Sequence
from typing import Any, NoReturn

from cae.commands import classroom, exports, imports, measure, train
from cae.commands.terminal import print
from cae.disk.files import reason
from cae.errors import CaeError


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        """One sentence, as for every other mistake."""
        print(f"{self.prog}: {message} (see {self.prog} --help)", file=sys.stderr)
        raise SystemExit(2)


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command and returns its exit code: 0, or 2 with one sentence on stderr."""
    options = _parser().parse_args(arguments)
    try:
        code = options.command(options)
        sys.stdout.flush()
    except CaeError as error:
        print(f"cae: {error}", file=sys.stderr)
        return 2
    except BrokenPipeError:  # the reader of our output has gone, as `| head` does
        sys.stderr.close()
        return 0
    except OSError as error:
        if error.filename is not None:  # not what is printed
            raise
        print(f"cae: Cannot write the output: {reason(error)}.", file=sys.stderr)
        with contextlib.suppress(OSError):
            sys.stdout.close()
        return 2
    return code or 0


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="python -m cae", description="A laboratory for a convolutional autoencoder.")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True, parser_class=_Parser)

    def command(name: str, action: Any, help: str) -> argparse.ArgumentParser:
        found: argparse.ArgumentParser = commands.add_parser(name, help=help, description=help)
        found.set_defaults(command=action)
        return found

    for group in (train, measure, imports, exports, classroom):
        group.add(command)
    return parser
