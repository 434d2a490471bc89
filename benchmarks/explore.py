"""What benchmarks/browser.py measures on the page Map: opening it, hovering, selecting, recolouring, and bytes."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
from playwright.sync_api import Browser, BrowserContext, Page

from benchmarks.common import PROJECT, served
from benchmarks.pages import FOLLOW, PATIENCE

GOALS = {"hover": 50.0, "lasso": 500.0, "recolour": 300.0, "cold": 6000.0, "second": 1500.0}
MOST_BYTES = {"first visit": 4_000_000, "rerun": 3_000}
READY = '[data-testid="stApp"][data-test-script-state="notRunning"]'
# The milliseconds from an event that `start` names to the first task after the frame in which `done` is true.
TIMED = """([start, done]) => {
    const root = globalThis.caeMap, isDone = new Function("root", `return ${done}`);
    const where = start === "change" ? root : window; // a change stays inside, a pointer may not
    globalThis.timed = new Promise((resolve) => where.addEventListener(start, ({timeStamp}) => {
        const end = () => resolve(performance.now() - timeStamp);
        const look = () => (isDone(root) ? setTimeout(end) : requestAnimationFrame(look));
        requestAnimationFrame(look);
    }, {once: true, capture: true}));
}"""


COUNT_PLOTS = """() => {
    if (globalThis.plots === undefined) caeMap.atlas.scatter.plot.on("plotly_afterplot", () => (globalThis.plots += 1));
    globalThis.plots = 0;
}"""


class Received:
    """The bytes that a page receives: over sockets, in files of the map, and in Plotly's script."""

    def __init__(self, page: Page) -> None:
        self.sockets = self.files = self.plotly = 0
        self._kinds: dict[str, str] = {}
        session = page.context.new_cdp_session(page)
        session.on("Network.webSocketFrameReceived", self._frame)
        session.on(
            "Network.responseReceived", lambda event: self._kinds.update({event["requestId"]: event["response"]["url"]})
        )
        session.on("Network.loadingFinished", self._file)
        session.send("Network.enable")

    def _frame(self, event: dict[str, Any]) -> None:
        data = event["response"]
        self.sockets += len(data["payloadData"]) * (3 if data["opcode"] == 2 else 4) // 4  # binary ones come in base64

    def _file(self, event: dict[str, Any]) -> None:
        url = self._kinds.get(event["requestId"], "")
        if "plotly" in url:
            self.plotly += int(event["encodedDataLength"])
        elif "app/static/" in url:
            self.files += int(event["encodedDataLength"])


def ready(page: Page) -> None:
    page.locator(".map[data-ready]").wait_for(state="attached", timeout=PATIENCE)


def rests(page: Page) -> None:
    page.locator(READY).wait_for(timeout=PATIENCE)
    page.locator(".map").evaluate("(root) => (globalThis.caeMap = root)")
    page.wait_for_function("() => !caeMap.atlas.scatter.isMoving", timeout=PATIENCE)
    page.wait_for_timeout(800)


def cold(browser: Browser) -> tuple[float, float, dict[str, int]]:
    """With a fresh server and browser the milliseconds to the kept map, then to it again in the same tab; the bytes."""
    with served(PROJECT / "dashboard" / "Home.py") as address:
        context = browser.new_context(viewport={"width": 1400, "height": 900})
        page = context.new_page()
        received = Received(page)
        began = time.perf_counter()
        page.goto(f"{address}/map?run=original")
        ready(page)
        first = 1000 * (time.perf_counter() - began)
        rests(page)
        got = {"files": received.files, "sockets": received.sockets, "plotly": received.plotly}
        before = received.sockets
        page.get_by_text("Another map").click()
        page.get_by_role("spinbutton", name="Perplexity").fill("31")
        page.get_by_role("spinbutton", name="Perplexity").press("Enter")
        page.wait_for_timeout(2000)
        page.locator(READY).wait_for(timeout=PATIENCE)
        got["rerun"] = received.sockets - before
        page.get_by_role("link", name="Home", exact=True).click()
        page.wait_for_timeout(3000)
        page.locator(READY).wait_for(timeout=PATIENCE)
        began = time.perf_counter()
        page.get_by_role("link", name="Map", exact=True).click()
        ready(page)
        second = 1000 * (time.perf_counter() - began)
        context.close()
    return first, second, got


def explore(context: BrowserContext, address: str, rounds: int) -> dict[str, list[float]]:
    """Milliseconds from the pointer to the card, from a lasso of a thousand to the grid, and of a change of colours."""
    page = context.new_page()
    page.goto(f"{address}/map?run=original")
    ready(page)
    rests(page)
    found: dict[str, list[float]] = {"hover": [], "lasso": [], "recolour": []}
    box = page.get_by_role("figure", name="Map of the test digits").bounding_box()
    assert box is not None
    page.locator(".map").evaluate(FOLLOW, "pointermove")
    ways = np.linspace(0, 6 * np.pi, 150 * rounds)
    for at in ways:
        page.mouse.move(
            box["x"] + box["width"] * (0.5 + 0.4 * np.cos(at) * np.cos(at / 7)),
            box["y"] + box["height"] * (0.5 + 0.4 * np.sin(at)),
        )
    found["hover"] = [each["event"] for each in page.evaluate("times")]
    page.get_by_role("button", name="Lasso").click()
    page.wait_for_timeout(800)
    for corners in [((0.08, 0.12), (0.3, 0.12), (0.3, 0.42), (0.08, 0.42))] * (5 * rounds):
        places = [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in (*corners, corners[0])]
        page.mouse.move(*places[0])
        page.mouse.down()
        for place in places[1:]:
            page.mouse.move(*place, steps=5)
        page.evaluate(
            TIMED, ["pointerup", "root.atlas.choices.selected.length > 500 && root.atlas.selection.points?.length"]
        )
        page.mouse.up()
        found["lasso"].append(page.evaluate("timed"))
        page.wait_for_timeout(500)
        page.get_by_role("button", name="Clear").click()
        page.wait_for_timeout(500)
    for colour in ("error", "z0", "kept", "z5", "class") * rounds:
        page.evaluate(COUNT_PLOTS)
        page.evaluate(TIMED, ["change", "globalThis.plots > 0"])
        page.get_by_label("Colour by").select_option(colour)
        found["recolour"].append(page.evaluate("timed"))
        page.wait_for_timeout(400)
    page.close()
    return found
