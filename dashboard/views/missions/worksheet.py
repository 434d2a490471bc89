"""The worksheet: what is on it, and the button that saves it as one file."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import numpy as np
import streamlit as st

from cae import words
from cae.classroom import worksheet
from cae.classroom.worksheet import Worksheet
from components import digit_rows
from shared.markdown import plain
from shared.taking import take_home
from state import forms, missions
from who import visitor

_NAME = "name on the worksheet"


def sheet() -> None:
    """What the visitor has collected."""
    own = missions.worksheet()
    st.header("Your worksheet")
    checked = sum(each.finding is not None for each in own.attempts)
    st.markdown(
        "It collects your guesses, the answers and your own words. **Add to the worksheet** on the pages Draw, Steer "
        f"and Generate adds digits. So far: {words.count(len(own.attempts), 'mission')}, {checked} checked, "
        f"{words.count(len(own.taken), 'picture')}."
    )
    _pictures(own)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        forms.prepare_field(_NAME, own.name or visitor.name())
        name = st.text_input("Your name, if it should be on it", key=_NAME, max_chars=worksheet.LONGEST_NAME, width=300,
                             on_change=_rename)  # fmt: skip
        named = replace(own, name=name.strip())
        take_home(
            "Worksheet (HTML)", lambda: worksheet.html(named, date.today()).encode(errors="replace"), "worksheet.html",
            name=worksheet.file_name(named), key="take worksheet", help="One file, for a screen and for paper.",
        )  # fmt: skip
        _remove_pictures(own)
        if not own.is_empty:
            with st.popover("Empty it", icon=":material/delete:"):
                st.markdown("Delete all guesses, answers and pictures? This cannot be undone.")
                st.button("Yes, empty it", on_click=missions.empty_worksheet, type="primary")
    st.caption("This browser tab keeps your worksheet, even when you reload. Save it before you close the tab.")


def _pictures(own: Worksheet) -> None:
    if own.taken:
        rows = (
            (
                np.concatenate([strip.digits() for strip in each.strips]),
                f"{each.title}, {each.note}", (each.title, each.run, each.note), "",
            )
            for each in own.taken
        )  # fmt: skip
        digit_rows(rows, key="worksheet-pictures", layout="cards wide", timeless=True, of_runs=True)


def _remove_pictures(own: Worksheet) -> None:
    if not own.taken:
        return
    with st.popover("Take pictures off", icon=":material/close:"):
        for position, each in enumerate(own.taken):
            label = f"{position + 1}: {plain(each.title)}, {plain(each.note)}"
            st.button(label, key=f"remove {position}", on_click=_remove, args=(position,), type="tertiary",
                      help="Removes it from the worksheet.")  # fmt: skip


def _rename() -> None:
    missions.set_worksheet(replace(missions.worksheet(), name=forms.text_of(_NAME).strip()))


def _remove(position: int) -> None:
    missions.set_worksheet(missions.worksheet().without_taken(position))
