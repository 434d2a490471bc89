"""Imports a run from its zip, or weights trained elsewhere. Nothing here unpickles."""

from __future__ import annotations

import io
import lzma
import re
import reprlib
import struct
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cae.config import ModelConfig
from cae.disk import reading
from cae.disk.files import require_writable, write_whole
from cae.disk.reading import LARGEST_TEXT
from cae.disk.tensors import LARGEST_WEIGHTS, Weights, in_file_order, read_tensors, single
from cae.errors import Damaged, DoesNotFit, InvalidOption
from cae.imports import state_dict
from cae.runs.info import LARGEST_INFO, RunInfo, now
from cae.runs.names import check_name, new_folder
from cae.runs.owners import Owner
from cae.runs.run import Run
from cae.runs.weights import header_config, read_weights, shapes, write_weights

LARGEST_FILE = 64 * 2**20  # bytes of an import
LARGEST_CONTENT = 512 * 2**20  # bytes of an unpacked zip
MOST_FILES = 12_000  # in a zip: the film of the longest training, and the other files of a run
_LARGEST_DIRECTORY = 2**22  # bytes of a zip's list of files
_LARGEST = {"run.json": LARGEST_INFO, "evaluation.json": 2**20, "resume.safetensors": LARGEST_WEIGHTS}
_LARGEST_OTHERS = {".jsonl": LARGEST_TEXT, ".safetensors": LARGEST_WEIGHTS // 4, ".txt": LARGEST_TEXT}
_BROKEN = (
    zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, NotImplementedError, RuntimeError, *reading.UNREADABLE,
)  # fmt: skip
RUN_FILE = re.compile(
    r"run\.json|(history|progress)\.jsonl|(model|resume)\.safetensors|epochs/[0-9]{4,5}\.safetensors"
    r"|evaluation\.json|log\.txt"
)


def import_file(content: bytes, name: str, *, activation: str = "relu", by: Owner | None = None) -> Run:
    """A new run, owned by `by`, from a run's zip, a model.safetensors or a PyTorch state_dict file.

    `activation` is for weights that do not name theirs. Raises DoesNotFit, Damaged, RunExists, InvalidName or ReadOnly,
    and then leaves nothing behind.
    """
    require_writable()
    check_name(name)
    if len(content) > LARGEST_FILE:
        raise DoesNotFit(f"The file is larger than {LARGEST_FILE // 2**20} MB, the limit.")
    if _is_safetensors(content):
        return _import_safetensors(content, name, activation, by)
    if zipfile.is_zipfile(io.BytesIO(content)):
        _require_short_directory(content)
        try:
            with zipfile.ZipFile(io.BytesIO(content)) as archive:
                if not any(member.endswith("data.pkl") for member in archive.namelist()):
                    return _import_zip(archive, name, by)
        except _BROKEN as error:
            raise Damaged("The zip is damaged and cannot be unpacked.") from error
    return _import_state_dict(content, name, activation, by)


def _is_safetensors(content: bytes) -> bool:
    return len(content) > 9 and 0 < int.from_bytes(content[:8], "little") < len(content) and content[8:9] == b"{"


def _require_short_directory(content: bytes) -> None:
    """Raises DoesNotFit for a zip with so long a list of files that reading the list alone would take long."""
    end = len(content) - 22  # where the last record lies unless a comment follows
    if content[end : end + 4] != b"PK\5\6" or content[-2:] != b"\0\0":
        end = content.rfind(b"PK\5\6", max(0, len(content) - 22 - 2**16))
    (size,) = struct.unpack("<I", content[end + 12 : end + 16].ljust(4, b"\xff"))
    if content[max(0, end - 20) : end].startswith(b"PK\6\7"):  # zip64: in the record of 56 bytes before
        (size,) = struct.unpack("<Q", content[max(0, end - 36) : max(0, end - 28)].ljust(8, b"\xff"))
    if size > _LARGEST_DIRECTORY:
        raise DoesNotFit(f"The zip holds more than {MOST_FILES:,} files: no run does.")


def _import_zip(archive: zipfile.ZipFile, name: str, by: Owner | None) -> Run:
    members = [member for member in archive.infolist() if not member.is_dir()]
    if len(members) > MOST_FILES:
        raise DoesNotFit(f"The zip holds more than {MOST_FILES:,} files: no run does.")
    for member in members:
        parts = member.filename.replace("\\", "/").split("/")
        if ".." in parts or parts[0] in ("", ".") or ":" in parts[0] or member.external_attr >> 28 == 0xA:
            shown = reprlib.repr(member.filename)
            raise DoesNotFit(f"The zip holds {shown}, which would lie outside the run's folder.")
        if member.flag_bits & 1:
            raise DoesNotFit("The zip has a password: pack it without one.")
    if sum(member.file_size for member in members) > LARGEST_CONTENT:
        raise DoesNotFit(f"The zip unpacks to more than {LARGEST_CONTENT // 2**20} MB: no run does.")
    at = [
        member.filename.removesuffix("run.json") for member in members if member.filename.split("/")[-1] == "run.json"
    ]
    if not at:
        raise DoesNotFit("The zip holds no run.json, so it is not a run.")
    top = min(at, key=len)
    files = _files(members, top)
    with new_folder(name) as folder:
        (folder / "epochs").mkdir()
        for inside, member in files.items():
            write_whole(folder / inside, _read_member(archive, member))
        run = Run(folder)
        state = run.info.state if run.info.state in ("finished", "failed") else "stopped"
        run.history(), run.progress()
        for path in (folder / "model.safetensors", *(folder / "epochs").iterdir()):
            if path.exists():
                read_weights(path, run.info.model)
        if run.state == "damaged":
            raise Damaged("The zip holds a run without its model.safetensors.")
        run.update(state=state, shipped=False, by=by, resumed_by=None)
    return Run.open(name)


def _files(members: list[zipfile.ZipInfo], top: str) -> dict[str, zipfile.ZipInfo]:
    """The files of the run in the folder `top`, by path. Raises DoesNotFit for a file that no run has."""
    files: dict[str, zipfile.ZipInfo] = {}
    for member in members:
        inside = member.filename.removeprefix(top)
        if not member.filename.startswith(top) or not RUN_FILE.fullmatch(inside):
            continue
        most = _LARGEST.get(inside) or _LARGEST_OTHERS[Path(inside).suffix]
        if member.file_size > most:
            raise DoesNotFit(f"In the zip, {inside} unpacks to more than {most // 2**20} MB, the limit.")
        if inside in files:
            raise DoesNotFit(f"The zip holds {inside} twice, so it is unclear which one is meant.")
        files[inside] = member
    return files


def _read_member(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> bytes:
    with archive.open(member) as file:
        content = file.read(member.file_size + 1)
    if len(content) != member.file_size:
        raise Damaged(f"The zip is damaged: {member.filename!r} does not have the length it claims.")
    return content


def _import_safetensors(content: bytes, name: str, activation: str, by: Owner | None) -> Run:
    with new_folder(name) as folder:
        path = folder / "model.safetensors"
        write_whole(path, content)
        arrays = in_file_order(path, read_tensors(path))
        config = header_config(path)
        if config is None:  # from elsewhere: the shapes tell all but the activation
            config, arrays = match(list(arrays.items()), activation)
        _fill(folder, config, arrays, by)
        read_weights(path, config)
    return Run.open(name)


def _import_state_dict(content: bytes, name: str, activation: str, by: Owner | None) -> Run:
    try:
        saved = state_dict.read(content, LARGEST_CONTENT)
    except _BROKEN as error:
        raise DoesNotFit(
            "The file is neither a run's zip, nor safetensors, nor a PyTorch state_dict "
            "(a pickled module is refused: save model.state_dict() instead)."
        ) from error
    table = saved.content
    for key in ("state_dict", "model_state_dict", "model"):
        if isinstance(table, dict) and isinstance(table.get(key), dict):
            table = table[key]
    if not isinstance(table, dict) or not all(isinstance(value, state_dict.View) for value in table.values()):
        raise DoesNotFit("The file holds no table of weights: save model.state_dict() and nothing else.")
    try:
        config, weights = match([(str(key), view) for key, view in table.items()], activation, saved.array)
    except _BROKEN as error:
        raise Damaged("The file is damaged: it names weights that it does not hold.") from error
    with new_folder(name) as folder:
        _fill(folder, config, weights, by)
        read_weights(folder / "model.safetensors", config)
    return Run.open(name)


def match(
    named: list[tuple[str, Any]], activation: str, array: Callable[[Any], NDArray[Any]] = np.asarray
) -> tuple[ModelConfig, Weights]:
    """The configuration and the weights of named arrays that fit this architecture, in its order.

    Order and shapes decide; names count only if they are our own. `array` makes an array of each value, once all
    shapes are right. Raises DoesNotFit, which names the first array that differs.
    """
    template = list(shapes(ModelConfig()))
    if {key for key, _ in named} == set(template):  # our own names, in any order
        named = sorted(named, key=lambda item: template.index(item[0]))
    if len(named) != len(template):
        raise DoesNotFit(
            f"These are the weights of another architecture: {len(named)} arrays instead of {len(template)} "
            f"({', '.join(f'{key} {tuple(value.shape)}' for key, value in named[:4])}, ...)."
        )
    first, code = named[0][1].shape, named[4][1].shape
    try:
        config = ModelConfig(latent_dim=code[0] if code else 0, width=first[0] if first else 0, activation=activation)
    except InvalidOption as error:
        raise DoesNotFit(f"These are the weights of another architecture: {error}") from error
    for number, ((key, value), (own, shape)) in enumerate(zip(named, shapes(config).items(), strict=True), start=1):
        if tuple(value.shape) != shape:
            raise DoesNotFit(
                f"These weights do not fit: array {number} of {len(template)}, {key}, has the shape "
                f"{tuple(value.shape)} where {own} of a model with {config.latent_dim} latent dimensions "
                f"and width {config.width} has {shape}."
            )
    arrays = [array(value) for _, value in named]
    if not all(value.dtype.kind == "f" for value in arrays):
        raise DoesNotFit("These arrays do not hold floating-point numbers, so they are not weights.")
    weights: Weights = {own: single(value) for own, value in zip(shapes(config), arrays, strict=True)}
    if not all(np.isfinite(value).all() for value in weights.values()):
        raise DoesNotFit("These weights hold values that are not finite numbers.")
    return config, weights


def _fill(folder: Path, config: ModelConfig, weights: Weights, by: Owner | None) -> None:
    write_weights(folder / "model.safetensors", weights, config)
    info = RunInfo(config, None, "imported", "finished", now(), finished=now(), by=by)
    write_whole(folder / "run.json", info.to_json().encode())
