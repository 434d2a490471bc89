"""Messages, and questions before something is lost, that outlive the rerun they were caused by."""

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
    """Shows a short message on the next run of the page."""
    st.session_state[_MESSAGE] = text


def show_message() -> None:
    """Shows what was said, once."""
    if text := st.session_state.pop(_MESSAGE, None):
        st.toast(text)


@contextmanager
def errors_in_words() -> Iterator[None]:
    """Shows the sentence of a CaeError in the place where it happened, and lets the rest of the page go on."""
    try:
        yield
    except CaeError as error:
        st.error(plain(str(error)))


# -- the run that somebody wants to delete, until they have said yes or no


def ask_about_deleting(name: str) -> None:
    """Makes the page ask about the deletion of this run."""
    if st.session_state.get(_DELETION) != name:
        st.session_state[_DELETION] = name
        st.rerun()


def asked_about_deleting() -> str | None:
    """The run whose deletion is to be confirmed."""
    return st.session_state.get(_DELETION)


def forget_deletion() -> None:
    """The question has been answered."""
    st.session_state.pop(_DELETION, None)


# -- the training that somebody wants to stop, until they have said yes or no


def ask_about_stop(name: str) -> None:
    """Makes the page ask before this run's training is stopped."""
    st.session_state[_TRAINING] = name


def asked_about_stop() -> str | None:
    """The run whose training is to be stopped."""
    return st.session_state.get(_TRAINING)


def forget_stop() -> None:
    """The question has been answered."""
    st.session_state.pop(_TRAINING, None)


# -- the measurement that somebody wants to stop, until they have said yes or no


def asked_about_stopping() -> str | None:
    """What is to be stopped, by the file that it makes."""
    return st.session_state.get(_STOPPING)


def ask_about_stopping(result: str | None) -> None:
    """Replaces it."""
    st.session_state[_STOPPING] = result
