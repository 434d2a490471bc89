"""From starting the server to Home's title, to everything being visible, and from a click to the next page's title.

python benchmarks/startup.py [--rounds 3] [--json]

A Chromium (CHROMIUM, or one on the PATH) is open already; a round is a fresh server on a free port, a page without
anything in the browser's cache, and two walks over the pages of the sidebar, of which the second counts. "Everything"
is the last time anything changed on the page before half a second in which the script is at rest, no skeleton is shown
and every chart and canvas is drawn; a canvas that stays blank, such as one to draw on, is waited for 3 s.
What a user would pick instead is a Streamlit page with a title and nothing else.
Goals on two cores with a warm disk: title 3 s, everything 6 s, a page change 0.5 s.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from playwright.sync_api import Browser, Page, sync_playwright
from playwright.sync_api import Error as BrowserError

from benchmarks.common import PROJECT, Report, free_port, median, parser
from start import find_browser

GOALS = {"title": 3.0, "everything": 6.0, "page change": 0.5}
FLAGS = ("no-sandbox", "disable-gpu", "disable-quic", "no-first-run", "disable-background-networking",
         "disable-component-update", "disable-sync")  # fmt: skip
WHEN_TITLE = """title => new Promise(done => (function look() {
    const shown = [...document.querySelectorAll("h1")].find(h1 => h1.offsetHeight && h1.innerText.trim());
    if (shown && (!title || shown.innerText.trim() === title)) return done([Date.now(), shown.innerText.trim()]);
    requestAnimationFrame(look);
})())"""
WHEN_SETTLED = """() => new Promise(done => {
    const all = function* (root) {
        for (const node of root.querySelectorAll("*")) { yield node; if (node.shadowRoot) yield* all(node.shadowRoot); }
    };
    const scratch = new OffscreenCanvas(16, 16).getContext("2d", {willReadFrequently: true});
    const isBlank = canvas => {
        if (!canvas.width || !canvas.height || canvas.closest(".js-plotly-plot")) return !canvas.width;
        scratch.clearRect(0, 0, 16, 16);
        scratch.drawImage(canvas, 0, 0, 16, 16);
        return !scratch.getImageData(0, 0, 16, 16).data.some(value => value);
    };
    const isWaiting = node => node.matches('[data-testid="stSkeleton"], [data-testid="stAppSkeleton"]')
        || (node.matches(".js-plotly-plot") && !node.querySelector(".main-svg"))
        || (node.matches("img") && !node.complete);
    let before = "", blank = 0, changed = Date.now();
    (function look() {
        const nodes = [...all(document.body)], app = document.querySelector('[data-testid="stApp"]');
        blank = nodes.filter(node => node.matches("canvas") && node.offsetHeight && isBlank(node)).length;
        const now = [nodes.length, document.body.innerText.length, blank].join();
        if (now !== before || app?.dataset.testScriptState !== "notRunning" || nodes.some(isWaiting))
            changed = Date.now();
        before = now;
        if (Date.now() - changed > (blank ? 3000 : 500)) return done(changed);
        setTimeout(look, 20);
    })();
})"""
CLICK = (
    """([href, title]) => {
    const began = Date.now(), links = [...document.querySelectorAll('[data-testid="stSidebarNavLink"]')];
    links.find(link => link.getAttribute("href") === href).click();
    return ("""
    + WHEN_TITLE
    + """)(title).then(([shown]) => shown - began);
}"""
)


def measured(browser: Browser, script: Path) -> tuple[float, float, dict[str, float]]:
    """Seconds to the title and to everything, and from a click to the title of each page, by that title."""
    port = free_port()
    quiet = ("--server.headless", "true", "--server.address", "127.0.0.1", "--logger.level", "error",
             "--browser.gatherUsageStats", "false")  # fmt: skip
    command = [sys.executable, "-m", "streamlit", "run", str(script), "--server.port", str(port), *quiet]
    began = time.time()
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, cwd=PROJECT)
    page = browser.new_context(viewport={"width": 1400, "height": 900}).new_page()
    try:
        while True:
            try:
                page.goto(f"http://127.0.0.1:{port}", wait_until="commit")
                break
            except BrowserError:
                if time.time() - began > 60 or server.poll() is not None:
                    raise
                time.sleep(0.02)
        title = page.evaluate(WHEN_TITLE)[0] / 1000 - began
        everything = page.evaluate(WHEN_SETTLED) / 1000 - began
        return title, everything, page_changes(page)
    finally:
        page.context.close()
        server.terminate()
        server.wait()


def page_changes(page: Page) -> dict[str, float]:
    """Seconds from a click on each link of the sidebar to its page's title, on the second walk."""
    hrefs = page.eval_on_selector_all(
        '[data-testid="stSidebarNavLink"]', "links => links.map(link => link.getAttribute('href'))"
    )
    hrefs, titles, found = hrefs[1:] + hrefs[:1], {}, {}  # the first is where we are
    for href in hrefs:
        page.click(f'[data-testid="stSidebarNavLink"][href="{href}"]')
        page.evaluate(WHEN_SETTLED)
        titles[href] = page.evaluate(WHEN_TITLE)[1]
    for href in hrefs:
        found[titles[href]] = page.evaluate(CLICK, [href, titles[href]]) / 1000
        page.evaluate(WHEN_SETTLED)
    return found


def main() -> None:
    given = parser(__doc__, rounds=3).parse_args()
    report = Report(given.json)
    rounds, bare = [], []
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        os.environ["CAE_CHECKPOINTS"] = folder  # the shipped runs alone
        alone = Path(folder, "alone.py")
        alone.write_text('import streamlit as st\n\nst.title("A title and nothing else")\n')
        browser = playwright.chromium.launch(executable_path=find_browser(), args=[f"--{flag}" for flag in FLAGS])
        for number in range(1, given.rounds + 1):
            rounds.append(measured(browser, PROJECT / "dashboard" / "Home.py"))
            bare.append(measured(browser, alone)[:2])
            title, everything, changes = rounds[-1]
            alone_title = bare[-1][0]
            report.say(f"round {number}  title {title:.2f} s, everything {everything:.2f} s; alone {alone_title:.2f} s")
            report.say("         " + ", ".join(f"{name} {seconds:.2f} s" for name, seconds in changes.items()))
        browser.close()
    title, everything = median([one[0] for one in rounds]), median([one[1] for one in rounds])
    changes = {name: median([one[2][name] for one in rounds]) for name in rounds[0][2]}
    slowest, ratio = max(changes, key=lambda name: changes[name], default=""), title / median([one[0] for one in bare])
    worst = changes.get(slowest, 0.0)
    report.say(f"median title {title:.2f} s (goal: {GOALS['title']:g}), ratio {ratio:.2f} to a title alone; "
               f"everything {everything:.2f} s (goal: {GOALS['everything']:g})")  # fmt: skip
    report.say(f"slowest page change {worst:.2f} s, to {slowest!r} (goal: {GOALS['page change']:g})")
    report.end(title=title, everything=everything, page_changes=changes, bare=bare, ratio=ratio, goals=GOALS)


if __name__ == "__main__":
    main()
