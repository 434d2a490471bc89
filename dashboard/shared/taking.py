"""Buttons that save a file, which is made when they are clicked."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import PurePath

import streamlit as st

from state import chosen

_MIME = {".gif": "image/gif", ".png": "image/png", ".html": "text/html", ".zip": "application/zip"}


def take_home(
    label: str, make: Callable[[], bytes], file: str, *, help: str, key: str, quiet: bool = False, name: str = ""
) -> None:
    """A button that saves the result of `make`: as `file` after the name of the run, or as `name` with its ending."""
    path = PurePath(file)
    name = name or chosen.file_name(path.stem)
    st.download_button(
        label, make, file_name=f"{name}{path.suffix}", mime=_MIME[path.suffix], help=help,
        on_click="ignore", icon=":material/download:", key=key, type="tertiary" if quiet else "secondary",
    )  # fmt: skip
