"""Questions before something stops or is deleted: who started it, and what that costs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import streamlit as st

from cae import words
from cae.jobs import process
from cae.jobs.job import Job
from cae.runs.run import Run
from cae.runs.summary import Summary
from shared.markdown import plain
from state import messages
from who import visitor


@st.dialog("Stop a training", on_dismiss=messages.forget_stop)
def confirm_stop(name: str) -> None:
    """Asks whether to stop a training, and does so on a yes."""
    with messages.errors_in_words():
        run = Run.open(name)
        _say_what_it_is(run.summary())
        st.markdown("Nothing is lost: it stops after the current batch, and **Resume** continues from there.")
        if answer(f"Yes, stop {name}", "Let it run", on_no=messages.forget_stop):
            messages.forget_stop()
            process.ask_to_stop(Run.open(name))
            st.rerun()


@st.dialog("Delete a run", on_dismiss=messages.forget_deletion)
def confirm_deletion(name: str) -> None:
    """Asks whether to delete a run, and does so on a yes."""
    with messages.errors_in_words():
        run = Run.open(name)
        if run.is_live():
            _say_what_it_is(run.summary())
            st.markdown("Stop it before you delete it.")
            if answer(f"Stop {name} first", "Let it run", on_no=messages.forget_deletion):
                messages.forget_deletion()
                process.ask_to_stop(run)
                st.rerun()
            return
        st.markdown(f"Delete **{name}**, with its weights and its history? This cannot be undone.")
        _say_what_it_is(run.summary())
        if answer(f"Yes, delete {name}", "Keep it", on_no=messages.forget_deletion):
            messages.forget_deletion()
            run.delete()
            messages.say(f"{name} is deleted.")
            st.rerun()


def answer(yes: str, no: str, *, on_no: Callable[[], None] = lambda: None) -> bool:
    """Draws the two answers to a question; returns whether the first was clicked. The second closes the dialog."""
    left, right = st.columns(2)
    if right.button(no, width="stretch"):
        on_no()
        st.rerun()
    return left.button(yes, type="primary", width="stretch")


def _say_what_it_is(summary: Summary) -> None:
    started_by = summary.resumed_by or summary.by
    icon = ":material/group: " if started_by is not None and not visitor.is_mine(started_by) else ""
    st.markdown(f"{icon}{plain(words.whose(summary, visitor.me()))} {_how_far(summary)}")


def _how_far(summary: Summary) -> str:
    if summary.state == "queued":
        return "It is queued."
    if not summary.epochs:
        return ""
    if summary.state == "running":
        return f"It is in epoch {min(summary.epochs_done + 1, summary.epochs)} of {summary.epochs}."
    error = f"; its test MSE is {words.number(summary.last.test_mse)} on [-1, 1]" if summary.last else ""
    return f"It has trained {summary.epochs_done} of {summary.epochs} epochs{error}."


def stop_button(
    job: Job,
    *,
    key: str,
    kept: str = "Its results so far are kept.",
    width: Literal["content", "stretch"] = "content",
    on_stop: Callable[[], None] = lambda: None,
) -> None:
    """The button that stops a job; it asks first if another visitor started that.

    `kept` says what stopping costs; `on_stop` is called before the job is asked to stop.
    """

    def stop() -> None:
        messages.ask_about_stopping(None)
        on_stop()
        job.ask_to_stop()

    by, is_asked, result = job.by(), job.is_stop_asked(), str(job.result)
    is_anothers = by is not None and not visitor.is_mine(by)
    if by is not None and is_anothers and messages.asked_about_stopping() == result:
        st.warning(f"It was started by {plain(words.owner(by))}. {kept}")
        st.button("Yes, stop it", key=f"{key} yes", on_click=stop, type="primary", width=width)
        st.button("Let it run", key=f"{key} no", on_click=messages.ask_about_stopping, args=(None,), width=width)
    else:
        st.button(
            "Stop", key=key, on_click=(lambda: messages.ask_about_stopping(result)) if is_anothers else stop,
            disabled=is_asked, icon=":material/stop_circle:", help=kept, width=width,
        )  # fmt: skip
