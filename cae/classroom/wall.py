"""A class and its wall: drawings with their reconstructions, and best runs, posted by its members.

`<checkpoints>/.classes/<slug>/` holds class.json and, in `posts/`, a file a post, each written whole. A post is 28 x 28
pixels and numbers measured here, never a file that somebody sent.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import hmac
import json
import re
import secrets
import time
import unicodedata
from base64 import b64decode, b64encode
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from cae.data import metrics
from cae.disk import reading
from cae.disk.files import is_read_only, reason, runs_folder, write_whole
from cae.disk.locks import Lock
from cae.errors import ClassNotFound, Damaged, InvalidOption, NotModerator, ReadOnly, TooMany, Unwritable
from cae.runs import owners
from cae.runs.info import now
from cae.runs.owners import Owner
from cae.runs.run import Run

MOST_CLASSES = 100
MOST_POSTS = 500  # on one wall
MOST_EACH = 30  # posts of one visitor
MOST_A_MINUTE = 4  # posts of one visitor
LONGEST_TITLE = 60  # characters
State = Literal["shown", "waiting", "hidden"]
_SLUG = re.compile(r"[a-z0-9][a-z0-9-]{0,39}")
_POST = re.compile(r"[0-9]{20}-[0-9a-f]{8}")
_LARGEST = 8192  # bytes of a file


@dataclass(frozen=True)
class Classroom:
    """What class.json says. `secret` is the hash of the moderator's secret; `started` is ISO 8601 in UTC."""

    slug: str
    title: str
    started: str
    secret: str
    by: Owner | None = None
    is_open: bool = True
    needs_approval: bool = False

    @property
    def path(self) -> Path:
        """The folder of the class."""
        return folder() / self.slug

    def is_moderator(self, secret: str) -> bool:
        """Whether this is the secret in the moderator's link."""
        return hmac.compare_digest(_hash(secret), self.secret)


@dataclass(frozen=True)
class Post:
    """A post on the wall: a drawing (28, 28) with its reconstruction `copy` by a run, or a run.

    `mse` is the error of the reconstruction, or of the test images, on [-1, 1]; `epoch` is the one of the network.
    """

    id: str
    kind: Literal["drawing", "run"]
    by: Owner
    posted: str
    state: State
    run: str
    dataset: str
    latent_dim: int
    epoch: int
    mse: float
    pixels: NDArray[np.uint8] | None = None
    copy: NDArray[np.uint8] | None = None


# -- classes


def folder() -> Path:
    """The folder of all classes."""
    return runs_folder() / ".classes"


def start(title: str, by: Owner, *, needs_approval: bool = False) -> tuple[Classroom, str]:
    """A new class, and the moderator's secret, which is stored nowhere. Raises InvalidOption, TooMany or ReadOnly."""
    _require_writable()
    title = reading.one_line(title)
    if not 0 < len(title) <= LONGEST_TITLE:
        raise InvalidOption("title", f"A class needs a title of 1 to {LONGEST_TITLE} characters.")
    secret = secrets.token_urlsafe(18)
    with _changing(folder()):
        taken = {path.name for path in folder().iterdir() if path.is_dir()}
        if len(taken) >= MOST_CLASSES:
            raise TooMany(f"There are {MOST_CLASSES} classes, the limit: delete folders in {folder()}.")
        stem = _slug(title)
        slug = next(name for name in (stem, *(f"{stem}-{n}" for n in range(2, MOST_CLASSES + 2))) if name not in taken)
        room = Classroom(slug, title, now(), _hash(secret), by, needs_approval=needs_approval)
        (room.path / "posts").mkdir(parents=True)
        _write(room)
    return room, secret


def find(slug: str) -> Classroom:
    """The class of this name. Raises ClassNotFound or Damaged."""
    if not _SLUG.fullmatch(slug) or not reading.is_there(folder() / slug / "class.json"):
        raise ClassNotFound(f"There is no class called {slug[:40]!r}: ask for the link again.")
    try:
        values = reading.values(folder() / slug / "class.json", _LARGEST)
        room = Classroom(**{**values, "slug": slug, "by": owners.from_json(values["by"])})
        reading.text(room.title, LONGEST_TITLE), reading.text(room.secret), reading.moment(room.started)
        if not all(type(each) is bool for each in (room.is_open, room.needs_approval)):
            raise TypeError
        return room
    except reading.UNREADABLE as error:
        raise Damaged(f".classes/{slug}/class.json is damaged: delete the folder to start the class again.") from error


def classes() -> list[Classroom]:
    """All readable classes, the newest first."""
    rooms = []
    for path in reading.matching(folder(), "*/class.json"):
        with contextlib.suppress(ClassNotFound, Damaged):
            rooms.append(find(path.parent.name))
    return sorted(rooms, key=lambda room: room.started, reverse=True)


def change(slug: str, secret: str, *, is_open: bool | None = None, needs_approval: bool | None = None) -> Classroom:
    """Closes or opens a class, or sets whether posts need approval. Raises NotModerator or ReadOnly."""
    with _moderating(slug, secret) as room:
        changed = dataclasses.replace(
            room,
            is_open=room.is_open if is_open is None else is_open,
            needs_approval=room.needs_approval if needs_approval is None else needs_approval,
        )
        _write(changed)
        return changed


# -- posts


def post_drawing(slug: str, by: Owner, run: Run, pixels: NDArray[np.uint8], copy: NDArray[np.uint8]) -> Post:
    """Posts a drawing (28, 28) with its reconstruction `copy` by `run`.

    Raises InvalidOption, TooMany, ClassNotFound or ReadOnly.
    """
    for each in (pixels, copy):
        if each.shape != (28, 28) or each.dtype != np.uint8:
            raise InvalidOption("pixels", "A post on the wall has 28 x 28 pixels.")
    mse = float(metrics.mse(pixels[None] / 127.5, copy[None] / 127.5)[0])
    with _posting(slug, by) as (room, there):
        mine = [post for post in there if post.by.is_same(by) and post.run == run.name]
        if any(post.pixels is not None and np.array_equal(post.pixels, pixels) for post in mine):
            raise InvalidOption("pixels", "This drawing is already on the wall.")
        epoch = run.last_epoch() if run.epoch is None else run.epoch
        return _put(room, by, run, epoch=epoch, mse=mse, pixels=pixels, copy=copy)


def post_run(slug: str, by: Owner, run: Run) -> Post:
    """Posts the visitor's own run with its test error after its last epoch, in place of earlier posts of the run.

    Raises InvalidOption, TooMany, ClassNotFound or ReadOnly.
    """
    if reason := why_not(run, by):
        raise InvalidOption("run", reason)
    last = run.at(None).history()[-1]
    with _posting(slug, by) as (room, there):
        new = _put(room, by, run, epoch=last.epoch, mse=last.test_mse)
        for post in there:
            if post.kind == "run" and post.run == run.name:
                _file(room, post.id).unlink(missing_ok=True)
        return new


def why_not(run: Run, by: Owner) -> str:
    """Why this visitor cannot post the run, in a sentence; empty if they can."""
    if not by.is_same(run.info.by):
        return f"Somebody else started {run.name}: you can post only your own runs."
    if not run.at(None).history():
        return f"{run.name} has not finished an epoch yet."
    return ""


def posts(slug: str) -> list[Post]:
    """All readable posts in any state, the newest first."""
    read = []
    for path in reading.matching(find(slug).path / "posts", "*.json")[: -MOST_POSTS - 1 : -1]:
        with contextlib.suppress(*reading.UNREADABLE):
            read.append(_read(path))
    return read


def best(posts: Sequence[Post]) -> list[Post]:
    """The runs among the posts, by data set, the lowest error first."""
    return sorted((post for post in posts if post.kind == "run"), key=lambda post: (post.dataset, post.mse))


def moderate(slug: str, secret: str, post: str, state: State) -> None:
    """Shows or hides a post. Raises NotModerator, InvalidOption or ReadOnly."""
    with _moderating(slug, secret) as room:
        path = _file(room, post)
        with contextlib.suppress(FileNotFoundError):  # its author has just removed it
            write_whole(path, json.dumps({**reading.values(path, _LARGEST), "state": state}).encode())


def delete(slug: str, post: str, *, secret: str = "", by: Owner | None = None) -> None:
    """Deletes a post: the moderator any, a visitor their own. Raises NotModerator or ReadOnly."""
    _require_writable()
    room = find(slug)
    with _changing(room.path):
        path = _file(room, post)
        if not room.is_moderator(secret) and path.exists() and not _read(path).by.is_same(by):
            raise NotModerator("Only its author or the moderator can remove this.")
        path.unlink(missing_ok=True)


# -- files


def _put(
    room: Classroom,
    by: Owner,
    run: Run,
    *,
    epoch: int,
    mse: float,
    pixels: NDArray[np.uint8] | None = None,
    copy: NDArray[np.uint8] | None = None,
) -> Post:
    state: State = "waiting" if room.needs_approval else "shown"
    name = f"{time.time_ns():020d}-{secrets.token_hex(4)}"
    kind: Literal["drawing", "run"] = "run" if pixels is None else "drawing"
    post = Post(
        name, kind, by, now(), state, run.name, run.dataset, run.info.model.latent_dim, epoch, mse,
        pixels, copy,
    )  # fmt: skip
    values: dict[str, Any] = {field.name: getattr(post, field.name) for field in dataclasses.fields(post)}
    values["by"] = by.to_json()
    for picture in ("pixels", "copy"):
        values[picture] = None if values[picture] is None else b64encode(values[picture].tobytes()).decode()
    write_whole(_file(room, name), json.dumps(values).encode())
    return post


def _read(path: Path) -> Post:
    values = reading.values(path, _LARGEST)
    values["by"] = owners.from_json(values["by"])
    for picture in ("pixels", "copy"):
        if values[picture] is not None:
            values[picture] = np.frombuffer(b64decode(values[picture], validate=True), np.uint8).reshape(28, 28)
    post = Post(**values)
    reading.moment(post.posted), reading.text(post.run, 64), reading.text(post.dataset, 64)
    reading.number(post.mse, 0), reading.whole(post.epoch), reading.whole(post.latent_dim)
    if not isinstance(post.by, Owner):
        raise TypeError
    if post.kind not in ("drawing", "run") or post.state not in ("shown", "waiting", "hidden") or post.id != path.stem:
        raise ValueError
    if (post.kind == "drawing") != (post.pixels is not None and post.copy is not None):
        raise ValueError
    return post


def _file(room: Classroom, post: str) -> Path:
    if not _POST.fullmatch(post):
        raise InvalidOption("post", "There is no such post on the wall.")
    return room.path / "posts" / f"{post}.json"


def _write(room: Classroom) -> None:
    names = ("title", "started", "secret", "is_open", "needs_approval")
    values = {**{name: getattr(room, name) for name in names}, "by": room.by.to_json() if room.by else None}
    write_whole(room.path / "class.json", (json.dumps(values, indent=2, ensure_ascii=False) + "\n").encode())


@contextlib.contextmanager
def _changing(place: Path) -> Iterator[None]:
    try:
        place.mkdir(parents=True, exist_ok=True)
        with Lock(place / ".lock", timeout=10):
            yield
    except OSError as error:
        raise Unwritable(f"{place} cannot be written: {reason(error)}.") from error


@contextlib.contextmanager
def _moderating(slug: str, secret: str) -> Iterator[Classroom]:
    _require_writable()
    room = find(slug)
    if not room.is_moderator(secret):
        raise NotModerator(f"Only the moderator of the class “{room.title}” can do this: open the moderator's link.")
    with _changing(room.path):
        yield find(slug)


@contextlib.contextmanager
def _posting(slug: str, by: Owner) -> Iterator[tuple[Classroom, list[Post]]]:
    """A class that accepts one more post of this visitor, and the posts on its wall."""
    _require_writable()
    with _changing(find(slug).path):
        room, there = find(slug), posts(slug)
        if not room.is_open:
            raise TooMany(f"The class “{room.title}” is closed: its wall accepts no more posts.")
        mine = [post for post in there if post.by.is_same(by)]
        just_now = [post for post in mine if time.time() - int(post.id[:20]) / 1e9 < 60]
        if len(just_now) >= MOST_A_MINUTE:
            raise TooMany(f"You posted {MOST_A_MINUTE} times within a minute: wait a moment before the next one.")
        if len(mine) >= MOST_EACH:
            raise TooMany(f"You have {MOST_EACH} posts on this wall, the limit: remove one first.")
        if len(there) >= MOST_POSTS:
            raise TooMany(f"The wall holds {MOST_POSTS} posts and is full: the moderator can delete some.")
        yield room, there


def _require_writable() -> None:
    if is_read_only():
        raise ReadOnly("This laboratory is read-only (CAE_READ_ONLY is set): nobody can change the wall.")


def _slug(title: str) -> str:
    plain = unicodedata.normalize("NFKD", title).encode("ascii", "ignore").decode().lower()
    found = re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:32].strip("-")
    return found or "class"


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
