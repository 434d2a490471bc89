"""Files for the browser: made once, named after their content, served beside the pages and cached by the browser."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

import streamlit as st

from cae.disk import reading
from cae.disk.files import write_whole

_STATIC = Path(__file__).resolve().parents[1] / "static"
_MOST = 200  # files; the ones not asked for longest go first


def address(name: str, make: Callable[[], bytes]) -> str:
    """The address of the file `name`, relative to the page; `make` returns its content if it does not exist yet.

    A name always stands for the same content, so it contains the hash or the version of what the file was made from.
    """
    path = _STATIC / name
    try:
        os.utime(path)
    except OSError:
        if not reading.is_there(path):  # if it is, it belongs to another user
            content = make()
            try:
                _STATIC.resolve().mkdir(parents=True, exist_ok=True)  # it may be a link to a missing folder
                _forget_the_oldest()
                write_whole(path, content)
            except OSError:
                return _from_memory(name, make)
    return f"app/static/{name}"


def _forget_the_oldest() -> None:
    files = sorted(_STATIC.glob("[!.]*"), key=lambda path: path.stat().st_mtime, reverse=True)
    for path in files[_MOST:]:
        if time.time() - path.stat().st_mtime > 3600:
            path.unlink(missing_ok=True)


def _from_memory(name: str, make: Callable[[], bytes]) -> str:
    """The address of a file in memory, for a read-only checkout; Streamlit drops it unless every rerun asks for it."""
    from streamlit.runtime import get_instance

    kind = "text/javascript" if name.endswith(".js") else "application/octet-stream"  # browsers import no other type
    return get_instance().media_file_mgr.add(_content(name, make), kind, name).lstrip("/")


@st.cache_resource(max_entries=64, show_spinner=False)
def _content(name: str, _make: Callable[[], bytes]) -> bytes:
    return _make()
