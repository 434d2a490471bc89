"""How long judging and generating take: the first time, with an empty cache, and each time after.

    python benchmarks/generating.py --run original

Each first time is a process of its own. A grid is 20 new digits, with what a judge reads and the training digit most
like each: in Python, and in a browser from the click on "Draw others" to the first new digit on the page.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.common import PROJECT, Report, median, parser, percentile, served
from benchmarks.pages import chromium

CHANGED = """() => new Promise((done, fail) => {
    const find = (root) => {
        for (const each of root.querySelectorAll("*")) {
            if (each.matches(".samples[data-ready]")) return each;
            const inside = each.shadowRoot && find(each.shadowRoot);
            if (inside) return inside;
        }
    };
    const words = () => find(document)?.firstChild?.ariaLabel, before = words();
    const button = [...document.querySelectorAll("button")].find((each) => each.textContent.includes("Draw others"));
    setTimeout(fail, 20000, new Error("no new digits came"));
    const began = performance.now();
    button.click();
    (function look() {
        if (words() && words() !== before) done(performance.now() - began);
        else requestAnimationFrame(look);
    })();
})"""


def first_time(command: str, run: str) -> float:
    """Seconds that `python -m cae COMMAND RUN` takes."""
    began = time.perf_counter()
    subprocess.run([sys.executable, "-m", "cae", command, run], check=True, capture_output=True, cwd=PROJECT)
    return time.perf_counter() - began


def in_python(run_name: str, rounds: int) -> list[float]:
    """Milliseconds for each of so many grids."""
    import torch

    torch.set_num_threads(1)  # as in the dashboard
    from cae.data.images import load
    from cae.evaluation import quality
    from cae.evaluation.classifier import judge_of
    from cae.latent import sampling
    from cae.latent.explore import latent_space
    from cae.runs.run import Run

    run = Run.open(run_name)
    model, space, judge, fitted = run.model(), latent_space(run), judge_of("mnist"), sampling.kept(run)
    train, found = load("mnist", "train").pixels.numpy(), []
    squares = quality.squares(train)
    assert fitted is not None
    for seed in range(rounds + 1):
        began = time.perf_counter()
        seen = sampling.look(model, space, judge, fitted.prior("mixture").sample(20, seed))
        quality.nearest(seen.pictures, train, squares)
        found.append(1000 * (time.perf_counter() - began))
    return found[1:]


def in_browser(run: str, rounds: int) -> list[float]:
    """Milliseconds from the click to the first new digit."""
    with chromium() as browser, served(PROJECT / "dashboard" / "Home.py") as address:
        page = browser.new_page(viewport={"width": 1400, "height": 900})
        page.goto(f"{address}/generate?run={run}")
        page.locator(".samples[data-ready]").wait_for(timeout=120_000)
        found = []
        for _ in range(rounds + 1):
            page.wait_for_timeout(2500)
            found.append(float(page.evaluate(CHANGED)))
        page.close()
    return found[1:]


def main() -> None:
    options = parser(__doc__, rounds=12)
    options.add_argument("--run", default="original", help="which run (original)")
    given = options.parse_args()
    report = Report(given.json)
    with tempfile.TemporaryDirectory() as cache:
        os.environ["CAE_CACHE"] = cache
        evaluated, again = first_time("evaluate", given.run), first_time("evaluate", given.run)
        report.say(f"evaluate {given.run}: {evaluated:.0f} s the first time, then {again:.1f} s, Python included")
        fitted = first_time("priors", given.run)
        report.say(f"priors {given.run}: {fitted:.0f} s the first time")
        values = {}
        for name, times in (
            ("in Python", in_python(given.run, given.rounds)),
            ("from click to page", in_browser(given.run, given.rounds)),
        ):
            values[name] = {"median_ms": median(times), "p95_ms": percentile(times, 95)}
            report.say(f"a grid {name}: median {median(times):.0f} ms, 95th percentile {percentile(times, 95):.0f} ms")
    report.end(run=given.run, evaluate_s=evaluated, priors_s=fitted, grid=values)


if __name__ == "__main__":
    main()
