"""Exports a run for other programs: ONNX, plain PyTorch, the Embedding Projector, TensorBoard."""

from __future__ import annotations

import importlib
import io
import json
import re
import shutil
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from cae.disk.files import put_folder, write_whole
from cae.errors import InvalidOption, NotInstalled, Unwritable
from cae.exports import onnx, tensorboard
from cae.runs.run import Run

if TYPE_CHECKING:
    from cae.data.images import Images

FORMAT = 1
KINDS = ("onnx", "torch", "projector", "tensorboard")
_LIBRARIES = {"onnx": ("onnx", "onnxruntime"), "tensorboard": ("tensorboard",)}
_CHECKED = 64  # test images on which to compare ONNX with PyTorch
_ABOUT = "export.json"  # marks the folders written here: no other folder is ever replaced
_ACTIVATIONS = {"relu": "nn.ReLU", "gelu": "nn.GELU", "silu": "nn.SiLU"}

Files = Mapping[str, bytes]


@dataclass(frozen=True)
class Export:
    """The export of one kind: its files by name, what they hold, and how to use them.

    `use` is a command or a line of Python with {folder} in place of the folder's name.
    """

    kind: str
    files: Files
    summary: str
    use: str


def export(run: Run, kinds: Sequence[str], folder: Path, *, force: bool = False) -> list[Export]:
    """Exports a run into `folder`, with a folder in it for each of these KINDS: all of them or none.

    `force` replaces folders of that name, but only those that an export wrote. Raises InvalidOption,
    NotInstalled, Unwritable, RunNotFound, Damaged, DataUnavailable, CannotProject, and CaeError if ONNX Runtime and
    PyTorch compute something different.
    """
    if not kinds:
        flags = ", ".join(f"--{kind}" for kind in KINDS)
        raise InvalidOption("kinds", f"Choose what to export of {run.name}: one or several of {flags}.")
    for kind in kinds:
        _require_libraries(kind)
    _require_folder(folder)
    for kind in kinds:
        _require_free(folder / kind, force)
    source = _Source(run)
    made = [_MAKERS[kind](source) for kind in kinds]
    _write(folder, {each.kind: {**each.files, **_papers(source, each)} for each in made})
    return made


def _require_libraries(kind: str) -> None:
    for name in _LIBRARIES.get(kind, ()):
        try:
            importlib.import_module(name)
        except ImportError as error:
            raise NotInstalled(
                f"--{kind} needs {name}, which is not installed: pip install -r requirements-extra.txt"
            ) from error


def _require_folder(folder: Path) -> None:
    if not folder.parent.is_dir():
        raise Unwritable(f"{folder} cannot be written: there is no folder {folder.parent}.")
    if folder.exists() and not folder.is_dir():
        raise Unwritable(f"{folder} is not a folder: choose another one with --out.")


def _require_free(place: Path, force: bool) -> None:
    if not place.exists() and not place.is_symlink():
        return
    if not force:
        raise InvalidOption(
            "out", f"{place} already exists: choose another folder with --out, or --force to replace it."
        )
    if place.is_symlink() or not (place / _ABOUT).is_file():
        raise InvalidOption("out", f"No export wrote {place}, so it is not replaced: choose another folder with --out.")


class _Source:
    """A run for exports: reads or computes everything once, and only on demand."""

    def __init__(self, run: Run) -> None:
        self.run, self.config = run, run.info.model
        self.model, self.weights = run.model_and_hash()

    @cached_property
    def images(self) -> Images:
        """The test images."""
        return self.run.test_images()

    @cached_property
    def words(self) -> dict[str, str]:
        """The facts that go wherever the weights go."""
        train, record = self.run.info.train, self.run.record()
        reached = {"epoch": f"{record.epoch}", "test_mse": f"{record.test_mse:.6g}"} if record else {}
        return {
            "run": self.run.name, "data_set": train.dataset if train else "not known",
            "normalisation": "pixels / 127.5 - 1: from 0, paper, and 255, ink, to -1 and 1",
            "latent_dim": f"{self.config.latent_dim}", "width": f"{self.config.width}",
            "activation": self.config.activation, **reached, "mse_scale": "[-1, 1]", "weights_sha256": self.weights,
        }  # fmt: skip

    @cached_property
    def projector(self) -> dict[str, bytes]:
        """The files of the Embedding Projector."""
        return tensorboard.projector_files(self.run.name, self.model, self.images)


def _onnx(source: _Source) -> Export:
    from cae.data.images import to_model

    weights = {name: value.numpy() for name, value in source.model.state_dict().items()}
    files = onnx.files(weights, source.config, source.words)
    checked = source.images.pixels[:_CHECKED]
    difference = onnx.largest_difference(files, source.model, to_model(checked))
    return Export(
        "onnx", files,
        f"images (N, 1, 28, 28) in [-1, 1], codes (N, {source.config.latent_dim}), opset {onnx.OPSET}; "
        f"within {difference:.1e} of what PyTorch computes, on {len(checked)} test images",
        'onnxruntime.InferenceSession("{folder}/encoder.onnx").run(None, {{"images": images}})',
    )  # fmt: skip


def _torch(source: _Source) -> Export:
    import torch

    config, text = source.config, Path(__file__).with_name("standalone.py").read_text(encoding="utf-8")
    shape = f"LATENT_DIM, WIDTH, ACTIVATION = {config.latent_dim}, {config.width}, {_ACTIVATIONS[config.activation]}"
    module = re.sub(r"^LATENT_DIM, WIDTH, ACTIVATION = .*$", shape, text, flags=re.MULTILINE)
    weights = io.BytesIO()
    torch.save(dict(source.model.state_dict()), weights)
    return Export(
        "torch", {"autoencoder.py": module.encode(), "model.pt": weights.getvalue()},
        "the network in one Python file, and its state_dict; they need only torch",
        "python -i {folder}/autoencoder.py, then model = load()",
    )  # fmt: skip


def _projector(source: _Source) -> Export:
    count = source.projector["vectors.tsv"].count(b"\n")
    return Export(
        "projector", source.projector, f"the codes of {count:,} test images, with their classes, errors and pictures",
        "https://projector.tensorflow.org, Load: vectors.tsv, metadata.tsv; or with the pictures: "
        "tensorboard --logdir {folder}, then http://localhost:6006/#projector",
    )  # fmt: skip


def _tensorboard(source: _Source) -> Export:
    name, content = tensorboard.event_file(source.run, source.images)
    shown, epochs = len(tensorboard.frames(source.run)), len(source.run.history())
    return Export(
        "tensorboard", {name: content, **source.projector},
        f"the losses of {epochs} epochs, ten test images reconstructed after {shown} of them, and the codes",
        f"tensorboard --logdir {{folder}} --samples_per_plugin images={tensorboard.FRAMES}",
    )  # fmt: skip


_MAKERS = {"onnx": _onnx, "torch": _torch, "projector": _projector, "tensorboard": _tensorboard}


def _papers(source: _Source, made: Export) -> Files:
    """The facts about an export, for programs and for people."""
    lines = [f"{source.run.name}: {made.summary}.", "", made.use.format(folder="."), ""]
    lines += [f"{name}: {value}" for name, value in source.words.items()]
    about = {"format": FORMAT, "kind": made.kind, **source.words}
    return {_ABOUT: json.dumps(about, indent=2).encode(), "README.txt": "\n".join([*lines, ""]).encode()}


def _write(folder: Path, kinds: Mapping[str, Files]) -> None:
    """Writes the files of all kinds beside their place, and moves them there when they are complete."""
    is_new = not folder.exists()
    workshop = (folder.parent if is_new else folder) / f".export-{uuid.uuid4().hex}"
    try:
        for kind, files in kinds.items():
            (workshop / kind).mkdir(parents=True)
            for name, content in files.items():
                write_whole(workshop / kind / name, content)
        if is_new:
            workshop.rename(folder)
        else:
            for kind in kinds:
                put_folder(workshop / kind, folder / kind)
    except OSError as error:
        raise Unwritable(f"{folder} cannot be written: {error.strerror or error}.") from error
    finally:
        shutil.rmtree(workshop, ignore_errors=True)
