"""A run is a folder: its options, its history, its weights after every epoch. Imports no torch."""

from __future__ import annotations

import contextlib
import hashlib
import re
import shutil
import uuid
from collections.abc import Iterator
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cae.config import ModelConfig, TrainConfig
from cae.data import catalogue
from cae.disk import reading
from cae.disk.files import clear_away, is_recent, reason, require_writable, runs_folder, whole_lines, write_whole
from cae.disk.locks import Lock, is_held
from cae.disk.tensors import LARGEST_WEIGHTS, Weights, damage
from cae.errors import Damaged, NotResumable, ReadOnly, RunBusy, RunNotFound, Unwritable
from cae.network.records import EpochRecord, Progress
from cae.runs.history import read_records
from cae.runs.info import RunInfo, State, now, read_info, whole_characters
from cae.runs.names import check_name, new_folder, places, the_names
from cae.runs.owners import Owner
from cae.runs.summary import Summary, summary_of
from cae.runs.weights import header_epoch, read_weights

if TYPE_CHECKING:
    from cae.data.images import Images
    from cae.network.model import ConvAutoencoder

_FRAME = re.compile(r"[0-9]{4}|[1-9][0-9]{4}")  # an epoch in the name of a file


class Run:
    """One run, by its folder, as it was after `epoch`; None means after its last."""

    def __init__(self, path: Path, epoch: int | None = None) -> None:
        self.path = path
        self.epoch = epoch

    def __repr__(self) -> str:
        return f"Run({self.name!r})" if self.epoch is None else f"Run({self.name!r}).at({self.epoch})"

    @property
    def name(self) -> str:
        """The name of the run and of its folder."""
        return self.path.name

    def again(self) -> Run:
        """The same run, to be read from the disk again."""
        return Run(self.path, self.epoch)

    def at(self, epoch: int | None) -> Run:
        """The run as it was after an epoch: its weights and measurements date from that epoch.

        None means after the last. Raises RunNotFound if the epoch was not kept.
        """
        if epoch is None or epoch == self.last_epoch():
            return Run(self.path)
        if not reading.is_there(self.weights_file(epoch)):
            kept = ", ".join(map(str, self.epochs())) or "none"
            raise RunNotFound(f"{self.name} has not kept epoch {epoch}; there are: {kept}.")
        return Run(self.path, epoch)

    def arguments(self) -> list[str]:
        """The run as arguments of the command line."""
        return [self.name] if self.epoch is None else [self.name, f"--epoch={self.epoch}"]

    @classmethod
    def open(cls, name: str) -> Run:
        """The run of this name, the user's own or a shipped one. Raises InvalidName or RunNotFound."""
        check_name(name)
        for folder in places():
            if reading.is_folder(folder / name):
                return cls(folder / name)
        from cae.runs.listing import all_runs

        known = ", ".join(run.name for run in all_runs()[:8])
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
        """Creates a run, to be trained. Raises RunExists, InvalidName, ReadOnly or Unwritable."""
        info = RunInfo(model, train, recipe, "queued", now(), note=whole_characters(note), by=by)
        with new_folder(name) as folder:
            write_whole(folder / "run.json", info.to_json().encode(errors="replace"))
        return cls(runs_folder() / name)

    @cached_property
    def info(self) -> RunInfo:
        """The content of run.json, read once. Raises Damaged."""
        return self._read_info()

    def _read_info(self) -> RunInfo:
        try:
            return read_info(self.path / "run.json")
        except FileNotFoundError:
            self.require_there()
            raise Damaged(f"{self.name} has no run.json: part of the run has been deleted.") from None

    def update(self, **changes: Any) -> None:
        """Changes fields of run.json. Raises Damaged, RunNotFound or Unwritable."""
        with self.writing(), Lock(self.path / "run.lock", timeout=10):
            info = replace(self._read_info(), **changes)
            clear_away(self.path, ".run.json.*.part")
            write_whole(self.path / "run.json", info.to_json().encode(errors="replace"))
        self.__dict__["info"] = info

    @contextlib.contextmanager
    def writing(self) -> Iterator[None]:
        """Raises RunNotFound or Unwritable, saying why, if the block cannot write a file of the run."""
        try:
            yield
        except OSError as error:
            self.require_there()
            raise Unwritable(f"{self.name} cannot be changed: {reason(error)}.") from error

    def require_there(self) -> None:
        """Raises RunNotFound if its folder is gone."""
        if not reading.is_folder(self.path):
            raise RunNotFound(f"{self.name} is gone: its folder has been deleted or renamed.")

    def annotate(self, note: str) -> None:
        """Replaces the note (at most 500 characters). Raises ReadOnly for a shipped run, and as `update` does."""
        self._require_own()
        self.update(note=" ".join(whole_characters(note).split())[:500])

    # -- description

    @property
    def dataset(self) -> str:
        """Its data set; MNIST for weights of unknown training. Raises Damaged."""
        return self.info.train.dataset if self.info.train else "mnist"

    def test_images(self) -> Images:
        """The test images of its data set. Raises DataUnavailable."""
        from cae.data.images import load

        return load(self.dataset, "test")

    @property
    def state(self) -> State:
        """Queued, running, stopped, finished, failed or damaged.

        The process that trains it holds its lock: if run.json says running and nobody holds the lock, it was cut off.
        """
        try:
            info = self.info
        except (Damaged, RunNotFound):
            return "damaged"
        if info.state in ("queued", "running"):
            return info.state if self.is_locked() or is_recent(self.path / "starting") else "stopped"
        try:
            is_lost = damage(self.path / "model.safetensors") is not None and self._has_weights()
        except Damaged:  # nobody knows whether there should be any
            return "damaged"
        return "damaged" if is_lost else info.state

    def is_live(self) -> bool:
        """Whether it is running or queued."""
        return self.state in ("queued", "running")

    def _has_weights(self) -> bool:
        """Whether there should be weights: it has finished at least an epoch."""
        return self.info.state == "finished" or bool(whole_lines(self.path / "history.jsonl"))

    def summary(self) -> Summary:
        """The run in one line; damaged files never raise."""
        return summary_of(self)

    def is_resumable(self) -> bool:
        """Whether it can be continued: it has not begun, or it has a resume state."""
        if self.info.train is None or self.info.shipped:
            return False
        return self.has_begun() or not whole_lines(self.path / "history.jsonl")

    def history(self) -> list[EpochRecord]:
        """The record of each epoch, in order. Raises Damaged."""
        return read_records(self.path / "history.jsonl", EpochRecord)

    def progress(self) -> list[Progress]:
        """The training loss within the epochs, thinned to at most 2,000 records. Raises Damaged."""
        return read_records(self.path / "progress.jsonl", Progress)

    # -- weights

    def epochs(self) -> list[int]:
        """The epochs whose weights are kept, in order; 0 means before the first step."""
        frames = reading.matching(self.path / "epochs", "[0-9]*.safetensors")
        kept = {int(path.stem) for path in frames if _FRAME.fullmatch(path.stem)}
        if reading.is_there(self.path / "model.safetensors"):
            kept.add(self.last_epoch())
        return sorted(kept)

    def last_epoch(self) -> int:
        """The epoch that model.safetensors was written after, whose record may not be there yet.

        If the file does not say, that of the last record; 0 if there is none.
        """
        epoch = header_epoch(self.path / "model.safetensors")
        if epoch is not None:
            return epoch
        history = self.history()
        return history[-1].epoch if history else 0

    def record(self) -> EpochRecord | None:
        """The record of its epoch; None if there is none, as before the first."""
        epoch = self.last_epoch() if self.epoch is None else self.epoch
        return next((record for record in self.history() if record.epoch == epoch), None)

    def weights(self, epoch: int | None = None) -> Weights:
        """The float32 weights by name, of its epoch or of another. Raises RunNotFound, Damaged or DoesNotFit."""
        path = self.weights_file(epoch)
        if not reading.is_there(path):
            raise self._no_weights(self.epoch if epoch is None else epoch)
        return read_weights(path, self.info.model)

    def _no_weights(self, epoch: int | None) -> RunNotFound:
        self.require_there()
        why = "it has not finished an epoch yet" if epoch is None else f"epoch {epoch} was not kept"
        return RunNotFound(f"There are no weights in {self.name}: {why}.")

    def weights_file(self, epoch: int | None = None) -> Path:
        """The file of the weights after an epoch, by default its own; it need not exist."""
        last = self.path / "model.safetensors"
        epoch = self.epoch if epoch is None else epoch
        if epoch is None or (epoch == self.last_epoch() and reading.is_there(last)):
            return last
        return self.path / "epochs" / f"{epoch:04d}.safetensors"

    def weights_hash(self) -> str:
        """The SHA-256 of its weights' file, under which everything computed from them is cached."""
        return hashlib.sha256(self.weights_content()).hexdigest()

    def weights_content(self) -> bytes:
        """The content of its weights' file. Raises RunNotFound or Damaged."""
        path = self.weights_file()
        try:
            return reading.content(path, LARGEST_WEIGHTS)
        except FileNotFoundError:
            raise self._no_weights(self.epoch) from None
        except OSError as error:
            raise Damaged(f"{self.name}/{path.name} cannot be read: {error.strerror}.") from error

    def model(self, epoch: int | None = None) -> ConvAutoencoder:
        """The network with these weights, on the CPU, for inference. Raises as `weights` does."""
        import torch

        from cae.network.model import ConvAutoencoder

        model = ConvAutoencoder(self.info.model)
        model.load_state_dict({name: torch.from_numpy(value) for name, value in self.weights(epoch).items()})
        return model.eval().requires_grad_(False)

    def model_and_hash(self) -> tuple[ConvAutoencoder, str]:
        """The network and the hash of its weights, which belong together even while a training replaces them."""
        digest, model = self.weights_hash(), self.model()
        while self.weights_hash() != digest:
            digest, model = self.weights_hash(), self.model()
        return model, digest

    # -- guards

    def lock(self, job: str = "train") -> Lock:
        """The lock that the process of this job holds while it lives."""
        return Lock(self.path / f"{job}.lock")

    def is_locked(self, job: str = "train") -> bool:
        """Whether a process holds that lock."""
        return is_held(self.path / f"{job}.lock")

    def require_idle(self) -> None:
        """Raises RunBusy if it is running or queued."""
        if self.is_live():
            raise RunBusy(f"{self.name} is being trained: stop it first.")

    def _require_own(self) -> None:
        require_writable()
        with contextlib.suppress(Damaged, RunNotFound):
            if self.info.shipped:
                raise ReadOnly(f"{self.name} comes with the project and cannot be changed.")

    def require_resumable(self) -> None:
        """Raises NotResumable, RunBusy or ReadOnly if it cannot be continued, saying why."""
        require_writable()
        self.require_idle()
        if self.info.train is None:
            raise NotResumable(f"{self.name} was imported as weights alone: its training is not known.")
        if self.info.shipped:
            raise NotResumable(
                f"{self.name} comes with the project, without the state to continue from: "
                "train a run of your own with the same settings."
            )
        if not self.is_resumable():
            raise NotResumable(f"{self.name} cannot be continued: its resume.safetensors is missing.")
        self.require_same_pictures()

    def has_begun(self) -> bool:
        """Whether it has a resume state."""
        return reading.is_there(self.path / "resume.safetensors")

    def require_same_pictures(self) -> None:
        """Raises NotResumable if the images of its data set have changed since it began to train.

        Raises DataUnavailable or Damaged if they cannot be read.
        """
        train, noted = self.info.train, self.info.data
        if train and noted and self.has_begun() and noted != catalogue.key(train.dataset):
            raise NotResumable(
                f"{self.name} cannot be continued: the images of the data set {train.dataset} have changed since it "
                "was trained. Restore the old ones, or train a new run."
            )

    def delete(self) -> None:
        """Removes the folder, which disappears at once. Raises RunBusy, ReadOnly, RunNotFound or Unwritable."""
        self._require_own()
        trash = self.path.with_name(f".deleted-{uuid.uuid4().hex}")
        try:
            with the_names(self.path.parent):  # so that nobody resumes it meanwhile
                self.require_there()
                self.again().require_idle()
                self.path.rename(trash)
        except OSError as error:
            raise Unwritable(f"{self.name} cannot be deleted: {reason(error)}.") from error
        for each in (trash, *reading.matching(self.path.parent, ".deleted-*")):  # and what could not be removed before
            shutil.rmtree(each, ignore_errors=True)
