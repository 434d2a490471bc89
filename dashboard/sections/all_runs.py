"""The table of all runs, and what is done in it."""

from __future__ import annotations

import functools

import streamlit as st

import state
import wording
from cae import jobs, runs
from cae.files import is_read_only
from cae.runs import Run
from components import RunsAction, runs_table

SECONDS_BETWEEN_TABLES = 2.0


def all_runs() -> None:
    """The table, which follows what is being trained, and the question before a deletion."""
    st.fragment(run_every=SECONDS_BETWEEN_TABLES if runs.is_any_live() else None)(table)()
    if (name := state.asked_about_deleting()) is not None:
        confirm_deletion(name)


def table() -> None:
    """A row a run."""
    with state.errors_in_words():
        summaries = runs.summaries()
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
            describe=functools.partial(wording.row, waiting=waiting),
        )
        if action:
            obey(action)
        st.caption("Tick runs to lay their curves over the chart. A click on a name shows that run on every page.")
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
                jobs.resume_training(run)
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
        if run.info.note != before:
            st.rerun()
    else:
        state.ask_about_deleting(run.name)


@st.dialog("Delete a run", on_dismiss=state.forget_deletion)
def confirm_deletion(name: str) -> None:
    """Asks, naming the run, and deletes it where the answer is yes."""
    st.markdown(f"Delete **{name}**, with its weights and its history? It cannot be brought back.")
    yes, no = st.columns(2)
    if yes.button(f"Yes, delete {name}", type="primary", width="stretch"):
        with state.errors_in_words():
            state.forget_deletion()
            Run.open(name).delete()
            state.say(f"{name} is deleted.")
            st.rerun()
    if no.button("Keep it", width="stretch"):
        state.forget_deletion()
        st.rerun()
