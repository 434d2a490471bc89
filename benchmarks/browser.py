"""From the hand to the pixels on the pages Steer and Draw: a slider, a pen, and what is sent meanwhile.

python benchmarks/browser.py [--rounds 3] [--json]

A headless Chromium with a real server; the mouse is Chromium's own. A time begins at the event's timeStamp, the moment
the browser knew of it, and ends with the first task after the frame in which everything was painted; what compositor
and screen then take is not in it. `input` is the slider's own event; from the movement of the mouse that caused it, it
takes up to a frame longer, which Chromium waits to deliver movements. Each slider is measured on the shipped runs
`original` (width 16) and `best` (width 64); pen and map on `original`. A round is two drags of 90 events and three
drawings. What a user would pick instead is `st.slider` with a decode in Python and `st.image`, from the release.
The scrubber goes from epoch to epoch of `original`, on Steer and, with a drawing, on Draw.
Goals, 95th percentiles: slider 17 ms, pen 50 ms, an epoch 100 ms, a decode 2 ms at width 16 and 8 ms at width 64;
nothing sent.
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import numpy as np
from playwright.sync_api import Browser, Page

from benchmarks import explore
from benchmarks.common import PROJECT, Report, median, parser, percentile, served
from benchmarks.pages import FOLLOW, Sent, chromium, draw, opened
from benchmarks.strokes import drawing, unseen
from benchmarks.usual import released
from cae import Run
from cae.data.images import load
from cae.latent.explore import latent_space
from cae.web.bundle import script

SLIDER_MS, PEN_MS, EPOCH_MS, BYTES = 17, 50, 100, 0
DECODE_MS = {"original": 2, "best": 8}
MAP = {
    "hover": "pointer to card", "lasso": "lasso of 1,000 to grid", "recolour": "another colour",
    "cold": "opened, all cold", "second": "opened again",
}  # fmt: skip
DECODE = """async ([script, weights, codes]) => {
    const address = URL.createObjectURL(new Blob([script], {type: "text/javascript"}));
    const {decode, network, readTensors} = await import(address);
    const {tensors, metadata} = readTensors(await (await fetch(weights)).arrayBuffer());
    const ready = network(tensors, JSON.parse(metadata.model).activation);
    for (const code of codes) decode(ready, code);
    return codes.map((code) => {
        const began = performance.now();
        decode(ready, code);
        return performance.now() - began;
    });
}"""


def slider(page: Page, sent: Sent, drags: int) -> list[dict[str, float]]:
    """The times of the events of so many drags, each over another slider from end to end and back."""
    digit, picture = page.get_by_label("Decoded digit", exact=True), "canvas => canvas.toDataURL()"
    for index in range(drags):
        box = page.locator(".steer").get_by_role("slider").nth(index).bounding_box()
        assert box is not None
        ways = [0.5 + 0.46 * np.sin(2 * np.pi * step / 100) for step in range(100)]
        page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
        page.mouse.down()
        before = digit.evaluate(picture)
        sent.switch(True)
        for at in ways[:-10]:
            page.mouse.move(box["x"] + box["width"] * at, box["y"] + box["height"] / 2)
        sent.switch(False)
        page.mouse.up()
        assert digit.evaluate(picture) != before, "the slider was not moved"
        page.wait_for_timeout(1500)
    return list(page.evaluate("times"))


def steer(browser: Browser, address: str, run: Run, rounds: int) -> dict[str, Any]:
    page = opened(browser, f"{address}/steer?run={run.name}")
    codes = latent_space(run).real.codes()[::100].tolist()
    weights = f"{address}/app/static/{run.weights_hash()}.safetensors"
    decode = [each for _ in range(rounds) for each in page.evaluate(DECODE, [script("network"), weights, codes])]
    page.locator(".steer").evaluate(FOLLOW, "input")
    sent = Sent(page)
    times = slider(page, sent, 2 * rounds)
    page.close()
    found = {kind: [each[kind] for each in times] for kind in ("event", "hand", "handler")}
    return {**found, "decode": decode, "sent": sent.counts()}


def pen(browser: Browser, address: str, rounds: int) -> dict[str, Any]:
    page = opened(browser, f"{address}/draw?run=original")
    page.locator(".draw").evaluate(FOLLOW, "pointermove")
    images, sent, generator = load("mnist", "train"), Sent(page), np.random.default_rng(0)
    for index in generator.choice(unseen(len(images)), 3 * rounds, replace=False):
        draw(page, drawing(images.pixels[index].numpy(), generator), sent.switch)
        page.wait_for_timeout(500)
        page.get_by_label("Drawing area").press("Delete")
        page.wait_for_timeout(500)
    times = page.evaluate("times")
    page.close()
    return {"event": [each["event"] for each in times], "sent": sent.counts()}


def scrub(browser: Browser, address: str, rounds: int) -> dict[str, list[float]]:
    """The steps of the scrubber on both pages, over the eight epochs of `original` and back."""
    found = {}
    for name in ("steer", "draw"):
        page = opened(browser, f"{address}/{name}?run=original")
        if name == "draw":
            draw(page, drawing(load("mnist", "train").pixels[7].numpy(), np.random.default_rng(0)))
        box = page.get_by_role("slider", name="Epoch", exact=True).bounding_box()
        assert box is not None
        page.locator(".epoch").evaluate(FOLLOW, "input")
        ways = [*range(7, -1, -1), *range(1, 8)] * (4 * rounds)
        page.mouse.move(box["x"] + box["width"] - 8, box["y"] + box["height"] / 2)
        page.wait_for_timeout(2000)  # the film is fetched
        page.mouse.down()
        for position in ways:
            page.mouse.move(box["x"] + 8 + (box["width"] - 16) * position / 7, box["y"] + box["height"] / 2)
            page.wait_for_timeout(50)
        page.mouse.up()
        found[name] = [each["event"] for each in page.evaluate("times")]
        page.close()
    return found


def told(name: str, values: Sequence[float], goal: float | None = None) -> str:
    """The median and the 95th percentile, and whether the goal is kept."""
    late = percentile(values, 95)
    kept = "" if goal is None else f" (goal: {goal:g}, {'kept' if late <= goal else 'missed'})"
    return f"{name:34} p50 {median(values):6.1f} ms   p95 {late:6.1f} ms{kept}   {len(values):,} times"


def main() -> None:
    given = parser(__doc__, rounds=3).parse_args()
    report, found = Report(given.json), {}
    with tempfile.TemporaryDirectory() as folder, chromium() as browser:
        os.environ["CAE_CHECKPOINTS"] = folder
        with served(PROJECT / "dashboard" / "Home.py") as address:
            for run in (Run.open("original"), Run.open("best")):
                found[run.name] = steer(browser, address, run, given.rounds)
            found["pen"] = pen(browser, address, given.rounds)
            found["scrub"] = scrub(browser, address, given.rounds)
            context = browser.new_context(viewport={"width": 1400, "height": 900})
            found["map"] = explore.explore(context, address, given.rounds)
            context.close()
        opened_cold = [explore.cold(browser) for _ in range(given.rounds)]
        found["map"] |= {"cold": [each[0] for each in opened_cold], "second": [each[1] for each in opened_cold]}
        found["bytes"] = opened_cold[-1][2]
        found["usual"] = {"event": released(browser, Path(folder, "usual.py"), 5 * given.rounds)}
    for name in ("original", "best"):
        report.say(told(f"slider, {name}: input to pixels", found[name]["event"], SLIDER_MS))
        report.say(told("    movement to pixels", found[name]["hand"]))
        report.say(told("    handlers of the event", found[name]["handler"]))
        report.say(told("    decode alone", found[name]["decode"], DECODE_MS[name]))
    report.say(told("pen: movement to everything", found["pen"]["event"], PEN_MS))
    for name, times in found["scrub"].items():
        report.say(told(f"an epoch further, {name}", times, EPOCH_MS))
    for name in ("original", "best", "pen"):
        counts = found[name]["sent"]
        report.say(f"sent during a drag, {name}: {counts['bytes']} bytes, {counts['requests']} requests "
                   f"(goal: {BYTES}); otherwise {counts['bytes_otherwise']:,} bytes")  # fmt: skip
    for name, text in MAP.items():
        report.say(told(f"map: {text}", found["map"][name], explore.GOALS[name]))
    got, most = found["bytes"], explore.MOST_BYTES
    report.say(f"map: {got['files'] + got['sockets']:,} bytes at the first visit (goal: {most['first visit']:,}), and "
               f"{got['plotly']:,} of Plotly; {got['rerun']:,} at a rerun (goal: {most['rerun']:,})")  # fmt: skip
    report.say(told("st.slider: release to pixels", found["usual"]["event"]))
    ratio = median(found["usual"]["event"]) / median(found["original"]["event"])
    report.say(f"ratio {ratio:.0f} of the medians, st.slider to ours")
    report.end(**found, ratio=ratio, goals={"slider": SLIDER_MS, "pen": PEN_MS, "decode": DECODE_MS, "sent": BYTES})


if __name__ == "__main__":
    main()
