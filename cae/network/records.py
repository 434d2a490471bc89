"""What a training reports: a record for each step and one for each epoch."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any, TypeVar

import numpy as np


@dataclass(frozen=True)
class Progress:
    """The training after a step. MSE on [-1, 1]; `epoch` is fractional, from 0; `seconds` excludes pauses."""

    step: int
    epoch: float
    train_mse: float
    seconds: float
    images_per_second: float


@dataclass(frozen=True)
class EpochRecord:
    """The result of one epoch. All MSE on [-1, 1]; `validation_mse` is None where nothing was held out.

    `train_mse` is the mean over the epoch's batches as they were trained; the others are measured after it.
    `seconds` is the training time since the first step, pauses not counted.
    """

    epoch: int
    step: int
    train_mse: float
    test_mse: float
    validation_mse: float | None
    seconds: float
    images_per_second: float

    @property
    def held_out_mse(self) -> float:
        """The loss to judge by: validation where images were held out, test otherwise."""
        return self.test_mse if self.validation_mse is None else self.validation_mse


R = TypeVar("R", Progress, EpochRecord)
_HUGE = 1e15  # more than any loss, step or time
_NAMES = {cls: {item.name for item in fields(cls)} for cls in (Progress, EpochRecord)}
_WHOLE = {Progress: {"step"}, EpochRecord: {"epoch", "step"}}


def to_line(record: Progress | EpochRecord) -> str:
    """The record as a line of JSON, without its end of line."""
    return json.dumps({name: _short(value) for name, value in asdict(record).items()}, separators=(",", ":"))


def from_line(cls: type[R], line: str) -> R:
    """The record of one line. Raises ValueError for anything else."""
    return from_values(cls, json.loads(line))


def from_values(cls: type[R], values: Any) -> R:
    """The record with these values. Raises ValueError for anything else."""
    if not isinstance(values, dict) or values.keys() != _NAMES[cls]:
        raise ValueError(f"not a record of {cls.__name__}")
    for name, value in values.items():
        if type(value) is int or (type(value) is float and name not in _WHOLE[cls]):
            if 0 <= value < _HUGE:
                continue
        elif value is None and name == "validation_mse":
            continue
        raise ValueError(f"{name} is {value!r}")
    return cls(**values)


def loss_curve(progress: Sequence[Progress], most: int) -> list[tuple[float, float]]:
    """The training loss as at most `most` points (epoch, MSE), each the mean of neighbouring records."""
    if not progress:
        return []
    points = np.array([(record.epoch, record.train_mse) for record in progress])  # (S, 2)
    parts = np.array_split(points, min(most, len(points)))
    return [(float(part[-1, 0]), float(part[:, 1].mean())) for part in parts]


def _short(value: Any) -> Any:
    return float(f"{value:.7g}") if isinstance(value, float) else value
