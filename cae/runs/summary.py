"""A run in one line, as lists show it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cae.config import differences
from cae.disk.tensors import damage
from cae.errors import Damaged, RunNotFound
from cae.network.records import EpochRecord
from cae.runs.info import State
from cae.runs.owners import Owner

if TYPE_CHECKING:
    from cae.runs.run import Run


@dataclass(frozen=True)
class Summary:
    """A run in one line. `best_mse` is the lowest held-out MSE, on [-1, 1]."""

    name: str
    state: State
    reason: str
    created: str
    epochs_done: int
    epochs: int | None
    best_mse: float | None
    last: EpochRecord | None
    differs: tuple[tuple[str, Any], ...]
    note: str
    shipped: bool
    resumable: bool
    by: Owner | None = None
    resumed_by: Owner | None = None
    queued: str | None = None

    @property
    def is_live(self) -> bool:
        """Whether it is running or queued."""
        return self.state in ("queued", "running")


def summary_of(run: Run) -> Summary:
    """The run in one line; damaged files never raise."""
    state = run.state
    try:
        info = run.info
    except (Damaged, RunNotFound) as error:
        return Summary(run.name, "damaged", str(error), "", 0, None, None, None, (), "", False, False)
    try:
        history, reason = run.history(), info.reason
    except Damaged as error:
        history, reason, state = [], str(error), "damaged"
    if state == "stopped" and info.state != "stopped":
        reason = "It was cut off; resuming continues from where it was last saved."
    if state == "damaged" and not reason:
        reason = f"{run.name}/{damage(run.path / 'model.safetensors')}"
    return Summary(
        name=run.name,
        state=state,
        reason=reason,
        created=info.created,
        epochs_done=history[-1].epoch if history else 0,
        epochs=info.train.epochs if info.train else None,
        best_mse=min((record.held_out_mse for record in history), default=None),
        last=history[-1] if history else None,
        differs=tuple(differences(info.model, info.train)),
        note=info.note,
        shipped=info.shipped,
        resumable=state not in ("damaged", "queued", "running") and run.is_resumable(),
        by=info.by,
        resumed_by=info.resumed_by,
        queued=info.queued,
    )
