"""The worksheet: what is on it, and one file to take home."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import numpy as np
import streamlit as st

from cae import words
from cae.classroom import worksheet
from cae.classroom.worksheet import Worksheet
from components import Card, digits
from shared.markdown import plain
from shared.taking import take_home
from state import forms, missions
from who import visitor

_NAME = "name on the worksheet"


def sheet() -> None:
    """What the visitor has collected, and the button that saves it."""
    found = missions.worksheet()
    st.header("Your worksheet")
    checked = sum(each.finding is not None for each in found.attempts)
    st.markdown(
        f"Guesses, answers and your own words go on it by themselves, pictures from the pages Draw, Steer and Generate "
        f"by **Add to the worksheet**. So far: {words.count(len(found.attempts), 'mission')}, {checked} checked, "
        f"{words.count(len(found.taken), 'picture')}."
    )
    _pictures(found)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        forms.prepare_field(_NAME, found.name or visitor.name())
        name = st.text_input("Your name, if it should be on it", key=_NAME, max_chars=worksheet.LONGEST_NAME, width=300,
                             on_change=_rename)  # fmt: skip
        named = replace(found, name=name.strip())
        take_home(
            "Worksheet (HTML)", lambda: worksheet.html(named, date.today()).encode(errors="replace"), "worksheet.html",
            name=worksheet.file_name(named), key="take worksheet", help="One file, for a screen and for paper.",
        )  # fmt: skip
        _take_off(found)
        if not found.is_empty:
            with st.popover("Empty it", icon=":material/delete:"):
                st.markdown("Forget all guesses, answers and pictures? They cannot be brought back.")
                st.button("Yes, empty it", on_click=_empty, type="primary")
    st.caption("This tab keeps it: a reload does not lose it, and closing the tab does. Save it before you go.")


def _pictures(found: Worksheet) -> None:
    if not found.taken:
        return
    tiles = [np.concatenate([strip.digits() for strip in each.strips]) for each in found.taken]
    ends = np.cumsum([len(each) for each in tiles]).tolist()
    cards = [
        Card(tuple(range(end - len(shown), end)), f"{each.title}, {each.note}", (each.title, each.run, each.note))
        for each, shown, end in zip(found.taken, tiles, ends, strict=True)
    ]
    digits(np.concatenate(tiles), cards, key="worksheet-pictures", layout="cards wide", timeless=True, of_runs=True)


def _take_off(found: Worksheet) -> None:
    if not found.taken:
        return
    with st.popover("Take pictures off", icon=":material/close:"):
        for position, each in enumerate(found.taken):
            label = f"{position + 1}: {plain(each.title)}, {plain(each.note)}"
            st.button(label, key=f"remove {position}", on_click=_remove, args=(position,), type="tertiary",
                      help="Takes it off the worksheet.")  # fmt: skip


def _rename() -> None:
    missions.set_worksheet(replace(missions.worksheet(), name=forms.text_of(_NAME).strip()))


def _remove(position: int) -> None:
    missions.set_worksheet(missions.worksheet().without_taken(position))


def _empty() -> None:
    missions.empty_worksheet()
