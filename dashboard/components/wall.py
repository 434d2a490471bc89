"""The drawings on a class's wall."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from cae.classroom.wall import Post
from components._widget import nothing, register

_wall = register("wall")


@dataclass(frozen=True)
class WallAction:
    """What the visitor did on the wall, to which post."""

    kind: Literal["show", "hide", "delete"]
    post: str


def wall(
    posts: Sequence[Post], *, key: str, moderates: bool, describe: Callable[[Post], dict[str, Any]]
) -> WallAction | None:
    """Shows the drawings among the posts. Returns what the visitor has just done, once; None otherwise.

    `describe` turns a post into its texts.
    """
    drawings = [post for post in posts if post.pixels is not None and post.copy is not None]
    if not drawings:
        return None
    tiles = [each for post in drawings for each in (post.pixels, post.copy) if each is not None]
    data = {
        "tiles": np.stack(tiles).reshape(-1),
        "posts": [{"id": post.id, "state": post.state, **describe(post)} for post in drawings],
        "moderates": moderates,
    }
    sent = _wall(key=key, data=data, on_action_change=nothing, height="content").action
    if not isinstance(sent, dict) or sent.get("kind") not in ("show", "hide", "delete"):
        return None
    known = {post.id for post in drawings}
    return WallAction(sent["kind"], sent["value"]) if sent.get("value") in known else None
