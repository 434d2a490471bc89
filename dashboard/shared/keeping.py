"""The visitor's worksheet on every page: the browser tab keeps it, and buttons add digits to it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from cae import words
from cae.classroom import worksheet
from cae.classroom.checks import Strip
from cae.classroom.worksheet import Taken
from cae.errors import Damaged
from cae.latent.space import vote
from cae.runs.run import Run
from components import Start, remember
from resources import networks
from state import made, messages, missions


def keep_worksheet() -> None:
    """Has the tab keep the worksheet, and restores it after a reload; runs on every page."""
    kept = remember("worksheet", missions.packed_worksheet(), key="remember")
    if kept is None:
        return
    try:
        missions.set_worksheet(worksheet.unpack(kept))
    except Damaged:
        missions.set_worksheet(worksheet.Worksheet())


def add_to_worksheet(
    run: Run, title: str, make: Callable[[], tuple[str, tuple[Strip, ...]]], *, key: str, why_not: str = ""
) -> None:
    """A quiet button that adds digits to the worksheet: `make` returns a note and the digits.

    `why_not` disables the button and says why.
    """

    def add() -> None:
        with messages.errors_in_words():
            note, strips = make()
            missions.set_worksheet(missions.worksheet().with_taken(Taken(title, words.called(run), note, strips)))
            st.toast("It is on your worksheet, on the page Missions.", icon=":material/note_add:")

    st.button(
        "Add to the worksheet", on_click=add, key=key, type="tertiary", icon=":material/note_add:",
        disabled=bool(why_not), width="content",
        help=why_not or "Your worksheet is on the page Missions, where you can save it as one file.",
    )  # fmt: skip


def add_drawing(run: Run) -> None:
    """The button for the visitor's drawing, with its reconstruction and the vote of its neighbours."""
    pixels = made.drawing()

    def make() -> tuple[str, tuple[Strip, ...]]:
        assert pixels is not None  # otherwise the button is disabled
        space = networks.latent_space(run)
        code = networks.encode(run, pixels)
        shares = vote(space.inked, code, len(space.class_names))
        note = f"the ten neighbours say {space.class_names[shares.argmax()]} ({words.percent(shares.max(), 0)})"
        both = np.stack([pixels, networks.decode(run, code[None])[0]])
        return note, (Strip.of("drawing and reconstruction", both),)

    why_not = "Draw something first." if pixels is None else ""
    add_to_worksheet(run, "My drawing", make, key="keep drawing", why_not=why_not)


def add_steered(run: Run, start: Start, code: NDArray[np.float32]) -> None:
    """The button for the digit that the visitor has steered to, with its start."""

    def make() -> tuple[str, tuple[Strip, ...]]:
        both = networks.decode(run, np.stack([start.code, code]))
        return f"from: {start.name}", (Strip.of("start and steered digit", both),)

    add_to_worksheet(run, "Steered digit", make, key="keep steered")


def add_sample(run: Run, sample: made.Sample) -> None:
    """The button for a generated digit."""
    strips = (Strip.of("generated digit", sample.picture[None]),)
    add_to_worksheet(run, "Generated digit", lambda: (sample.name, strips), key="keep sample")
