"""What is asked before something stops or disappears: whose session started it, and what is lost."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import streamlit as st

from cae import words
from cae.jobs import process
from cae.jobs.process import Job
from cae.runs.run import Run
from cae.runs.summary import Summary
from shared.markdown import plain
from state import messages
from who import visitor


@st.dialog("Stop a training", on_dismiss=messages.forget_stop)
def confirm_stop(name: str) -> None:
    """Asks, and stops the training where the answer is yes."""
    with messages.errors_in_words():
        run = Run.open(name)
        st.markdown(f"{whose(run.summary())} {how_far(run)}")
        st.markdown("Nothing is lost: it stops after the batch under way, and **Resume** goes on from there.")
        if answer(f"Yes, stop {name}", "Let it go on", on_no=messages.forget_stop):
            messages.forget_stop()
            process.ask_to_stop(Run.open(name))
            st.rerun()


@st.dialog("Delete a run", on_dismiss=messages.forget_deletion)
def confirm_deletion(name: str) -> None:
    """Asks, naming the run, and deletes it where the answer is yes."""
    with messages.errors_in_words():
        run = Run.open(name)
        if run.is_live():
            st.markdown(f"{whose(run.summary())} {how_far(run)}")
            st.markdown("It has to be stopped before it can be deleted.")
            if answer(f"Stop {name} first", "Let it go on", on_no=messages.forget_deletion):
                messages.forget_deletion()
                process.ask_to_stop(run)
                st.rerun()
            return
        st.markdown(f"Delete **{name}**, with its weights and its history? It cannot be brought back.")
        st.markdown(f"{whose(run.summary())} {how_far(run)}")
        if answer(f"Yes, delete {name}", "Keep it", on_no=messages.forget_deletion):
            messages.forget_deletion()
            run.delete()
            messages.say(f"{name} is deleted.")
            st.rerun()


def answer(yes: str, no: str, *, on_no: Callable[[], None] = lambda: None) -> bool:
    """Draws the two answers to a question; whether it was the first. The second closes the question."""
    left, right = st.columns(2)
    if right.button(no, width="stretch"):
        on_no()
        st.rerun()
    return left.button(yes, type="primary", width="stretch")


def whose(summary: Summary) -> str:
    """Who started a run and when, as a sentence; who had it trained on, where that was another."""
    if not (started := words.started(summary, visitor.me())):
        return "It is not known whose session started it."
    others = not visitor.is_mine(summary.resumed_by or summary.by)
    return f"{':material/group: ' if others else ''}It was {plain(started)}."


def how_far(run: Run) -> str:
    """How far it is, as a sentence."""
    summary = run.summary()
    if summary.state == "queued":
        return "It waits for its turn."
    if not summary.epochs:
        return ""
    if summary.state == "running":
        return f"It is in epoch {min(summary.epochs_done + 1, summary.epochs)} of {summary.epochs}."
    error = f", test MSE {words.number(summary.last.test_mse)}" if summary.last else ""
    return f"It has {summary.epochs_done} of {summary.epochs} epochs behind it{error}."


def stop_button(
    job: Job,
    *,
    key: str,
    kept: str = "What it has found by then is kept.",
    width: Literal["content", "stretch"] = "content",
    on_stop: Callable[[], None] = lambda: None,
) -> None:
    """The button that stops a measurement; it asks first where another visitor's session started that.

    `kept` says what stopping costs; `on_stop` is called before it is asked to stop.
    """

    def stop() -> None:
        messages.ask_about_stopping(None)
        on_stop()
        job.ask_to_stop()

    by, is_asked, result = job.by(), job.is_stop_asked(), str(job.result)
    is_anothers = by is not None and not visitor.is_mine(by)
    if by is not None and is_anothers and messages.asked_about_stopping() == result:
        whose = words.owner(by)
        st.warning(f"{plain(whose[0].upper() + whose[1:])}'s session asked for this. {kept}")
        st.button("Yes, stop it", key=f"{key} yes", on_click=stop, type="primary", width=width)
        st.button("Let it go on", key=f"{key} no", on_click=messages.ask_about_stopping, args=(None,), width=width)
    else:
        st.button(
            "Stop", key=key, on_click=(lambda: messages.ask_about_stopping(result)) if is_anothers else stop,
            disabled=is_asked, icon=":material/stop_circle:", help=kept, width=width,
        )  # fmt: skip
