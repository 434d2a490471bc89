"""The records that a training has written to its folder, one line of JSON each: results of epochs, and progress."""

from __future__ import annotations

import contextlib
import itertools
import json
from pathlib import Path

from cae.disk.files import whole_lines
from cae.errors import Damaged
from cae.network.records import EpochRecord, R, from_line, from_values


def read_records(path: Path, kind: type[R]) -> list[R]:
    """The records in a file, in order; [] if there is no file. Raises Damaged, naming the line."""
    name, records = f"{path.parent.name}/{path.name}", _parsed(path, kind)
    for number, (before, record) in enumerate(itertools.pairwise(records), start=2):
        is_next = record.epoch > before.epoch if kind is EpochRecord else record.epoch >= before.epoch
        if not is_next or record.step <= before.step:
            raise Damaged(f"Line {number} of {name} is damaged: it does not follow the line before.")
    return records


def _parsed(path: Path, kind: type[R]) -> list[R]:
    lines = whole_lines(path)
    with contextlib.suppress(ValueError, TypeError, RecursionError):  # all at once, which is a third faster
        values = json.loads(f"[{','.join(lines)}]")
        if len(values) == len(lines):
            return [from_values(kind, each) for each in values]
    records = []
    for number, line in enumerate(lines, start=1):
        try:
            records.append(from_line(kind, line))
        except (ValueError, TypeError, RecursionError) as error:
            raise Damaged(f"Line {number} of {path.parent.name}/{path.name} is damaged.") from error
    return records
