"""Reads the pictures in a folder."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from cae.data import opening
from cae.data.catalogue import MOST_CLASSES, MOST_IMAGES
from cae.errors import UnreadablePicture, UnusableData
from cae.imports.sources import ONLY_CLASS, Picture, Refused, Source, read

_HIDDEN = (".", "__MACOSX")


@dataclass(frozen=True, slots=True)
class _File:
    name: str  # its path inside the folder
    label: str
    part: str


def of_folder(path: Path) -> Source:
    """The pictures in a folder and below it; each folder in it is a class.

    If its only folders are "train" and "test", these are the parts of the data set, and the classes lie in them.
    Pictures outside all folders form one class. Links out of the folder and links to folders are not followed.
    """
    try:
        root = path.resolve(strict=True)
        inside = _folders(root)
        has_parts = inside == {"train", "test"}
        has_classes = any(_folders(root / name) for name in inside) if has_parts else bool(inside)
    except OSError as error:
        raise UnusableData(f"{path} cannot be read: {error.strerror or error}.") from error
    files: list[_File | Refused] = []
    for each in _listed(root, has_parts, has_classes):
        files.append(each)
        if len(files) > MOST_IMAGES:
            raise UnusableData(f"{path} holds more than {MOST_IMAGES:,} files, the most a data set can have.")
    classes = {each.label for each in files if isinstance(each, _File)}
    if len(classes) > MOST_CLASSES:
        raise UnusableData(f"{path} holds {len(classes):,} folders of pictures: the most is {MOST_CLASSES} classes.")
    return Source(len(files), (_opened(root, each) for each in files))


def _folders(path: Path) -> set[str]:
    with os.scandir(path) as entries:
        return {entry.name for entry in entries if entry.is_dir(follow_symlinks=False) and _is_shown(entry.name)}


def _is_shown(name: str) -> bool:
    return not name.startswith(_HIDDEN)


def _listed(root: Path, has_parts: bool, has_classes: bool) -> Iterator[_File | Refused]:
    """The files below a folder in a fixed order, each with its class."""
    depth = has_parts + has_classes  # of the folders that name the part and the class
    refused: list[Refused] = []
    for place, folders, files in os.walk(
        root, onerror=lambda error: refused.append(Refused(str(error.filename), "a folder that cannot be opened"))
    ):
        where = Path(place).relative_to(root).parts
        for name in sorted(folders):
            if not _is_shown(name):
                refused.append(Refused("/".join((*where, name)), "hidden"))
            elif Path(place, name).is_symlink():
                refused.append(Refused("/".join((*where, name)), "a link to a folder"))
        folders[:] = sorted(filter(_is_shown, folders))
        for name in sorted(files):
            inside, path = "/".join((*where, name)), Path(place, name)
            if not _is_shown(name):
                yield Refused(inside, "hidden")
            elif path.is_symlink() and not Path(os.path.realpath(path)).is_relative_to(root):
                yield Refused(inside, "a link that leads out of the folder")
            elif not path.is_file():
                yield Refused(inside, "no ordinary file")
            elif len(where) < depth:
                yield Refused(inside, "beside the folders of the classes")
            else:
                yield _File(inside, where[depth - 1] if has_classes else ONLY_CLASS, where[0] if has_parts else "")
        yield from refused
        refused.clear()


def _opened(root: Path, file: _File | Refused) -> Picture | Refused:
    if isinstance(file, Refused):
        return file
    try:
        with open(root / file.name, "rb") as content:
            pixels, is_resized, is_animated = read(content.read(opening.LARGEST_FILE + 1))
    except OSError:
        return Refused(file.name, "a file that cannot be opened")
    except UnreadablePicture as error:
        return Refused(file.name, error.reason)
    return Picture(pixels, file.label, file.part, is_resized, is_animated)
