"""The run that every page shows, and the epoch after which it is shown."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from cae.errors import CaeError
from cae.runs.run import Run
from shared.markdown import plain

_RUN, _CHOSEN = "run", "chosen run"
_NEXT_RUN, _MISSING = "next run", "run of the address that is not there"
_EPOCHS = "epochs"
FIRST_CHOICE = "best"


def run_picker(names: Sequence[str]) -> str | None:
    """Draws the choice of the run, which starts with the one in the address (`?run=`). Returns its name, if any."""
    wanted = st.session_state.pop(_NEXT_RUN, None)
    if wanted is None and _CHOSEN not in st.session_state:
        wanted = st.query_params.get("run")
        if wanted is not None and wanted not in names:
            st.session_state[_MISSING] = wanted[:64]
    if wanted not in names:
        first = FIRST_CHOICE if FIRST_CHOICE in names else next(iter(names), None)
        held = (st.session_state.get(_RUN), st.session_state.get(_CHOSEN), first)
        wanted = next((name for name in held if name in names), None)
    # On every run: Streamlit forgets a field's value when pages change quickly, and falls back to the first option
    # when their order changes, as when somebody starts a training.
    st.session_state[_RUN] = wanted
    chosen: str | None = st.selectbox(
        "Run", names, key=_RUN, help="The run that every page shows.", placeholder="No run yet"
    )
    if chosen != st.session_state.get(_CHOSEN, chosen):
        st.session_state.pop(_MISSING, None)  # the visitor chose another
    if missing := st.session_state.get(_MISSING):
        instead = f"; this is {chosen}" if chosen else ""
        st.warning(f"There is no run called “{plain(missing)}”{instead}.", icon=":material/search_off:")
    st.session_state[_CHOSEN] = chosen
    _take_epoch(chosen)
    return chosen


def chosen_run() -> Run | None:
    """The run that the pages show, after the chosen epoch; None if there is none."""
    name = st.session_state.get(_CHOSEN)
    try:
        return moment_of(Run.open(name)) if name else None
    except CaeError:
        return None


def look_at(name: str) -> None:
    """Makes the pages show this run, and draws the page again."""
    st.session_state[_NEXT_RUN] = name
    st.rerun()


def file_name(what: str) -> str:
    """The name of a file about the chosen run, without its ending: run, epoch and `what`."""
    run = chosen_run()
    if run is None:
        return what
    return f"{run.name}-{what}" if run.epoch is None else f"{run.name}-epoch-{run.epoch}-{what}"


# -- the epoch


def _take_epoch(name: str | None) -> None:
    """Takes the epoch from the address (`?epoch=`) when a session begins."""
    if _EPOCHS not in st.session_state:
        text = st.query_params.get("epoch", "")
        is_number = name is not None and text.isascii() and text.isdigit() and len(text) < 8
        st.session_state[_EPOCHS] = {name: int(text)} if is_number and name == st.query_params.get("run") else {}


def epoch(run: Run) -> int | None:
    """The epoch after which a run is shown; None for the last."""
    chosen: int | None = st.session_state.get(_EPOCHS, {}).get(run.name)
    return chosen


def set_epoch(run: Run, epoch: int | None) -> None:
    """Chooses the epoch after which a run is shown; None for the last."""
    st.session_state[_EPOCHS] = {**st.session_state.get(_EPOCHS, {}), run.name: epoch}


def moment_of(run: Run) -> Run:
    """The run after its chosen epoch, or after its last if that epoch is no longer kept."""
    wanted = epoch(run)
    try:
        return run if wanted is None else run.at(wanted)
    except CaeError:
        return run


def as_shown(run: Run) -> Run:
    """The run after its chosen epoch if it is the one that the pages show, else after its last."""
    return moment_of(run) if run.name == st.session_state.get(_CHOSEN) else run


def chosen_epoch() -> int | None:
    """The epoch that the pages show; None for the last."""
    run = chosen_run()
    return run.epoch if run else None
