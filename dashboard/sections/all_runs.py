"""The table of all runs, and what is done in it."""

from __future__ import annotations

import functools

import streamlit as st

import state
import visitor
import wording
from cae import runs
from cae.files import is_read_only
from cae.runs import Run
from components import RunsAction, runs_table
from sections.asking import confirm_deletion
from sections.waiting import waiting_line

SECONDS_BETWEEN_TABLES = 2.0


def all_runs() -> None:
    """The table, which follows what is being trained, and the question before a deletion."""
    st.fragment(run_every=SECONDS_BETWEEN_TABLES if runs.is_any_live() else None)(table)()
    if (name := state.asked_about_deleting()) is not None:
        confirm_deletion(name)


def table() -> None:
    """A row a run."""
    with state.errors_in_words():
        waiting_line()
        summaries = runs.summaries()
        if not summaries:
            st.caption("None yet: the first one appears here as soon as it is started.")
            return
        shown = state.chosen_run()
        action = runs_table(
            summaries,
            key="runs",
            chosen=shown.name if shown else None,
            overlay=state.overlay(),
            read_only=is_read_only(),
            describe=functools.partial(wording.row, me=visitor.me()),
        )
        if action:
            obey(action)
        forbidden = " Deleting and notes are forbidden here (read-only)." if is_read_only() else ""
        st.caption(
            f"Tick runs to lay their curves over the chart. A click on a name shows that run on every page.{forbidden}"
        )


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
        if action.note != run.info.note:
            run.annotate(action.note)
            st.rerun()
    else:
        state.ask_about_deleting(run.name)
