"""What the benchmarks do on the dashboard's pages: open them, draw, follow events into their frames, count bytes."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

from playwright.sync_api import Browser, Page, sync_playwright

from benchmarks.startup import FLAGS
from benchmarks.strokes import CANVAS, Drawing
from start import find_browser

PATIENCE = 120_000  # milliseconds; a latent space may have to be measured first
# Follows each `event` on `root` into its frame. In milliseconds: `hand` and `event` are from the mouse's movement and
# from the event to the first task after that frame, `handler` is what the event's own handlers took.
FOLLOW = """(root, event) => {
    globalThis.times = [];
    const {port1, port2} = new MessageChannel(), waiting = [];
    port1.onmessage = () => {
        const now = performance.now();
        for (const each of waiting.splice(0)) times.push({...each, hand: now - each.hand, event: now - each.event});
    };
    let hand = 0, began = 0;
    root.addEventListener("pointermove", (moved) => (hand = moved.timeStamp), true);
    root.addEventListener(event, () => {
        began = performance.now();
        requestAnimationFrame(() => port2.postMessage(null));
    }, true);
    root.addEventListener(event, (given) => {
        const handler = performance.now() - began;
        const counts = event === "input" || given.buttons || root.className === "map"; // on the map nothing is pressed
        if (counts) waiting.push({hand, event: given.timeStamp, handler});
    });
}"""


@contextlib.contextmanager
def chromium() -> Iterator[Browser]:
    """A browser, as long as one is inside."""
    with sync_playwright() as playwright:
        found = playwright.chromium.launch(executable_path=find_browser(), args=[f"--{flag}" for flag in FLAGS])
        try:
            yield found
        finally:
            found.close()


def opened(browser: Browser, address: str) -> Page:
    """Steer or Draw, at rest, with all its files."""
    page = browser.new_page(viewport={"width": 1400, "height": 900})
    page.goto(address)
    page.wait_for_function("() => globalThis.caeFiles?.size >= 3", timeout=PATIENCE)
    page.locator('[data-testid="stApp"][data-test-script-state="notRunning"]').wait_for(timeout=PATIENCE)
    page.wait_for_timeout(2000)
    return page


def draw(page: Page, drawn: Drawing, pen_is: Callable[[bool], None] = lambda _: None) -> None:
    """Moves the mouse along the strokes, wherever the drawing area lies and however large it is.

    `pen_is` is told when the pen is down, and just before it is lifted.
    """
    page.get_by_role("slider", name="Brush").fill(str(drawn.brush))
    box = page.get_by_label("Drawing area").bounding_box()
    assert box is not None
    for stroke in drawn.strokes:
        points = [(box["x"] + x / CANVAS * box["width"], box["y"] + y / CANVAS * box["height"]) for x, y in stroke]
        page.mouse.move(*points[0])
        page.mouse.down()
        pen_is(True)
        for x, y in points[1:]:
            page.mouse.move(x, y)
        pen_is(False)
        page.mouse.up()


class Sent:
    """What a page sends: bytes over its sockets and requests, those `during` something apart."""

    def __init__(self, page: Page) -> None:
        self.during = False
        self.bytes, self.requests = {True: 0, False: 0}, {True: 0, False: 0}
        self._page, session = page, page.context.new_cdp_session(page)
        session.on("Network.webSocketFrameSent", self._frame)
        session.on("Network.requestWillBeSent", self._request)
        session.send("Network.enable")

    def switch(self, during: bool) -> None:
        """From here on it is, or is not, during it; after waiting for what is still under way."""
        self._page.wait_for_timeout(300)  # longer than Steer waits before it tells where the hand rests
        self.during = during

    def counts(self) -> dict[str, int]:
        """What there was during it, and, as proof that anything is counted, the bytes otherwise."""
        return {"bytes": self.bytes[True], "requests": self.requests[True], "bytes_otherwise": self.bytes[False]}

    def _frame(self, event: dict[str, Any]) -> None:
        self.bytes[self.during] += len(event["response"]["payloadData"])

    def _request(self, event: dict[str, Any]) -> None:
        self.requests[self.during] += 1
