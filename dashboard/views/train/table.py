"""The table of all runs, and the actions in it."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from typing import Any

import streamlit as st

from cae import words
from cae.disk.files import is_read_only
from cae.errors import CaeError
from cae.jobs import process, queue
from cae.runs.owners import Owner
from cae.runs.run import Run
from cae.runs.summary import Summary
from components import RunsAction, runs_table
from resources import lists
from server.ticking import ticking
from shared.asking import confirm_deletion
from state import chosen, messages, pages
from views.train.queue import waiting_line
from who import visitor

SECONDS_BETWEEN_TABLES = 2.0


def all_runs() -> None:
    """The table, which refreshes itself during a training, and the question before a deletion."""
    lists.forget_summaries()
    is_any_live = False
    with contextlib.suppress(CaeError):  # the table shows the error
        is_any_live = any(summary.is_live for summary in lists.summaries())
    ticking(SECONDS_BETWEEN_TABLES, while_=is_any_live)(table)()
    if (name := messages.asked_about_deleting()) is not None:
        confirm_deletion(name)


def table() -> None:
    """The table, a row for each run."""
    with messages.errors_in_words():
        waiting_line()
        summaries = lists.summaries()
        if not summaries:
            st.caption("None yet. The first one appears here as soon as it starts.")
            return
        shown, waiting = chosen.chosen_run(), [run.name for run in queue.waiting_runs()]
        action = runs_table(
            summaries,
            key="runs",
            chosen=shown.name if shown else None,
            overlay=pages.overlay(),
            read_only=is_read_only(),
            describe=lambda summary: row(summary, waiting, visitor.me()),
        )
        if action:
            obey(action)
        forbidden = " This laboratory is read-only: no notes, no deletion." if is_read_only() else ""
        st.caption(f"Tick runs to overlay their curves. Click a name to show that run on every page.{forbidden}")
        if not is_read_only():
            resume_all()


def row(summary: Summary, waiting: Sequence[str] = (), me: Owner | None = None) -> dict[str, Any]:
    """A run as the widget shows it to the visitor `me`; `waiting` are the runs in the queue, the next one first."""
    best, reason, last = summary.best_mse, summary.reason, summary.last
    kind = "test" if last is None or last.validation_mse is None else "validation"
    if summary.state == "queued" and summary.name in waiting:
        place = waiting.index(summary.name)
        reason = f"in the queue after {waiting[place - 1]}" if place else "next in the queue"
    return {
        "name": summary.name,
        "state": summary.state,
        "reason": reason,
        "epochs": f"{summary.epochs_done} / {summary.epochs}" if summary.epochs else "–",
        "best": f"{words.number(best)} {kind}" if best is not None else "–",
        "bestTitle": f"Lowest {kind} {words.other_scale(best)}" if best is not None else "",
        "seconds": words.duration(last.seconds) if last else "–",
        "differs": words.options(summary.differs) or "nothing",
        "note": summary.note,
        "fixed": summary.shipped,
        "by": words.started(summary, me),
    }


def resume_all() -> None:
    """If several trainings were cut off, the button that resumes them all."""
    runs = queue.cut_off()
    if len(runs) < 2:
        return  # a single one has its own button
    told, button = st.columns([5, 1.4], vertical_alignment="center")
    told.markdown(
        f"**{words.listed([run.name for run in runs])}** were cut off. Nothing that was saved is lost; they resume in "
        "this order."
    )
    if button.button("Resume them all", icon=":material/play_arrow:", width="stretch"):
        for run in runs:
            with messages.errors_in_words():
                process.resume_training(run, by=visitor.me())
        if not queue.cut_off():
            st.rerun()


def obey(action: RunsAction) -> None:
    """Does what the visitor has asked for in the table."""
    if action.kind == "overlay":
        if pages.overlay() != list(action.runs):
            pages.set_overlay(action.runs)
            st.rerun()
        return
    run = Run.open(action.runs[0])
    if action.kind == "open":
        chosen.look_at(run.name)
    elif action.kind == "note":
        before = run.info.note
        if action.note != before:
            run.annotate(action.note)
            lists.forget_summaries()
        if run.info.note != before:
            st.rerun()
    else:
        messages.ask_about_deleting(run.name)
