"""What run.json says of a run, and whether it can be."""

from __future__ import annotations

import contextlib
import itertools
import json
import platform
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Literal

from cae.config import ModelConfig, TrainConfig, from_json
from cae.disk import reading
from cae.errors import CaeError, Damaged
from cae.runs import owners
from cae.runs.owners import Owner

FORMAT = 1
LARGEST_INFO = 2**20  # bytes of run.json
State = Literal["queued", "running", "stopped", "finished", "failed", "damaged"]
_LONGEST = 10_000  # characters of a text in run.json
_MOST_THREADS = 1024


@dataclass(frozen=True)
class RunInfo:
    """What run.json says. Times are ISO 8601 in UTC; `train` is None for weights whose training is not known."""

    model: ModelConfig
    train: TrainConfig | None
    recipe: str
    state: State
    created: str
    queued: str | None = None
    started: str | None = None
    finished: str | None = None
    reason: str = ""  # why it failed
    note: str = ""
    shipped: bool = False
    device: str = "cpu"
    threads: int | None = None
    versions: dict[str, str] | None = None
    data: str | None = None  # which pictures it is trained on, by `datasets.key`; None before, and in older runs
    by: Owner | None = None  # whose session made it; None where that is not known
    resumed_by: Owner | None = None  # whose session had it trained on last, where that was another

    @property
    def trained_by(self) -> Owner | None:
        """Whose session started its last training."""
        return self.resumed_by or self.by

    def to_json(self) -> str:
        """The text of run.json."""
        values = {item.name: getattr(self, item.name) for item in fields(self)}
        for name in ("by", "resumed_by"):
            found = values.pop(name)
            values |= {name: found.to_json()} if found else {}
        values["model"] = self.model.to_json()
        values["train"] = self.train.to_json() if self.train else None
        return json.dumps({"format": FORMAT, **values}, indent=2, ensure_ascii=False) + "\n"


def now() -> str:
    """The time as run.json writes it: ISO 8601, UTC."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def versions() -> dict[str, str]:
    """What the numbers of a run depend on."""
    found = {"python": platform.python_version(), "system": f"{platform.system()} {platform.machine()}"}
    for package in ("torch", "numpy"):
        with contextlib.suppress(metadata.PackageNotFoundError):
            found[package] = metadata.version(package)
    return found


def whole_characters(text: str) -> str:
    """The text with a question mark for each half of a character: a browser may send one, and a command line."""
    return text.encode(errors="replace").decode()


def _check(info: RunInfo) -> None:
    """Raises ValueError, TypeError or AttributeError where a field but the configurations holds what it cannot."""
    if info.state not in ("queued", "running", "stopped", "finished", "failed") or type(info.shipped) is not bool:
        raise ValueError("no state of a run")
    for words in (info.recipe, info.reason, info.note, info.device, info.data or ""):
        reading.text(words, _LONGEST)
    reading.moment(info.created)
    for when in (info.queued, info.started, info.finished):
        if when is not None:
            reading.moment(when)
    if info.threads is not None:
        reading.whole(info.threads, 1, _MOST_THREADS)
    for each in itertools.chain.from_iterable((info.versions or {}).items()):
        reading.text(each, 100)


def read_info(path: Path) -> RunInfo:
    """What a run.json says. Raises Damaged, and FileNotFoundError."""
    name = f"{path.parent.name}/{path.name}"
    try:
        values = reading.values(path, LARGEST_INFO)
        if reading.whole(values.pop("format"), 1) > FORMAT:
            raise Damaged(f"{name} was written by a newer version of this laboratory: update it.")
        values["model"] = from_json(ModelConfig, values["model"])
        if values["train"] is not None:
            values["train"] = from_json(TrainConfig, values["train"])
        for owner in ("by", "resumed_by"):
            values[owner] = owners.from_json(values.get(owner))
        info = RunInfo(**values)
        _check(info)
    except FileNotFoundError:
        raise
    except CaeError as error:
        raise (error if isinstance(error, Damaged) else Damaged(f"{name} is damaged: {error}")) from error
    except OSError as error:
        raise Damaged(f"{name} cannot be read: {error.strerror}.") from error
    except reading.UNREADABLE as error:
        raise Damaged(f"{name} is damaged and cannot be read.") from error
    return info
