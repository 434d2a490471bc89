"""What a user would pick instead of Steer: Streamlit's own slider, a decode in Python, and a picture of it."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

from playwright.sync_api import Browser

from benchmarks.common import served

RELEASED = """() => new Promise((done, fail) => {
    const picture = () => document.querySelector("[data-testid=stImage] img"), before = picture().src;
    const {port1, port2} = new MessageChannel();
    setTimeout(fail, 20000, new Error("no new picture came"));
    addEventListener("pointerup", ({timeStamp}) => {
        port1.onmessage = () => done(performance.now() - timeStamp);
        (function look() {
            const isShown = picture()?.complete && picture().src !== before;
            requestAnimationFrame(isShown ? () => port2.postMessage(null) : look);
        })();
    }, {capture: true, once: true});
})"""
USUAL = """import streamlit as st
import torch
from cae import Run, to_pixels

@st.cache_resource
def model():
    return Run.open("original").model()

z = st.slider("z0", -20.0, 20.0, 0.0)
code = torch.zeros(1, 32)
code[0, 0] = z
st.image(to_pixels(model().decode(code))[0].numpy().reshape(28, 28), width=280)
"""


def released(browser: Browser, app: Path, count: int) -> list[float]:
    """Milliseconds from the release of Streamlit's own slider to its picture."""
    app.write_text(USUAL)
    with served(app) as address:
        page = browser.new_page(viewport={"width": 1400, "height": 900})
        page.goto(address)
        page.get_by_test_id("stImage").locator("img").wait_for(timeout=60_000)
        page.wait_for_timeout(1000)
        box, thumb = page.get_by_test_id("stSlider").bounding_box(), page.get_by_role("slider").bounding_box()
        assert box is not None and thumb is not None
        y, places = thumb["y"] + thumb["height"] / 2, [0.5] + [0.4, 0.6] * count  # of the slider's width
        found = []
        for before, after in pairwise(places[: count + 1]):
            page.mouse.move(box["x"] + before * box["width"], y)
            page.mouse.down()
            page.evaluate(f"() => {{ globalThis.shown = ({RELEASED})(); }}")
            page.mouse.move(box["x"] + after * box["width"], y, steps=2)
            page.mouse.up()
            found.append(float(page.evaluate("shown")))
            page.wait_for_timeout(500)
        page.close()
    return found
