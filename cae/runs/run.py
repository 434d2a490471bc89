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

_FRAME = re.compile(r"[0-9]{4}|[1-9][0-9]{4}")  # the number of an epoch, in the name of a file


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
        if not reading.is_there(self.weights_file(epoch)):
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
        """A new run, waiting to be trained. Raises RunExists, InvalidName or ReadOnly."""
        info = RunInfo(model, train, recipe, "queued", now(), note=whole_characters(note), by=by)
        with new_folder(name) as folder:
            write_whole(folder / "run.json", info.to_json().encode(errors="replace"))
        return cls(runs_folder() / name)

    @cached_property
    def info(self) -> RunInfo:
        """What run.json says, read once. Raises Damaged."""
        return self._read_info()

    def _read_info(self) -> RunInfo:
        try:
            return read_info(self.path / "run.json")
        except FileNotFoundError:
            self.require_there()
            raise Damaged(f"{self.name} has no run.json: a part of the run has been deleted.") from None

    def update(self, **changes: Any) -> None:
        """Writes run.json anew with some of its fields changed. Raises Damaged, RunNotFound or Unwritable."""
        with self.writing(), Lock(self.path / "run.lock", timeout=10):
            info = replace(self._read_info(), **changes)
            clear_away(self.path, ".run.json.*.part")
            write_whole(self.path / "run.json", info.to_json().encode(errors="replace"))
        self.__dict__["info"] = info

    @contextlib.contextmanager
    def writing(self) -> Iterator[None]:
        """Where a file of the run cannot be written in the block, raises RunNotFound or Unwritable, saying why."""
        try:
            yield
        except OSError as error:
            self.require_there()
            raise Unwritable(f"{self.name} cannot be changed: {reason(error)}.") from error

    def require_there(self) -> None:
        """Raises RunNotFound where its folder is not there any more."""
        if not reading.is_folder(self.path):
            raise RunNotFound(f"{self.name} is not there any more: its folder has been deleted or renamed.")

    def annotate(self, note: str) -> None:
        """Replaces the note, at most 500 characters. Raises ReadOnly for a shipped run, and as `update` does."""
        self._require_own()
        self.update(note=" ".join(whole_characters(note).split())[:500])

    # -- what it says of itself

    @property
    def dataset(self) -> str:
        """The data set that it is about; MNIST for weights whose training is not known. Raises Damaged."""
        return self.info.train.dataset if self.info.train else "mnist"

    def test_images(self) -> Images:
        """The test images of its data set. Raises DataUnavailable."""
        from cae.data.images import load

        return load(self.dataset, "test")

    @property
    def state(self) -> State:
        """Queued, running, stopped, finished, failed or damaged.

        A process that works on the run holds its lock: where run.json says running and nobody does, it was cut off.
        """
        try:
            info = self.info
        except (Damaged, RunNotFound):
            return "damaged"
        if info.state in ("queued", "running"):
            return info.state if self.is_locked() or is_recent(self.path / "starting") else "stopped"
        try:
            is_lost = damage(self.path / "model.safetensors") is not None and self._has_weights()
        except Damaged:  # whether there should be any is not known
            return "damaged"
        return "damaged" if is_lost else info.state

    def is_live(self) -> bool:
        """Whether a process is training it or waiting to."""
        return self.state in ("queued", "running")

    def _has_weights(self) -> bool:
        """Whether there should be weights: it finished, or an epoch of it did."""
        return self.info.state == "finished" or bool(whole_lines(self.path / "history.jsonl"))

    def summary(self) -> Summary:
        """One line about it; never raises for what the files hold."""
        return summary_of(self)

    def is_resumable(self) -> bool:
        """Whether it can be trained on: it never began, or its resume state is there."""
        if self.info.train is None or self.info.shipped:
            return False
        return self.has_begun() or not whole_lines(self.path / "history.jsonl")

    def history(self) -> list[EpochRecord]:
        """A record an epoch, in order. Raises Damaged."""
        return read_records(self.path / "history.jsonl", EpochRecord)

    def progress(self) -> list[Progress]:
        """The training loss between the epochs' ends, thinned to at most 2,000 records. Raises Damaged."""
        return read_records(self.path / "progress.jsonl", Progress)

    # -- weights

    def epochs(self) -> list[int]:
        """The epochs whose weights are kept, in order; 0 is before the first step."""
        frames = reading.matching(self.path / "epochs", "[0-9]*.safetensors")
        kept = {int(path.stem) for path in frames if _FRAME.fullmatch(path.stem)}
        if reading.is_there(self.path / "model.safetensors"):
            kept.add(self.last_epoch())
        return sorted(kept)

    def last_epoch(self) -> int:
        """The epoch that model.safetensors was written after, though its record may not be there yet.

        Weights that do not say are taken for those of the last record; 0 where there is none.
        """
        said = header_epoch(self.path / "model.safetensors")
        if said is not None:
            return said
        history = self.history()
        return history[-1].epoch if history else 0

    def record(self) -> EpochRecord | None:
        """What was measured after its epoch; None where nothing was, as before the first."""
        epoch = self.last_epoch() if self.epoch is None else self.epoch
        return next((record for record in self.history() if record.epoch == epoch), None)

    def weights(self, epoch: int | None = None) -> Weights:
        """The weights by name, float32: of its epoch, or of another that was kept. Raises Damaged or DoesNotFit."""
        path = self.weights_file(epoch)
        if not reading.is_there(path):
            raise self._no_weights(self.epoch if epoch is None else epoch)
        return read_weights(path, self.info.model)

    def _no_weights(self, epoch: int | None) -> RunNotFound:
        self.require_there()
        why = "it has not finished an epoch yet" if epoch is None else f"epoch {epoch} was not kept"
        return RunNotFound(f"There are no weights in {self.name}: {why}.")

    def weights_file(self, epoch: int | None = None) -> Path:
        """Where the weights after an epoch are kept, or would be; without one, those of its own."""
        last = self.path / "model.safetensors"
        epoch = self.epoch if epoch is None else epoch
        if epoch is None or (epoch == self.last_epoch() and reading.is_there(last)):
            return last
        return self.path / "epochs" / f"{epoch:04d}.safetensors"

    def weights_hash(self) -> str:
        """The SHA-256 of the file of its weights: what everything computed from them is cached under."""
        return hashlib.sha256(self.weights_content()).hexdigest()

    def weights_content(self) -> bytes:
        """The file of its weights as it is. Raises RunNotFound or Damaged."""
        path = self.weights_file()
        try:
            return reading.content(path, LARGEST_WEIGHTS)
        except FileNotFoundError:
            raise self._no_weights(self.epoch) from None
        except OSError as error:
            raise Damaged(f"{self.name}/{path.name} cannot be read: {error.strerror}.") from error

    def model(self, epoch: int | None = None) -> ConvAutoencoder:
        """The network with these weights, on the CPU, ready to be used. Raises as `weights` does."""
        import torch

        from cae.network.model import ConvAutoencoder

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

    def lock(self, job: str = "train") -> Lock:
        """The lock that a process working on this run holds while it lives."""
        return Lock(self.path / f"{job}.lock")

    def is_locked(self, job: str = "train") -> bool:
        """Whether a process holds that lock now."""
        return is_held(self.path / f"{job}.lock")

    def require_idle(self) -> None:
        """Raises RunBusy while it is being trained."""
        if self.is_live():
            raise RunBusy(f"{self.name} is being trained: stop it first.")

    def _require_own(self) -> None:
        require_writable()
        with contextlib.suppress(Damaged, RunNotFound):
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
        self.require_same_pictures()

    def has_begun(self) -> bool:
        """Whether there is a state to continue from."""
        return reading.is_there(self.path / "resume.safetensors")

    def require_same_pictures(self) -> None:
        """Raises NotResumable where its data set holds others now than those it has begun to be trained on.

        Raises DataUnavailable or Damaged where that cannot be known.
        """
        train, noted = self.info.train, self.info.data
        if train and noted and self.has_begun() and noted != catalogue.key(train.dataset):
            raise NotResumable(
                f"{self.name} cannot be continued: the data set {train.dataset} holds other pictures now than those it "
                "was trained on. Make it of the old ones again, or train a new run."
            )

    def delete(self) -> None:
        """Removes the folder; it disappears at once and whole. Raises RunBusy, ReadOnly or Unwritable."""
        self._require_own()
        trash = self.path.with_name(f".deleted-{uuid.uuid4().hex}")
        try:
            with the_names(self.path.parent):  # nobody begins to train it meanwhile
                self.require_there()
                self.again().require_idle()
                self.path.rename(trash)
        except OSError as error:
            raise Unwritable(f"{self.name} cannot be deleted: {reason(error)}.") from error
        for each in (trash, *reading.matching(self.path.parent, ".deleted-*")):  # also what could not be removed before
            shutil.rmtree(each, ignore_errors=True)
