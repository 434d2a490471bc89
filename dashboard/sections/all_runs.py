"""The table of all runs, and what is done in it."""

from __future__ import annotations

import contextlib
import functools

import streamlit as st

import resources
import state
import visitor
import wording
from cae import jobs
from cae.errors import CaeError
from cae.files import is_read_only
from cae.runs import Run
from components import RunsAction, runs_table
from sections.asking import confirm_deletion
from sections.waiting import waiting_line
from ticking import ticking

SECONDS_BETWEEN_TABLES = 2.0


def all_runs() -> None:
    """The table, which follows what is being trained, and the question before a deletion."""
    resources.forget_summaries()
    is_any_live = False
    with contextlib.suppress(CaeError):  # the table says it
        is_any_live = any(summary.is_live for summary in resources.summaries())
    ticking(SECONDS_BETWEEN_TABLES, while_=is_any_live)(table)()
    if (name := state.asked_about_deleting()) is not None:
        confirm_deletion(name)


def table() -> None:
    """A row a run."""
    with state.errors_in_words():
        waiting_line()
        summaries = resources.summaries()
        if not summaries:
            st.caption("None yet: the first one appears here as soon as it is started.")
            return
        shown, waiting = state.chosen_run(), [run.name for run in jobs.queue()]
        action = runs_table(
            summaries,
            key="runs",
            chosen=shown.name if shown else None,
            overlay=state.overlay(),
            read_only=is_read_only(),
            describe=functools.partial(wording.row, waiting=waiting, me=visitor.me()),
        )
        if action:
            obey(action)
        forbidden = " Deleting and notes are forbidden here (read-only)." if is_read_only() else ""
        st.caption(
            f"Tick runs to lay their curves over the chart. A click on a name shows that run on every page.{forbidden}"
        )
        if not is_read_only():
            take_up()


def take_up() -> None:
    """Of several trainings that were cut off, what that means, and the button with which all go on."""
    found = jobs.cut_off()
    if len(found) < 2:
        return  # one has its own button
    told, button = st.columns([5, 1.4], vertical_alignment="center")
    told.markdown(
        f"**{wording.names([run.name for run in found])}** were cut off. Nothing that was saved is lost, and they go "
        "on in this order."
    )
    if button.button("Resume them all", icon=":material/play_arrow:", width="stretch"):
        for run in found:
            with state.errors_in_words():
                jobs.resume_training(run, by=visitor.me())
        if not jobs.cut_off():
            st.rerun()


def obey(action: RunsAction) -> None:
    """Does what somebody has asked for in the table."""
    if action.kind == "overlay":
        if state.overlay() != list(action.runs):
            state.set_overlay(action.runs)
            st.rerun()
        return
    run = Run.open(action.runs[0])
    if action.kind == "open":
        state.look_at(run.name)
    elif action.kind == "note":
        before = run.info.note
        if action.note != before:
            run.annotate(action.note)
            resources.forget_summaries()
        if run.info.note != before:
            st.rerun()
    else:
        state.ask_about_deleting(run.name)
