"""The dashboard without a browser: its pages as scripts, and what they send to the widgets."""

import json

import numpy as np
import pyarrow as pa
import pytest
import streamlit as st
from helpers import PROJECT
from streamlit.testing.v1 import AppTest


@pytest.fixture
def own_static_folder(tmp_path, monkeypatch):
    """What the pages make for the browser lies in the test's own folder."""
    monkeypatch.syspath_prepend(str(PROJECT / "dashboard"))
    from server import serving

    monkeypatch.setattr(serving, "_STATIC", tmp_path / "static")
    return tmp_path / "static"


def opened(page: str = "home", **query: str) -> AppTest:
    """The app on one of its pages, without an exception."""
    app = AppTest.from_file(str(PROJECT / "dashboard" / "Home.py"), default_timeout=180)
    for name, value in query.items():
        app.query_params[name] = value
    return settled(settled(app.run()).switch_page(f"views/{page}/page.py").run())


def settled(app: AppTest) -> AppTest:
    assert not app.exception, app.exception
    return app


def sent(app: AppTest, key: str) -> dict:
    """What Python sent to the widget with this key."""
    for element in app.get("bidi_component"):
        if element.proto.id.split("-")[-1].endswith(key) or key in element.proto.id:
            return json.loads(element.proto.mixed.json or element.proto.json)
    raise AssertionError(f"there is no widget {key}")


def pictures_sent(app: AppTest, key: str) -> np.ndarray:
    """The pictures, uint8 (T, 28, 28), that the digits with this key show."""
    for element in app.get("bidi_component"):
        if key in element.proto.id:
            (blob,) = element.proto.mixed.arrow_blobs.values()
            return pa.ipc.open_stream(blob.data).read_all().column(0).to_numpy().reshape(-1, 28, 28)
    raise AssertionError(f"there are no digits {key}")


def button(app: AppTest, label: str):
    return next(each for each in app.button if each.label == label)


def words(app: AppTest) -> str:
    return " ".join(
        str(each.value) for kind in ("markdown", "caption", "info", "error", "warning") for each in app.get(kind)
    )


@pytest.fixture
def small(tiny):
    """The tiny run on the small data set, and no page that remembers another."""
    st.cache_data.clear()
    st.cache_resource.clear()
    yield tiny
    st.cache_data.clear()
    st.cache_resource.clear()
