"""Forms for configurations: labels, help, units and bounds come from the options themselves."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, TypeVar

import streamlit as st

from cae.config import Config, Option
from cae.errors import InvalidOption
from shared.markdown import plain
from state import forms

C = TypeVar("C", bound=Config)


def fields(kind: type[Config], leave_out: Iterable[str] = ()) -> None:
    """Draws a field for every option, and below it what is wrong with its value."""
    try:
        read(kind)
        refused = {}
    except InvalidOption as error:
        refused = {error.option: str(error)}
    for option in kind.options():
        if option.name in leave_out:
            continue
        _field(kind, option)
        problem = _problem(kind, option) or refused.get(option.name)
        if problem:
            st.markdown(f":red[{plain(problem)}]")


def read(kind: type[C]) -> C:
    """The configuration in the fields. Raises InvalidOption."""
    return kind(**{option.name: _value(kind, option) for option in kind.options()})


def _value(kind: type[Config], option: Option) -> Any:
    value = forms.option(kind, option.name)
    if value is None and not option.optional:
        raise InvalidOption(option.name, f"{option.label} is empty.")
    return value


def _problem(kind: type[Config], option: Option) -> str | None:
    try:
        option.check(_value(kind, option))
    except InvalidOption as error:
        return str(error)
    return None


def _field(kind: type[Config], option: Option) -> None:
    key, text = forms.option_key(kind, option.name), f"{option.help}{_bounds(option)}"
    if choices := option.choices:
        held = forms.option(kind, option.name)  # perhaps of a run whose data set is not here
        shown = choices if held is None or held in choices else (*choices, held)
        st.selectbox(option.label, shown, key=key, help=text, persist_state="session")
        return
    label = f"{option.label} ({option.unit})" if option.unit not in option.label.lower() else option.label
    whole: dict[str, Any] = {"step": 1} if option.kind is int else {"step": None, "format": "%g"}
    st.number_input(
        label, value=None, key=key, help=text, placeholder=option.optional or "", persist_state="session", **whole
    )


def _bounds(option: Option) -> str:
    if option.low is None or option.high is None:
        return ""
    return f" From {option.low:g} to {option.high:,g}." if option.high < 1e6 else f" At least {option.low:g}."
