"""Runs that travel: a run as a zip, and weights trained elsewhere. Nothing here unpickles."""

from __future__ import annotations

import io
import lzma
import re
import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np

from cae import picks
from cae.config import ModelConfig
from cae.errors import Damaged, DoesNotFit, InvalidOption
from cae.files import require_writable, write_whole
from cae.owners import Owner
from cae.runs import Run, RunInfo, check_name, new_folder, now
from cae.weights import Weights, header_config, in_file_order, read_tensors, read_weights, shapes, write_weights

LARGEST_FILE = 64 * 2**20  # of an import, as it arrives
LARGEST_CONTENT = 512 * 2**20  # of a zip, unpacked
_RUN_FILE = re.compile(
    r"run\.json|(history|progress)\.jsonl|(model|resume)\.safetensors|epochs/[0-9]{4,5}\.safetensors"
    r"|evaluation\.json|log\.txt"
)


def pack(run: Run) -> bytes:
    """The run as a zip that `import_file` takes, here or on another machine.

    A long film is thinned, close together where the network learns fastest, so that the zip stays small enough.
    """
    frames = sorted((run.path / "epochs").glob("[0-9]*.safetensors"))
    room = LARGEST_FILE // 2 // max([1, *(frame.stat().st_size for frame in frames)])
    kept = {frames[number] for number in picks.film(len(frames) - 1, max(room, 2))} if frames else set()
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for path in sorted(run.path.rglob("*")):
            inside = path.relative_to(run.path).as_posix()
            if path.is_file() and _RUN_FILE.fullmatch(inside) and (path.parent == run.path or path in kept):
                archive.write(path, f"{run.name}/{inside}")
    return packed.getvalue()


def import_file(content: bytes, name: str, *, activation: str = "relu", by: Owner | None = None) -> Run:
    """A new run, the visitor `by`'s, from a run's zip, a model.safetensors, or a PyTorch state_dict file.

    `activation` is for weights that do not say which one they were trained with. Raises DoesNotFit, Damaged,
    RunExists, InvalidName or ReadOnly; where it does, nothing is left behind.
    """
    run = _import_file(content, name, activation)
    run.update(by=by, resumed_by=None)
    return run


def _import_file(content: bytes, name: str, activation: str) -> Run:
    require_writable()
    check_name(name)
    if len(content) > LARGEST_FILE:
        raise DoesNotFit(f"The file is larger than {LARGEST_FILE // 2**20} MB, the most that is taken.")
    if _is_safetensors(content):
        return _import_safetensors(content, name, activation)
    if zipfile.is_zipfile(io.BytesIO(content)):
        try:
            with zipfile.ZipFile(io.BytesIO(content)) as archive:
                if not any(member.endswith("data.pkl") for member in archive.namelist()):
                    return _import_zip(archive, name)
        except (
            zipfile.BadZipFile,
            zlib.error,
            lzma.LZMAError,
            EOFError,
            NotImplementedError,
            RuntimeError,
            ValueError,
        ) as error:
            raise Damaged("The zip is damaged and cannot be unpacked.") from error
    return _import_state_dict(content, name, activation)


def _is_safetensors(content: bytes) -> bool:
    return len(content) > 9 and 0 < int.from_bytes(content[:8], "little") < len(content) and content[8:9] == b"{"


def _import_zip(archive: zipfile.ZipFile, name: str) -> Run:
    members = [member for member in archive.infolist() if not member.is_dir()]
    for member in members:
        parts = member.filename.replace("\\", "/").split("/")
        if ".." in parts or parts[0] in ("", ".") or ":" in parts[0] or member.external_attr >> 28 == 0xA:
            raise DoesNotFit(f"The zip holds {member.filename!r}, which would climb out of the run's folder: refused.")
    if sum(member.file_size for member in members) > LARGEST_CONTENT:
        raise DoesNotFit(f"The zip unpacks to more than {LARGEST_CONTENT // 2**20} MB: no run does.")
    at = [
        member.filename.removesuffix("run.json") for member in members if member.filename.split("/")[-1] == "run.json"
    ]
    if not at:
        raise DoesNotFit("The zip holds no run.json: it is not a run.")
    top = min(at, key=len)
    with new_folder(name) as folder:
        (folder / "epochs").mkdir()
        for member in members:
            inside = member.filename.removeprefix(top)
            if member.filename.startswith(top) and _RUN_FILE.fullmatch(inside):
                write_whole(folder / inside, _read_member(archive, member))
        run = Run(folder)
        state = run.info.state if run.info.state in ("finished", "failed") else "stopped"
        run.history(), run.progress()
        for path in (folder / "model.safetensors", *(folder / "epochs").iterdir()):
            if path.exists():
                read_weights(path, run.info.model)
        if run.state == "damaged":
            raise Damaged("The zip holds a run without its model.safetensors.")
        run.update(state=state, shipped=False)
    return Run.open(name)


def _read_member(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> bytes:
    with archive.open(member) as file:
        content = file.read(member.file_size + 1)
    if len(content) != member.file_size:
        raise Damaged(f"The zip is damaged: {member.filename!r} has not the length it claims.")
    return content


def _import_safetensors(content: bytes, name: str, activation: str) -> Run:
    with new_folder(name) as folder:
        path = folder / "model.safetensors"
        write_whole(path, content)
        arrays = in_file_order(path, read_tensors(path))
        config = header_config(path)
        if config is None:  # not one of ours: the shapes say all but the activation
            config, arrays = match(list(arrays.items()), activation)
        _fill(folder, config, arrays)
        read_weights(path, config)
    return Run.open(name)


def _import_state_dict(content: bytes, name: str, activation: str) -> Run:
    import torch

    try:
        loaded = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises half a dozen kinds for a file that is none of its own
        raise DoesNotFit(
            "The file is neither a run's zip, nor safetensors, nor a PyTorch state_dict "
            "(a pickled module is refused: save model.state_dict() instead)."
        ) from error
    for key in ("state_dict", "model_state_dict", "model"):
        if isinstance(loaded, dict) and isinstance(loaded.get(key), dict):
            loaded = loaded[key]
    if not isinstance(loaded, dict) or not all(isinstance(value, torch.Tensor) for value in loaded.values()):
        raise DoesNotFit("The file holds no table of weights: save model.state_dict(), and nothing else.")
    config, weights = match([(str(key), _array(value)) for key, value in loaded.items()], activation)
    with new_folder(name) as folder:
        _fill(folder, config, weights)
    return Run.open(name)


def _array(tensor: Any) -> Any:
    dense = tensor.to_dense() if tensor.is_sparse else tensor
    return dense.detach().float().numpy()


def match(found: list[tuple[str, Any]], activation: str) -> tuple[ModelConfig, Weights]:
    """The configuration and the weights of named arrays that are this architecture's, in its order.

    Order and shapes decide; names only where they are our own. Raises DoesNotFit with a report of the first array
    that differs.
    """
    template = list(shapes(ModelConfig()))
    if {key for key, _ in found} == set(template):  # our own names, in whatever order
        found = sorted(found, key=lambda item: template.index(item[0]))
    if len(found) != len(template):
        raise DoesNotFit(
            f"These are the weights of another architecture: {len(found)} arrays instead of {len(template)} "
            f"({', '.join(f'{key} {tuple(value.shape)}' for key, value in found[:4])}, ...)."
        )
    first, code = found[0][1].shape, found[4][1].shape
    try:
        config = ModelConfig(latent_dim=code[0] if code else 0, width=first[0] if first else 0, activation=activation)
    except InvalidOption as error:
        raise DoesNotFit(f"These are the weights of another architecture: {error}") from error
    weights: Weights = {}
    for number, ((key, value), (own, shape)) in enumerate(zip(found, shapes(config).items(), strict=True), start=1):
        if tuple(value.shape) != shape:
            raise DoesNotFit(
                f"These weights do not fit: array {number} of {len(template)}, {key}, has the shape "
                f"{tuple(value.shape)} where {own} of a model with {config.latent_dim} latent dimensions "
                f"and width {config.width} has {shape}."
            )
        weights[own] = np.ascontiguousarray(value, np.float32)
    if not all(np.isfinite(value).all() for value in weights.values()):
        raise DoesNotFit("These weights hold values that are not finite numbers.")
    return config, weights


def _fill(folder: Path, config: ModelConfig, weights: Weights) -> None:
    write_weights(folder / "model.safetensors", weights, config)
    info = RunInfo(config, None, "imported", "finished", now(), finished=now())
    write_whole(folder / "run.json", info.to_json().encode())
