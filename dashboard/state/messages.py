"""Messages and questions that outlive the rerun that caused them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import streamlit as st

from cae.errors import CaeError
from shared.markdown import plain

_MESSAGE = "message"
_DELETION = "deletion"
_STOPPING, _TRAINING = "stopping", "training to stop"


def say(text: str) -> None:
    """Shows a short message when the page is drawn next."""
    st.session_state[_MESSAGE] = text


def show_message() -> None:
    """Shows the message, once."""
    if text := st.session_state.pop(_MESSAGE, None):
        st.toast(text)


@contextmanager
def errors_in_words() -> Iterator[None]:
    """Shows the sentence of a CaeError in place, and lets the rest of the page continue."""
    try:
        yield
    except CaeError as error:
        st.error(plain(str(error)))


# -- whether to delete a run


def ask_about_deleting(name: str) -> None:
    """Makes the page ask whether to delete this run."""
    if st.session_state.get(_DELETION) != name:
        st.session_state[_DELETION] = name
        st.rerun()


def asked_about_deleting() -> str | None:
    """The run whose deletion the page asks about."""
    return st.session_state.get(_DELETION)


def forget_deletion() -> None:
    """Ends the question."""
    st.session_state.pop(_DELETION, None)


# -- whether to stop a training


def ask_about_stop(name: str) -> None:
    """Makes the page ask whether to stop the training of this run."""
    st.session_state[_TRAINING] = name


def asked_about_stop() -> str | None:
    """The run whose training the page asks about."""
    return st.session_state.get(_TRAINING)


def forget_stop() -> None:
    """Ends the question."""
    st.session_state.pop(_TRAINING, None)


# -- whether to stop a measurement


def asked_about_stopping() -> str | None:
    """The measurement that the page asks about, by its result file."""
    return st.session_state.get(_STOPPING)


def ask_about_stopping(result: str | None) -> None:
    """Makes the page ask whether to stop the measurement with this result file; None ends the question."""
    st.session_state[_STOPPING] = result
