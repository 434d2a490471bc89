"""A run is a folder: its options, its history, its weights after every epoch. Imports no torch."""

from __future__ import annotations

import contextlib
import hashlib
import itertools
import json
import os
import platform
import re
import shutil
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from datetime import UTC, datetime
from functools import cached_property
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from filelock import FileLock

from cae import owners
from cae.config import ModelConfig, TrainConfig, differences, from_json
from cae.errors import (
    CaeError,
    Damaged,
    InvalidName,
    NotResumable,
    ReadOnly,
    RunBusy,
    RunExists,
    RunNotFound,
    Unwritable,
)
from cae.files import SHIPPED_RUNS, is_held, is_recent, require_writable, runs_folder, whole_lines, write_whole
from cae.owners import Owner
from cae.records import EpochRecord, Progress, from_line, from_values
from cae.weights import Weights, damage, read_weights

if TYPE_CHECKING:
    from cae.model import ConvAutoencoder

FORMAT = 1
State = Literal["queued", "running", "stopped", "finished", "failed", "damaged"]
_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,63}")
_RESERVED = {"con", "prn", "aux", "nul"} | {f"{port}{digit}" for port in ("com", "lpt") for digit in range(10)}


def check_name(name: str) -> str:
    """The name itself. Raises InvalidName unless it can be a run's on every system."""
    if not _NAME.fullmatch(name):
        shown = name if len(name) <= 40 else name[:37] + "..."
        raise InvalidName(
            f"A run cannot be called {shown!r}: use up to 64 lower-case letters, digits and hyphens, "
            "beginning with a letter or a digit."
        )
    if name in _RESERVED:
        raise InvalidName(f"A run cannot be called {name!r}: Windows keeps that name for itself.")
    return name


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


@dataclass(frozen=True)
class Summary:
    """A run in one line, as lists show it. `best_mse` is the lowest held-out MSE, on [-1, 1]."""

    name: str
    state: State
    reason: str
    created: str
    epochs_done: int
    epochs: int | None
    best_mse: float | None
    last: EpochRecord | None
    differs: tuple[tuple[str, Any], ...]
    note: str
    shipped: bool
    resumable: bool
    by: Owner | None = None
    resumed_by: Owner | None = None
    queued: str | None = None


class Run:
    """One run, by the folder it lives in, and as it was after `epoch`: where that is None, after its last."""

    def __init__(self, path: Path, epoch: int | None = None) -> None:
        self.path = path
        self.epoch = epoch

    def __repr__(self) -> str:
        return f"Run({self.name!r})" if self.epoch is None else f"Run({self.name!r}).at({self.epoch})"

    @property
    def name(self) -> str:
        """The run's name: its folder's."""
        return self.path.name

    def again(self) -> Run:
        """The same run, to be read anew."""
        return Run(self.path, self.epoch)

    def at(self, epoch: int | None) -> Run:
        """The run as it was after a kept epoch: its weights, and all that is measured of them, are those of then.

        None is after the last. Raises RunNotFound where the epoch was not kept.
        """
        if epoch is None or epoch == self.last_epoch():
            return Run(self.path)
        if not self.weights_file(epoch).exists():
            kept = ", ".join(map(str, self.epochs())) or "none"
            raise RunNotFound(f"{self.name} has not kept its epoch {epoch}; there are: {kept}.")
        return Run(self.path, epoch)

    def arguments(self) -> list[str]:
        """How the command line is told of it."""
        return [self.name] if self.epoch is None else [self.name, f"--epoch={self.epoch}"]

    @classmethod
    def open(cls, name: str) -> Run:
        """The run of this name, among the user's own and those shipped. Raises InvalidName or RunNotFound."""
        check_name(name)
        for folder in _run_folders():
            if (folder / name).is_dir():
                return cls(folder / name)
        known = ", ".join(run.name for run in _all_runs()[:8])
        raise RunNotFound(f"There is no run called {name!r}." + (f" There are: {known}." if known else ""))

    @classmethod
    def create(
        cls,
        name: str,
        model: ModelConfig,
        train: TrainConfig | None,
        *,
        recipe: str = "",
        note: str = "",
        by: Owner | None = None,
    ) -> Run:
        """A new run, waiting to be trained. Raises RunExists, InvalidName or ReadOnly."""
        info = RunInfo(model, train, recipe, "queued", now(), note=note, by=by)
        with new_folder(name) as folder:
            write_whole(folder / "run.json", info.to_json().encode())
        return cls(runs_folder() / name)

    @cached_property
    def info(self) -> RunInfo:
        """What run.json says, read once. Raises Damaged."""
        return self._read_info()

    def _read_info(self) -> RunInfo:
        path = self.path / "run.json"
        try:
            values = json.loads(path.read_text(encoding="utf-8"))
            if values.pop("format") > FORMAT:
                raise Damaged(f"{self.name}/run.json was written by a newer version of this laboratory: update it.")
            values["model"] = from_json(ModelConfig, values["model"])
            if values["train"] is not None:
                values["train"] = from_json(TrainConfig, values["train"])
            for name in ("by", "resumed_by"):
                values[name] = owners.from_json(values.get(name))
            info = RunInfo(**values)
            texts = (info.recipe, info.state, info.created, info.reason, info.note)
            if info.state not in ("queued", "running", "stopped", "finished", "failed"):
                raise ValueError("state")
            if not all(isinstance(text, str) for text in texts) or not isinstance(info.shipped, bool):
                raise TypeError
            datetime.fromisoformat(info.created)
        except FileNotFoundError:
            raise Damaged(f"{self.name} has no run.json: a part of the run has been deleted.") from None
        except CaeError as error:
            raise (
                error if isinstance(error, Damaged) else Damaged(f"{self.name}/run.json is damaged: {error}")
            ) from error
        except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
            raise Damaged(f"{self.name}/run.json is damaged and cannot be read.") from error
        return info

    def update(self, **changes: Any) -> None:
        """Writes run.json anew with some of its fields changed."""
        with FileLock(self.path / "run.lock", timeout=10):
            info = replace(self._read_info(), **changes)
            write_whole(self.path / "run.json", info.to_json().encode())
        self.__dict__["info"] = info

    def annotate(self, note: str) -> None:
        """Replaces the note, at most 500 characters. Raises ReadOnly for a shipped run."""
        self._require_own()
        self.update(note=" ".join(note.split())[:500])

    # -- what it says of itself

    @property
    def state(self) -> State:
        """Queued, running, stopped, finished, failed or damaged.

        A process that works on the run holds its lock: where run.json says running and nobody does, it was cut off.
        """
        try:
            info = self.info
        except Damaged:
            return "damaged"
        if info.state in ("queued", "running"):
            return info.state if self.is_locked() or is_recent(self.path / "starting") else "stopped"
        return info.state if damage(self.path / "model.safetensors") is None or not self._has_weights() else "damaged"

    def is_live(self) -> bool:
        """Whether a process is training it or waiting to."""
        return self.state in ("queued", "running")

    def _has_weights(self) -> bool:
        """Whether there should be weights: it finished, or an epoch of it did."""
        return self.info.state == "finished" or bool(whole_lines(self.path / "history.jsonl"))

    def summary(self) -> Summary:
        """One line about it; never raises for what the files hold."""
        state = self.state
        try:
            info = self.info
        except Damaged as error:
            return Summary(self.name, "damaged", str(error), "", 0, None, None, None, (), "", False, False)
        try:
            history, reason = self.history(), info.reason
        except Damaged as error:
            history, reason, state = [], str(error), "damaged"
        if state == "stopped" and info.state != "stopped":
            reason = "It was cut off; resuming takes it up where it was last saved."
        if state == "damaged" and not reason:
            reason = f"{self.name}/{damage(self.path / 'model.safetensors')}"
        return Summary(
            name=self.name,
            state=state,
            reason=reason,
            created=info.created,
            epochs_done=history[-1].epoch if history else 0,
            epochs=info.train.epochs if info.train else None,
            best_mse=min((record.held_out_mse for record in history), default=None),
            last=history[-1] if history else None,
            differs=tuple(differences(info.model, info.train)),
            note=info.note,
            shipped=info.shipped,
            resumable=state not in ("damaged", "queued", "running") and self.is_resumable(),
            by=info.by,
            resumed_by=info.resumed_by,
            queued=info.queued,
        )

    def is_resumable(self) -> bool:
        """Whether it can be trained on: it never began, or its resume state is there."""
        if self.info.train is None or self.info.shipped:
            return False
        return (self.path / "resume.safetensors").exists() or not whole_lines(self.path / "history.jsonl")

    def history(self) -> list[EpochRecord]:
        """A record an epoch, in order. Raises Damaged."""
        return self._records("history.jsonl", EpochRecord)

    def progress(self) -> list[Progress]:
        """The training loss between the epochs' ends, thinned to at most 2,000 records. Raises Damaged."""
        return self._records("progress.jsonl", Progress)

    def _records(self, file: str, kind: Any) -> list[Any]:
        lines = whole_lines(self.path / file)
        with contextlib.suppress(ValueError, TypeError, RecursionError):  # all at once, which is a third faster
            values = json.loads(f"[{','.join(lines)}]")
            if len(values) == len(lines):
                return [from_values(kind, each) for each in values]
        records = []
        for number, line in enumerate(lines, start=1):
            try:
                records.append(from_line(kind, line))
            except (ValueError, TypeError, RecursionError) as error:
                raise Damaged(f"Line {number} of {self.name}/{file} is damaged.") from error
        return records

    # -- weights

    def epochs(self) -> list[int]:
        """The epochs whose weights are kept, in order; 0 is before the first step."""
        kept = {int(path.stem) for path in (self.path / "epochs").glob("[0-9]*.safetensors") if path.stem.isdigit()}
        if (self.path / "model.safetensors").exists():
            kept.add(self.last_epoch())
        return sorted(kept)

    def last_epoch(self) -> int:
        """The epoch that model.safetensors was written after; 0 where that is not known."""
        history = self.history()
        return history[-1].epoch if history else 0

    def record(self) -> EpochRecord | None:
        """What was measured after its epoch; None where nothing was, as before the first."""
        history = self.history()
        if self.epoch is None:
            return history[-1] if history else None
        return next((record for record in history if record.epoch == self.epoch), None)

    def weights(self, epoch: int | None = None) -> Weights:
        """The weights by name, float32: of its epoch, or of another that was kept. Raises Damaged or DoesNotFit."""
        path = self.weights_file(epoch)
        if not path.exists():
            epoch = self.epoch if epoch is None else epoch
            what = "it has not finished an epoch yet" if epoch is None else f"epoch {epoch} was not kept"
            raise RunNotFound(f"There are no weights in {self.name}: {what}.")
        return read_weights(path, self.info.model)

    def weights_file(self, epoch: int | None = None) -> Path:
        """Where the weights after an epoch are kept, or would be; without one, those of its own."""
        last = self.path / "model.safetensors"
        epoch = self.epoch if epoch is None else epoch
        if epoch is None or (epoch == self.last_epoch() and last.exists()):
            return last
        return self.path / "epochs" / f"{epoch:04d}.safetensors"

    def weights_hash(self) -> str:
        """The SHA-256 of the file of its weights: what everything computed from them is cached under."""
        try:
            return hashlib.sha256(self.weights_file().read_bytes()).hexdigest()
        except FileNotFoundError:
            what = "it has not finished an epoch yet" if self.epoch is None else f"epoch {self.epoch} was not kept"
            raise RunNotFound(f"There are no weights in {self.name}: {what}.") from None

    def model(self, epoch: int | None = None) -> ConvAutoencoder:
        """The network with these weights, on the CPU, ready to be used. Raises as `weights` does."""
        import torch

        from cae.model import ConvAutoencoder

        model = ConvAutoencoder(self.info.model)
        model.load_state_dict({name: torch.from_numpy(value) for name, value in self.weights(epoch).items()})
        return model.eval().requires_grad_(False)

    def model_and_hash(self) -> tuple[ConvAutoencoder, str]:
        """The network with the last weights, and their hash, also while a training replaces them."""
        weights, model = self.weights_hash(), self.model()
        while self.weights_hash() != weights:
            weights, model = self.weights_hash(), self.model()
        return model, weights

    # -- one process at a time

    def lock(self, job: str = "train") -> FileLock:
        """The lock that a process working on this run holds while it lives."""
        return FileLock(self.path / f"{job}.lock")

    def is_locked(self, job: str = "train") -> bool:
        """Whether a process holds that lock now."""
        return is_held(self.path / f"{job}.lock")

    def require_idle(self) -> None:
        """Raises RunBusy while it is being trained."""
        if self.is_live():
            raise RunBusy(f"{self.name} is being trained: stop it first.")

    def _require_own(self) -> None:
        require_writable()
        with contextlib.suppress(Damaged):
            if self.info.shipped:
                raise ReadOnly(f"{self.name} comes with the project and stays as it is.")

    def require_resumable(self) -> None:
        """Raises NotResumable, RunBusy or ReadOnly, saying why it cannot be trained on."""
        require_writable()
        self.require_idle()
        if self.info.train is None:
            raise NotResumable(f"{self.name} was imported as weights alone: how to train it on is not known.")
        if self.info.shipped:
            raise NotResumable(
                f"{self.name} comes with the project, without the state to continue from: "
                "train a run of your own with the same settings."
            )
        if not self.is_resumable():
            raise NotResumable(f"{self.name} cannot be continued: its resume.safetensors is missing.")

    def delete(self) -> None:
        """Removes the folder; it disappears at once and whole. Raises RunBusy, ReadOnly or Unwritable."""
        self._require_own()
        self.require_idle()
        trash = self.path.with_name(f".deleted-{uuid.uuid4().hex}")
        try:
            self.path.rename(trash)
        except OSError as error:
            raise Unwritable(f"{self.name} cannot be deleted: {error.strerror or error}.") from error
        shutil.rmtree(trash, ignore_errors=True)


def names() -> list[str]:
    """The names of all runs, those that changed last first."""
    return [run.name for run in sorted(_all_runs(), key=_last_change, reverse=True)]


def _last_change(run: Run) -> float:
    try:
        return (run.path / "run.json").stat().st_mtime
    except OSError:
        return 0.0


def is_any_live() -> bool:
    """Whether any run is being trained or waits to be."""
    return any(run.is_live() for run in _all_runs())


def live() -> list[Run]:
    """The runs that are being trained or wait to be."""
    return [run for run in _all_runs() if run.is_live()]


def summaries() -> list[Summary]:
    """One line a run, the newest first; damaged ones last."""
    return sorted((run.summary() for run in _all_runs()), key=lambda found: found.created, reverse=True)


def free_name(stem: str) -> str:
    """`stem`, or the first of stem-2, stem-3, ... that no run has."""
    taken = {run.name for run in _all_runs()}
    names = itertools.chain([stem], (f"{stem[:58]}-{number}" for number in itertools.count(2)))
    return next(name for name in names if name not in taken)


def _run_folders() -> list[Path]:
    return list(dict.fromkeys((runs_folder(), SHIPPED_RUNS)))


def _all_runs() -> list[Run]:
    found: dict[str, Run] = {}
    for folder in _run_folders():
        with contextlib.suppress(OSError), os.scandir(folder) as entries:
            for entry in entries:
                if not _NAME.fullmatch(entry.name) or entry.name in found or not entry.is_dir():
                    continue
                if folder == runs_folder() or (Path(entry.path) / "run.json").exists():
                    found[entry.name] = Run(Path(entry.path))
    return list(found.values())


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


@contextlib.contextmanager
def new_folder(name: str) -> Iterator[Path]:
    """A folder to fill, which becomes the run `name` when the block ends; nothing is left behind where it fails.

    Raises InvalidName, ReadOnly or RunExists.
    """
    check_name(name)
    require_writable()
    folder = runs_folder()
    workshop = folder / f".new-{uuid.uuid4().hex}"
    try:
        (workshop / name).mkdir(parents=True)
        _require_free(name)
        yield workshop / name
        with FileLock(folder / ".names.lock", timeout=10):
            _require_free(name)
            (workshop / name).rename(folder / name)
    except OSError as error:
        raise Unwritable(f"A run cannot be made in {folder}: {error.strerror or error}.") from error
    finally:
        shutil.rmtree(workshop, ignore_errors=True)


def _require_free(name: str) -> None:
    if any((place / name).exists() for place in _run_folders()):
        raise RunExists(f"There is a run called {name!r} already: choose another name.")
