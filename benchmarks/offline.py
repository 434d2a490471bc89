"""The laboratory in one file: how large it is, how long it takes to make, and from opening it to using it.

python benchmarks/offline.py [--run best] [--rounds 5] [--json]

A headless Chromium opens the file from the disk, a fresh page each time, on Steer and on Map; a time ends when the
widget can be used. Goals: 6 MB; a usable page, which is Steer, within 2 s.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from playwright.sync_api import Browser

from benchmarks.common import Report, median, parser
from benchmarks.pages import chromium
from cae.exports import lab
from cae.runs.run import Run

SECONDS, BYTES = 2.0, 6_000_000


def opened(browser: Browser, file: Path, view: str) -> float:
    """Seconds from the request for the page to a widget that is ready."""
    page = browser.new_page(viewport={"width": 1400, "height": 900})
    began = time.perf_counter()
    page.goto(f"{file.as_uri()}#{view}", wait_until="commit")
    page.locator(f".{view}[data-ready]").wait_for(state="attached")
    seconds = time.perf_counter() - began
    page.close()
    return seconds


def main() -> None:
    arguments = parser(__doc__, rounds=5)
    arguments.add_argument("--run", default="best", help="the run to make it of (best)")
    given = arguments.parse_args()
    report = Report(given.json)
    with tempfile.TemporaryDirectory() as folder, chromium() as browser:
        began = time.perf_counter()
        content = lab.html(Run.open(given.run))
        making = time.perf_counter() - began
        file = Path(folder, "lab.html")
        file.write_bytes(content)
        times = {view: [opened(browser, file, view) for _ in range(given.rounds)] for view in ("steer", "map")}
    kept = "kept" if len(content) <= BYTES else "missed"
    report.say(f"{given.run}: {len(content):,} bytes (goal: {BYTES:,}, {kept}), made in {making:.1f} s")
    for view, found in times.items():
        goal = "" if view != "steer" else f" (goal: {SECONDS:g} s, {'kept' if max(found) <= SECONDS else 'missed'})"
        report.say(f"opened on {view}: median {median(found):.2f} s, longest {max(found):.2f} s{goal}")
    report.end(bytes=len(content), making=making, opened=times)


if __name__ == "__main__":
    main()
