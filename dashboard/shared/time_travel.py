"""The scrubber in the sidebar, which chooses the epoch that every page shows."""

from __future__ import annotations

import streamlit as st

from cae import words
from cae.errors import CaeError
from cae.runs.run import Run
from components import scrubber
from resources import files
from server.ticking import ticking
from state import chosen as state_chosen

SECONDS_BETWEEN_TICKS = 2.0  # while epochs are added


def time_travel(name: str | None) -> None:
    """Draws the scrubber if the run of this name has kept epochs."""
    try:
        run = Run.open(name) if name else None
    except CaeError:
        run = None
    if run is not None:
        ticking(SECONDS_BETWEEN_TICKS, while_=run.is_live())(_scrubber)(run)


def _scrubber(run: Run) -> None:
    try:
        frames = files.film(run.again(), state_chosen.epoch(run))
    except (CaeError, OSError):
        return  # the page says what is wrong with it
    if not frames:
        return
    kept, chosen = [frame.epoch for frame in frames], state_chosen.epoch(run)
    if (wanted := chosen) is not None and wanted not in kept:
        nearest = min(kept, key=lambda epoch: abs(epoch - wanted))
        there_are = words.listed(list(map(str, kept)))
        st.caption(f"Epoch {wanted} was not kept: this is epoch {nearest}. The kept ones are {there_are}.")
        chosen = None if nearest == kept[-1] else nearest
        state_chosen.set_epoch(run, chosen)
    at = kept.index(chosen) if chosen is not None else len(kept) - 1
    moved = scrubber(run.name, frames, at, epochs=kept[-1], key="epoch")
    if moved is not None and moved != kept[at]:
        state_chosen.set_epoch(run, None if moved == kept[-1] else moved)
        st.rerun()
