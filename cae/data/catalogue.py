"""The data sets there are: three published ones, and those made of somebody's own pictures. Reads no pictures."""

from __future__ import annotations

import contextlib
import json
import os
import re
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from cae.disk import reading
from cae.disk.files import SHIPPED_DATA, data_folder
from cae.errors import CaeError, Damaged, DataUnavailable

DATASETS = {"mnist": 60_000, "fashion-mnist": 60_000, "kmnist": 60_000}  # by name: how many training images
TEST_IMAGES = 10_000  # in each of these
FOLDERS = {"mnist": "MNIST", "fashion-mnist": "FashionMNIST", "kmnist": "KMNIST"}  # torchvision's class names
CLASSES = {
    "mnist": tuple("0123456789"),
    "fashion-mnist": ("T-shirt", "trouser", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "boot"),
    "kmnist": ("o", "ki", "su", "tsu", "na", "ha", "ma", "ya", "re", "wo"),
}
FORMAT = 1
PICTURES, ABOUT = "images.safetensors", "about.json"
MOST_IMAGES = 1_000_000  # of an own data set, both parts together
MOST_CLASSES = 256
LONGEST_NAME = 40  # of a class, in characters
_LARGEST_ABOUT = 1_000_000  # bytes
_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,63}")


@dataclass(frozen=True)
class Skipped:
    """Files left out for one reason: how many, and the names of the first few."""

    reason: str
    count: int
    names: tuple[str, ...]


@dataclass(frozen=True)
class About:
    """What about.json says of an own data set.

    train, test: how many images of each class, (C,). source: the name of the folder or file the pictures came from.
    created: ISO 8601, UTC. checksums: CRC-32 of the training and of the test images, pixels and then labels.
    inverted: whether dark and light were swapped. resized: how many pictures had another size than 28 x 28.
    first_frames: how many were animated.
    """

    class_names: tuple[str, ...]
    train: tuple[int, ...]
    test: tuple[int, ...]
    source: str
    created: str
    checksums: tuple[int, int]
    inverted: bool
    resized: int
    first_frames: int
    skipped: tuple[Skipped, ...]

    def to_text(self) -> str:
        """The text of about.json."""
        return json.dumps({"format": FORMAT, **asdict(self)}, indent=1, ensure_ascii=False) + "\n"


@dataclass(frozen=True)
class Entry:
    """A data set in one line: how many images, which classes, whether it is here, and what is wrong with it."""

    name: str
    train: int
    test: int
    class_names: tuple[str, ...]
    is_own: bool
    is_here: bool
    problem: str = ""


def names() -> tuple[str, ...]:
    """All data sets: the published ones, whether they are here or not, and then the own ones in alphabetical order."""
    return (*DATASETS, *own())


def own() -> tuple[str, ...]:
    """The data sets made of own pictures."""
    with contextlib.suppress(OSError), os.scandir(data_folder() / "own") as entries:
        folders = [entry.name for entry in entries if is_name(entry.name) and Path(entry.path, ABOUT).exists()]
        return tuple(sorted(name for name in folders if name not in DATASETS))
    return ()


def is_name(name: Any) -> bool:
    """Whether a data set can have this name, here or elsewhere; such a name leads to no other folder."""
    return isinstance(name, str) and bool(_NAME.fullmatch(name))


def folder(name: str) -> Path:
    """The folder of an own data set, whether it exists or not."""
    return data_folder() / "own" / name


def absent(name: str) -> DataUnavailable:
    """The error for a data set that does not exist."""
    return DataUnavailable(
        f"The data set {name} is not on this machine: import its pictures (python -m cae import-data FOLDER "
        f"--name {name})."
    )


def train_images(name: str) -> int:
    """How many training images a data set has. Raises DataUnavailable or Damaged."""
    return DATASETS[name] if name in DATASETS else sum(about(name).train)


def class_names(name: str) -> tuple[str, ...]:
    """The classes of a data set. Raises DataUnavailable or Damaged."""
    return CLASSES[name] if name in CLASSES else about(name).class_names


def key(name: str) -> str:
    """What a file about these pictures is named after: an own name with its checksums, as its pictures may change.

    Raises DataUnavailable or Damaged.
    """
    return name if name in DATASETS else "{}-{:08x}{:08x}".format(name, *about(name).checksums)


def entries() -> list[Entry]:
    """One line for each data set; never raises for damaged files."""
    lines = [Entry(name, DATASETS[name], TEST_IMAGES, CLASSES[name], False, _is_here(name)) for name in DATASETS]
    for name in own():
        try:
            what = about(name)
            here = (folder(name) / PICTURES).exists()
            problem = "" if here else f"own/{name}/{PICTURES} is missing."
            lines.append(Entry(name, sum(what.train), sum(what.test), what.class_names, True, here, problem))
        except CaeError as error:
            lines.append(Entry(name, 0, 0, (), True, False, str(error)))
    return lines


def _is_here(name: str) -> bool:
    files = [f"{part}-{kind}" for part in ("train", "t10k") for kind in ("images-idx3-ubyte", "labels-idx1-ubyte")]
    places = [place / FOLDERS[name] / "raw" for place in (data_folder(), SHIPPED_DATA)]
    return all(any((place / f"{file}{end}").exists() for place in places for end in ("", ".gz")) for file in files)


def clean(text: str, most: int = LONGEST_NAME) -> str:
    """The text on one line of at most `most` characters, without any that cannot be seen."""
    short = reading.one_line(text, unseen=" ")
    return short if len(short) <= most else short[: most - 1].rstrip() + "…"


def about(name: str) -> About:
    """What about.json says of an own data set. Raises DataUnavailable where there is none, and Damaged."""
    if not is_name(name):
        raise absent(clean(str(name)))
    path = folder(name) / ABOUT
    try:
        values = reading.values(path, _LARGEST_ABOUT)
        newer = reading.whole(values.pop("format"), 1) > FORMAT
        if not newer:
            return _from_json(values)
    except FileNotFoundError:
        raise absent(name) from None
    except reading.UNREADABLE as error:
        raise damaged(name, ABOUT) from error
    raise Damaged(f"own/{name}/{ABOUT} was written by a newer version of this laboratory: update it.")


def damaged(name: str, file: str) -> Damaged:
    """The error for a damaged file of an own data set."""
    return Damaged(
        f"own/{name}/{file} is damaged and cannot be read: import the data set again "
        f"(python -m cae import-data FOLDER --name {name} --replace)."
    )


def _from_json(values: dict[str, Any]) -> About:
    """What `to_text` wrote. Raises ValueError, TypeError or KeyError for anything else."""
    skipped = tuple(Skipped(each["reason"], each["count"], tuple(each["names"])) for each in values.pop("skipped"))
    lists: dict[str, Any] = {name: tuple(values.pop(name)) for name in ("class_names", "train", "test", "checksums")}
    read = About(**lists, **values, skipped=skipped)
    texts = [*read.class_names, read.source, *(text for each in skipped for text in (each.reason, *each.names))]
    counts = [*read.train, *read.test, read.resized, read.first_frames, *(each.count for each in skipped)]
    if not all(isinstance(text, str) and clean(text, 200) == text for text in texts):
        raise ValueError("text that cannot be shown")
    if not all(type(count) is int and 0 <= count <= MOST_IMAGES for count in (*counts, sum(read.train + read.test))):
        raise ValueError("no number of images")
    if not 1 <= len(read.class_names) == len(read.train) == len(read.test) <= MOST_CLASSES:
        raise ValueError("the classes do not fit together")
    if not all(read.class_names) or len(set(read.class_names)) < len(read.class_names):
        raise ValueError("empty or repeated class names")
    if not (sum(read.train) and sum(read.test) and type(read.inverted) is bool):
        raise ValueError("nothing to train or to test on")
    if len(read.checksums) != 2 or not all(type(each) is int and 0 <= each < 2**32 for each in read.checksums):
        raise ValueError("no checksums")
    reading.moment(read.created)
    return read
