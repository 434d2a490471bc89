"""The table of all runs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from cae.runs.summary import Summary
from components._widget import nothing, register

_runs = register("runs")
_KINDS = ("open", "overlay", "note", "delete")


@dataclass(frozen=True)
class RunsAction:
    """What the visitor did in the table, to the runs of these names; `note` is a new note."""

    kind: Literal["open", "overlay", "note", "delete"]
    runs: tuple[str, ...]
    note: str = ""


def runs_table(
    summaries: Sequence[Summary],
    *,
    key: str,
    chosen: str | None,
    overlay: Sequence[str],
    read_only: bool,
    describe: Callable[[Summary], dict[str, Any]],
) -> RunsAction | None:
    """Shows the runs. Returns what the visitor has just done, once; None otherwise.

    `describe` turns a summary into the texts of a row.
    """
    known = {summary.name for summary in summaries}
    data = {
        "rows": [describe(summary) for summary in summaries],
        "chosen": chosen,
        "overlay": [name for name in overlay if name in known],
        "readOnly": read_only,
    }
    result = _runs(key=key, data=data, on_action_change=nothing, height="content")
    return _checked(result.action, known)


def _checked(sent: Any, known: set[str]) -> RunsAction | None:
    if not isinstance(sent, dict) or sent.get("kind") not in _KINDS:
        return None
    kind, value = sent["kind"], sent.get("value")
    note: Any = ""
    if kind == "note" and isinstance(value, dict):
        note, value = value.get("note"), value.get("run")
    names: list[Any] = value if isinstance(value, list) else [value]
    if not isinstance(note, str) or not all(isinstance(name, str) and name in known for name in names):
        return None
    if not names and kind != "overlay":
        return None
    return RunsAction(kind, tuple(dict.fromkeys(names)), note[:500])
