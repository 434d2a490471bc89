"""Packs a run as a zip, to take it to another machine."""

from __future__ import annotations

import io
import zipfile

from cae.data import picks
from cae.disk import reading
from cae.errors import Damaged
from cae.imports.run import LARGEST_FILE, RUN_FILE
from cae.runs.run import Run


def pack(run: Run) -> bytes:
    """The run as a zip that `import_file` reads, here or on another machine.

    Thins a long film, so that the zip stays small enough. Raises RunNotFound or Damaged.
    """
    try:
        return _packed(run)
    except OSError as error:
        run.require_there()
        raise Damaged(f"{run.name} cannot be packed: {error.strerror or error}.") from error


def _packed(run: Run) -> bytes:
    frames = reading.matching(run.path / "epochs", "[0-9]*.safetensors")
    room = LARGEST_FILE // 2 // max([1, *(frame.stat().st_size for frame in frames)])
    kept = {frames[number] for number in picks.film(len(frames) - 1, max(room, 2))} if frames else set()
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for path in sorted(run.path.rglob("*")):
            inside = path.relative_to(run.path).as_posix()
            if path.is_file() and RUN_FILE.fullmatch(inside) and (path.parent == run.path or path in kept):
                archive.write(path, f"{run.name}/{inside}")
    return packed.getvalue()
