"""What run.json says about a run, checked."""

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
    """The content of run.json. Times are ISO 8601 in UTC; `train` is None for weights of unknown training."""

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
    data: str | None = None  # the fingerprint of its images, by `catalogue.key`; None until trained, and in older runs
    by: Owner | None = None  # whose session created it; None if not known
    resumed_by: Owner | None = None  # whose session resumed it last, if another's

    @property
    def trained_by(self) -> Owner | None:
        """Whose session started its last training."""
        return self.resumed_by or self.by

    def to_json(self) -> str:
        """The text of run.json."""
        values = {item.name: getattr(self, item.name) for item in fields(self)}
        for name in ("by", "resumed_by"):
            owner = values.pop(name)
            values |= {name: owner.to_json()} if owner else {}
        values["model"] = self.model.to_json()
        values["train"] = self.train.to_json() if self.train else None
        return json.dumps({"format": FORMAT, **values}, indent=2, ensure_ascii=False) + "\n"


def now() -> str:
    """The current time, in the format of run.json: ISO 8601, UTC."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def versions() -> dict[str, str]:
    """The versions that the results of a training depend on."""
    by_name = {"python": platform.python_version(), "system": f"{platform.system()} {platform.machine()}"}
    for package in ("torch", "numpy"):
        with contextlib.suppress(metadata.PackageNotFoundError):
            by_name[package] = metadata.version(package)
    return by_name


def whole_characters(text: str) -> str:
    """The text with a question mark for each half character, which browsers and terminals may send."""
    return text.encode(errors="replace").decode()


def _check(info: RunInfo) -> None:
    """Raises ValueError, TypeError or AttributeError if a field is invalid; the configurations check themselves."""
    if info.state not in ("queued", "running", "stopped", "finished", "failed") or type(info.shipped) is not bool:
        raise ValueError("not a state of a run")
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
    """The content of a run.json. Raises Damaged or FileNotFoundError."""
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
