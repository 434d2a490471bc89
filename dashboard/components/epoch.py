"""The scrubber, which chooses the epoch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from cae import words
from components._widget import nothing, register
from resources.files import Frame

_epoch = register("epoch")


def scrubber(run: str, frames: Sequence[Frame], at: int, *, epochs: int, key: str) -> int | None:
    """Shows the scrubber at the frame `at`. Returns the epoch just chosen, once; None otherwise."""
    shown = [{"epoch": frame.epoch, "network": frame.network, "told": _told(frame)} for frame in frames]
    data = {"run": run, "frames": shown, "at": at, "epochs": epochs}
    result = _epoch(key=key, data=data, on_action_change=nothing, height="content")
    return _checked(result.action, run, [frame.epoch for frame in frames])


def _checked(sent: Any, run: str, kept: Sequence[int]) -> int | None:
    value = sent.get("value") if isinstance(sent, dict) and sent.get("kind") == "epoch" else None
    if not isinstance(value, dict) or value.get("run") != run:
        return None
    epoch = value.get("epoch")
    return epoch if type(epoch) is int and epoch in kept else None


def _told(frame: Frame) -> str:
    if frame.test_mse is not None:
        return f"test MSE {words.number(frame.test_mse)}"
    return "before the first step" if frame.epoch == 0 else "as imported"
