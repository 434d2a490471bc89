"""A full classroom: many visitors at once, on one server, while one training runs.

python benchmarks/load.py [classroom] [opening] [idle] [hour] [watchers] [runs] [tick] [--minutes 60] [--json]

Without a name, all of them, one after the other. Each has a server and folders of its own, with copies of the shipped
runs, prepared as before a lesson (python -m cae prepare), and every page of each has been opened once. Most visitors
speak the websocket's protocol (benchmarks/sessions.py) and ask for what ticks as a browser does; in `classroom` and
`opening` four are pages of a real Chromium, which also steer and draw. `generator` is the share of one core that the
visitors themselves needed, Chromium included: what it took, the server and the training had not.

classroom  30 visitors change pages for five minutes: the 95th percentile of a page change (goal: 2 s), errors (0), and
           a slider's event to its frame beside that of the same page with nobody else there
opening    the first two minutes of the same on a server that has just been started: with nothing in the cache, and
           prepared
idle       100 visitors who do nothing: MB each above the base (goal: 10)
hour       2,000 page changes in an hour: memory after it, against ten minutes in (goal: within 5 %)
watchers   the training's images a second while 30 watch it, against nobody, in turns (goal: at most 25 % less)
runs       the page Train until all of it is there, with 1,000 runs against one, in turns (goal: 0.5 s later)
tick       the largest tick of the live view of a training of 1,000 epochs (goal: 20 KB)
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import random
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import numpy as np
from filelock import FileLock
from playwright.async_api import Page, async_playwright

from benchmarks.common import PROJECT, Report, free_port, median, parser, percentile
from benchmarks.pages import FOLLOW
from benchmarks.sessions import Session
from benchmarks.startup import FLAGS
from start import find_browser

SHIPPED = ("original", "fast", "best")
PAGES = ("", "train", "reconstruct", "steer", "draw", "map", "judge", "generate", "compare")
TITLES = {"train": "Train", "reconstruct": "Reconstruct", "steer": "Steer", "draw": "Draw", "judge": "Judge"}
VISITORS, BROWSERS, IDLE, CHANGES, RUNS, EPOCHS = 30, 4, 100, 2_000, 1_000, 1_000
CLASSROOM_SECONDS, OPENING_SECONDS, WATCHED_SECONDS = 300.0, 120.0, 40.0


class Dashboard:
    """A server of its own, on folders of its own."""

    def __init__(self, shipped: Sequence[str] = SHIPPED, *, prepared: bool = True, used: bool = True) -> None:
        self._place, self._prepared = tempfile.TemporaryDirectory(), prepared
        self._opened = shipped if used else ()
        folder = Path(self._place.name)
        self.runs = folder / "checkpoints"
        self.runs.mkdir()
        for name in shipped:
            shutil.copytree(PROJECT / "checkpoints" / name, self.runs / name)
        self.environment = os.environ | {
            "CAE_CHECKPOINTS": str(self.runs), "CAE_CACHE": str(folder / "cache"), "PYTHONPATH": str(PROJECT),
        }  # fmt: skip

    async def __aenter__(self) -> Dashboard:
        """Starts it: after `python -m cae prepare` where it is prepared; used, with every page of a run opened once."""
        if self._prepared:
            subprocess.run(
                [sys.executable, "-m", "cae", "prepare"], env=self.environment, check=True, capture_output=True
            )
        port = free_port()
        self.address = f"http://127.0.0.1:{port}"
        quiet = ("--server.headless", "true", "--logger.level", "error", "--server.port", str(port))
        self._server = subprocess.Popen(
            [sys.executable, "-m", "streamlit", "run", str(PROJECT / "dashboard" / "Home.py"), *quiet],
            cwd=PROJECT, env=self.environment, stdout=subprocess.DEVNULL,
        )  # fmt: skip
        for _ in range(600):
            with contextlib.suppress(OSError):
                async with Session(self.address) as first:
                    for run in self._opened:
                        for page in PAGES:
                            await first.opens(page, f"run={run}")
                return self
            await asyncio.sleep(0.1)
        raise SystemExit("The server does not answer.")

    async def __aexit__(self, *_: object) -> None:
        """Stops it, and what it started."""
        for run in self.runs.glob("[a-z]*/run.json"):
            run.with_name("stop").touch()
        self._server.terminate()
        self._server.wait()
        await asyncio.sleep(2)
        self._place.cleanup()

    def memory(self) -> float:
        """Its resident memory in MB of 1,000,000 bytes."""
        return _status(self._server.pid, "VmRSS") * 1024 / 1e6

    def train(self, name: str, epochs: int = 1_000) -> None:
        """Starts a training of the recipe `original` as the page does, with a core spared for the server."""
        command = [sys.executable, "-m", "cae", "train", "--recipe", "original", "--name", name, "--started"]
        subprocess.Popen(
            [*command, "--epochs", str(epochs)], cwd=PROJECT, env=self.environment,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
        )  # fmt: skip


def _status(pid: int, name: str) -> int:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f"{name}:"))


@contextlib.contextmanager
def own_share(found: list[float]) -> Iterator[None]:
    """Puts into `found` which share of one core this process and its Chromium needed meanwhile."""

    def used() -> float:
        tick, total = os.sysconf("SC_CLK_TCK"), resource.getrusage(resource.RUSAGE_SELF)
        seconds = total.ru_utime + total.ru_stime
        for stat in Path("/proc").glob("[0-9]*/stat"):
            with contextlib.suppress(OSError, ValueError):
                words = stat.read_text().rsplit(")", 1)
                if "chrom" in words[0]:
                    seconds += sum(map(int, words[1].split()[11:13])) / tick
        return seconds

    before, began = used(), time.monotonic()
    yield
    found.append((used() - before) / (time.monotonic() - began))


async def until(condition: Any, seconds: float = 180.0) -> None:
    """Waits for it."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise SystemExit("What was waited for did not come.")
        await asyncio.sleep(0.2)


def progress(run: Path) -> list[dict[str, Any]]:
    """What a training has written so far."""
    with contextlib.suppress(OSError, ValueError):
        return [json.loads(line) for line in (run / "progress.jsonl").read_text().splitlines()[:-1]]
    return []


@contextlib.asynccontextmanager
async def pages(count: int) -> AsyncIterator[list[Page]]:
    """So many pages of a Chromium, each a visitor of its own."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=find_browser(), args=[f"--{flag}" for flag in FLAGS])
        size = {"width": 1400, "height": 900}
        yield [await (await browser.new_context(viewport=size)).new_page() for _ in range(count)]  # type: ignore[arg-type]
        await browser.close()


async def goes_to(page: Page, name: str) -> float:
    """Clicks on a page in the sidebar; the seconds until its script has run to its end."""
    began = time.perf_counter()
    await page.get_by_role("link", name=TITLES[name], exact=True).click()
    await page.get_by_role("heading", name=TITLES[name], level=1, exact=True).wait_for(timeout=60_000)
    await page.locator('[data-testid="stApp"][data-test-script-state="notRunning"]').wait_for(timeout=60_000)
    return time.perf_counter() - began


async def steers(page: Page) -> list[float]:
    """The milliseconds from a slider's events to their frames, of 60 events by mouse."""
    hand = page.get_by_role("slider", name="z5", exact=True)
    await hand.wait_for(timeout=60_000)
    await hand.scroll_into_view_if_needed()
    await page.locator(".steer").first.evaluate(FOLLOW, "input")
    box = await hand.bounding_box()
    assert box is not None
    await page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    await page.mouse.down()
    for step in range(60):
        share = 0.5 + 0.4 * (step % 20 - 10) / 10
        await page.mouse.move(box["x"] + box["width"] * share, box["y"] + box["height"] / 2)
    await page.mouse.up()
    await page.wait_for_timeout(300)
    found: list[float] = await page.evaluate("() => globalThis.times.map((each) => each.event)")
    return found


async def draws(page: Page) -> None:
    """A stroke on the canvas."""
    box = await page.get_by_label("Drawing area").bounding_box(timeout=60_000)
    assert box is not None
    await page.mouse.move(box["x"] + 0.4 * box["width"], box["y"] + 0.2 * box["height"])
    await page.mouse.down()
    await page.mouse.move(box["x"] + 0.6 * box["width"], box["y"] + 0.8 * box["height"], steps=20)
    await page.mouse.up()


class Lesson:
    """What thirty visitors find who change pages beside a training: seconds of their page changes, and errors."""

    def __init__(self, dashboard: Dashboard, windows: Sequence[Page]) -> None:
        self.dashboard, self.windows = dashboard, windows
        self.changes: list[float] = []
        self.by_page: dict[str, list[float]] = {}
        self.errors: list[str] = []
        self.steering: list[float] = []
        self.generator = 0.0

    async def lasts(self, seconds: float) -> None:
        """Has it held for so long."""
        for window in self.windows:
            window.on("pageerror", lambda error: self.errors.append(str(error)))
            await window.goto(f"{self.dashboard.address}/?run=original")
        end, share = time.monotonic() + seconds, []
        with own_share(share):
            await asyncio.gather(
                *(self._student(number, end) for number in range(VISITORS - len(self.windows))),
                *(self._sits_at(window, number, end) for number, window in enumerate(self.windows)),
            )
        self.generator = share[0]

    async def _student(self, number: int, until_then: float) -> None:
        order = random.Random(number)
        run, address = order.choice(SHIPPED), self.dashboard.address
        async with Session(address) as session, Session(address) as watching:
            await session.opens("", f"run={run}")
            while time.monotonic() < until_then:
                page = order.choice(PAGES)
                who, of = (watching, "busy") if page == "train" else (session, run)
                await who.stays(order.uniform(5, 20))
                self._took(await who.opens(page, f"run={of}"), f"{page or 'home'} of {of}")
        self.errors.extend([*session.errors, *watching.errors])

    async def _sits_at(self, page: Page, number: int, until_then: float) -> None:
        order = random.Random(1_000 + number)
        while time.monotonic() < until_then:
            name = order.choice(list(TITLES))
            self._took(await goes_to(page, name), f"{name} in Chromium")
            if name == "steer":
                self.steering.extend(await steers(page))
            elif name == "draw":
                await draws(page)
            await page.wait_for_timeout(order.uniform(3_000, 10_000))

    def _took(self, seconds: float, page: str) -> None:
        self.changes.append(seconds)
        self.by_page.setdefault(page, []).append(seconds)

    @property
    def in_words(self) -> str:
        """What was found, in a line."""
        return (
            f"{len(self.changes):,} page changes of {VISITORS} visitors beside a training: median "
            f"{median(self.changes):.2f} s, 95th percentile {percentile(self.changes, 95):.2f} s (goal: 2), longest "
            f"{max(self.changes):.2f}; {len(self.errors)} errors (goal: 0); generator {self.generator:.2f} of a core"
        )

    def to_json(self) -> dict[str, Any]:
        """The same as values, and each page change."""
        return {
            "changes": len(self.changes), "median": median(self.changes), "p95": percentile(self.changes, 95),
            "longest": max(self.changes), "by_page": self.by_page, "errors": self.errors, "generator": self.generator,
        }  # fmt: skip


async def classroom(report: Report) -> dict[str, Any]:
    async with Dashboard() as dashboard, pages(BROWSERS) as windows:
        await windows[0].goto(f"{dashboard.address}/?run=original")
        await goes_to(windows[0], "steer")
        await windows[0].wait_for_timeout(3_000)
        alone = percentile(await steers(windows[0]), 95)
        dashboard.train("busy")
        await until(lambda: progress(dashboard.runs / "busy"))
        lesson = Lesson(dashboard, windows)
        await lesson.lasts(CLASSROOM_SECONDS)
    together = percentile(lesson.steering, 95)
    report.say(f"classroom  {lesson.in_words}; steering, 95th percentile {together:.0f} ms, alone {alone:.0f}")
    return lesson.to_json() | {"steering_alone_p95": alone, "steering_p95": together}


async def opening(report: Report) -> dict[str, Any]:
    found = {}
    for prepared in (False, True):
        async with Dashboard(prepared=prepared, used=False) as dashboard, pages(BROWSERS) as windows:
            dashboard.train("busy")
            await until(lambda: progress(dashboard.runs / "busy"))
            lesson = Lesson(dashboard, windows)
            await lesson.lasts(OPENING_SECONDS)
        report.say(f"opening    {'prepared' if prepared else 'unprepared'}: {lesson.in_words}")
        found["prepared" if prepared else "unprepared"] = lesson.to_json()
    return found


async def idle(report: Report) -> dict[str, Any]:
    async with Dashboard() as dashboard, contextlib.AsyncExitStack() as stack:
        for number in range(IDLE // 2):  # what their like have left behind, and what is freed late, is no part of it
            async with Session(dashboard.address) as before:
                await before.opens(PAGES[number % len(PAGES)], "run=original")
        await asyncio.sleep(30)
        base = dashboard.memory()
        for number in range(IDLE):
            session = await stack.enter_async_context(Session(dashboard.address))
            await session.opens(PAGES[number % len(PAGES)], "run=original")
        await asyncio.sleep(5)
        each = (dashboard.memory() - base) / IDLE
    report.say(f"idle       {IDLE} visitors: {each:.1f} MB each above {base:,.0f} MB (goal: at most 10)")
    return {"visitors": IDLE, "base_mb": base, "each_mb": each}


async def hour(report: Report, minutes: float) -> dict[str, Any]:
    pause, order, memory = 60 * minutes / CHANGES * 10, random.Random(0), []
    changes, errors = 0, []
    async with Dashboard() as dashboard:
        began = time.monotonic()

        async def visitor(number: int) -> None:
            nonlocal changes
            while time.monotonic() - began < 60 * minutes:
                async with Session(dashboard.address) as session:  # some twenty pages, then somebody else
                    for _ in range(20):
                        await session.opens(order.choice(PAGES), f"run={order.choice(SHIPPED)}")
                        changes += 1
                        await asyncio.sleep(pause * order.uniform(0.5, 1.5))
                errors.extend(session.errors)

        async def watch() -> None:
            while (passed := time.monotonic() - began) < 60 * minutes:
                memory.append((passed / 60, dashboard.memory()))
                await asyncio.sleep(15)

        await asyncio.gather(watch(), *map(visitor, range(10)))
    settled = [mb for at, mb in memory if minutes / 6 <= at < minutes / 6 + minutes / 12]
    last = [mb for at, mb in memory if at >= minutes * 11 / 12]
    growth = median(last) / median(settled) - 1
    report.say(
        f"hour       {changes:,} page changes in {minutes:g} minutes: {median(settled):,.0f} MB after a sixth of them, "
        f"{median(last):,.0f} MB at the end, {growth:+.1%} (goal: within 5 %); {len(errors)} errors"
    )
    return {"changes": changes, "minutes": minutes, "memory_mb": memory, "growth": growth, "errors": errors}


async def watchers(report: Report) -> dict[str, Any]:
    speeds: dict[int, list[float]] = {0: [], VISITORS: []}
    share: list[float] = []
    ticks: list[float] = []
    errors: list[str] = []
    async with Dashboard() as dashboard:
        dashboard.train("busy")
        run = dashboard.runs / "busy"
        await until(lambda: progress(run))

        async def looks() -> None:
            async with Session(dashboard.address) as session:
                await session.opens("train", "run=busy")
                await session.stays(WATCHED_SECONDS)
            ticks.extend(session.tick_seconds)
            errors.extend(session.errors)

        for _ in range(3):
            for count, speed in speeds.items():
                before = progress(run)[-1]
                with own_share(share if count else []):
                    await asyncio.gather(asyncio.sleep(WATCHED_SECONDS), *(looks() for _ in range(count)))
                after = progress(run)[-1]
                images = (after["epoch"] - before["epoch"]) * 60_000
                speed.append(images / (after["seconds"] - before["seconds"]))
    loss = 1 - median([some / none for none, some in zip(*speeds.values(), strict=True)])
    report.say(
        f"watchers   {median(speeds[0]):,.0f} images/s unwatched, {median(speeds[VISITORS]):,.0f} with {VISITORS} "
        f"watchers, {loss:.0%} less (goal: at most 25 %); {len(ticks):,} ticks, 95th percentile "
        f"{percentile(ticks, 95):.2f} s; {len(errors)} errors; generator {median(share):.2f} of a core"
    )
    return {"speeds": speeds, "loss": loss, "ticks": len(ticks), "generator": median(share), "errors": errors}


async def runs(report: Report) -> dict[str, Any]:
    from benchmarks.listing import make_runs

    seconds: dict[int, list[float]] = {1: [], RUNS: []}
    async with Dashboard(["original"]) as one, Dashboard(["original"]) as many, pages(1) as (window,):
        os.environ["CAE_CHECKPOINTS"] = str(many.runs)
        make_runs(many.runs, RUNS - 1)
        for number in range(6):
            for count, dashboard in ((1, one), (RUNS, many)):
                began = time.perf_counter()
                await window.goto(f"{dashboard.address}/train?run=original")
                await window.locator(".chart .main-svg").first.wait_for(timeout=60_000)
                await window.locator(".runs tbody tr").first.wait_for(timeout=60_000)
                await window.locator('[data-testid="stApp"][data-test-script-state="notRunning"]').wait_for()
                if number:  # the first fills the caches
                    seconds[count].append(time.perf_counter() - began)
    later = median([some - alone for alone, some in zip(*seconds.values(), strict=True)])
    report.say(
        f"runs       the page Train in {median(seconds[1]):.2f} s with one run, {median(seconds[RUNS]):.2f} s with "
        f"{RUNS:,}: {later:.2f} s later (goal: 0.5)"
    )
    return {"seconds": seconds, "later": later}


async def tick(report: Report) -> dict[str, Any]:
    async with Dashboard() as dashboard:
        run = dashboard.runs / "long"
        os.environ["CAE_CHECKPOINTS"] = str(dashboard.runs)
        _long_training(run)
        with FileLock(run / "train.lock"):
            async with Session(dashboard.address) as session:
                await session.opens("train", "run=long")
                for step in range(20):
                    await session.stays(1.0)
                    _one_more(run, EPOCHS + step + 1)
    largest = max(session.tick_bytes)
    report.say(
        f"tick       {len(session.tick_bytes)} ticks of a training of {EPOCHS:,} epochs: median "
        f"{median(session.tick_bytes) / 1000:.1f} KB, largest {largest / 1000:.1f} KB (goal: 20); "
        f"{len(session.errors)} errors"
    )
    return {"bytes": session.tick_bytes, "largest": largest, "errors": session.errors}


def _long_training(path: Path) -> None:
    """A run that looks like one which has trained for 1,000 epochs, has kept them all, and goes on."""
    from dataclasses import replace

    from cae import RECIPES, Run

    recipe = RECIPES["original"]
    run = Run.create(path.name, recipe.model, replace(recipe.train, epochs=2 * EPOCHS))
    (path / "epochs").mkdir(exist_ok=True)
    for name in ("history.jsonl", "progress.jsonl"):
        (path / name).touch()
    for epoch in range(1, EPOCHS + 1):
        _one_more(path, epoch)
    run.update(state="running", started=run.info.created, threads=1)


def _one_more(path: Path, epoch: int) -> None:
    from cae import RECIPES, EpochRecord, Run
    from cae.disk.files import append_line
    from cae.network.records import Progress, to_line
    from cae.runs.weights import write_weights

    weights = Run(PROJECT / "checkpoints" / "original").weights()
    weights["decoder.5.bias"] = weights["decoder.5.bias"] + np.float32(epoch / EPOCHS)  # each frame is another
    for file in ("model.safetensors", f"epochs/{epoch:04d}.safetensors"):
        write_weights(path / file, weights, RECIPES["original"].model, epoch)
    mse = 0.1 / epoch + 0.0123456 + random.random() / 1_000
    append_line(path / "history.jsonl", to_line(EpochRecord(epoch, 938 * epoch, mse, mse, None, 8.1 * epoch, 9876.5)))
    for half in (0.5, 1.0):
        at = epoch - 1 + half
        append_line(path / "progress.jsonl", to_line(Progress(int(938 * at), at, mse, 8.1 * at, 9876.5)))


def main() -> None:
    options = parser(__doc__)
    known = ("classroom", "opening", "idle", "hour", "watchers", "runs", "tick")
    options.add_argument("what", nargs="*", choices=[[], *known], default=[], help="which (all)")
    options.add_argument("--minutes", type=float, default=60, metavar="N", help="how long `hour` takes (60)")
    given = options.parse_args()
    report, found = Report(given.json), {}
    for name in given.what or known:
        found[name] = asyncio.run(hour(report, given.minutes) if name == "hour" else globals()[name](report))
    report.end(**found)


if __name__ == "__main__":
    main()
