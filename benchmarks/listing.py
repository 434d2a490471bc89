"""Listing 1,000 runs, against only reading their files.

python benchmarks/listing.py [--runs 1000] [--rounds 7] [--json]

Each run has 20 lines of history and real weights. `cae.runs.listing.summaries()` is timed in this process, with the
folder in the system's cache; what one would write instead is a loop that reads run.json and history.jsonl as JSON and
checks nothing.
Goal: 300 ms for 1,000 runs.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.common import Report, median, parser

GOAL_MS = 300


def make_runs(folder: Path, count: int) -> None:
    """Fills `folder` with finished runs."""
    from cae import RECIPES, ConvAutoencoder, EpochRecord, Run
    from cae.network.records import to_line
    from cae.runs.weights import write_weights

    recipe = RECIPES["original"]
    weights = {name: value.numpy() for name, value in ConvAutoencoder(recipe.model).state_dict().items()}
    original = folder / "model.safetensors"
    write_weights(original, weights, recipe.model)
    history = "".join(
        to_line(
            EpochRecord(epoch, 938 * epoch, 0.1 / epoch + 0.0123456, 0.1 / epoch + 0.0134567, None, 8.1 * epoch, 9876.5)
        )
        + "\n"
        for epoch in range(1, 21)
    )
    for number in range(count):
        run = Run.create(f"run-{number:04d}", recipe.model, recipe.train, recipe="original")
        run.update(state="finished", started=run.info.created, finished=run.info.created, threads=2)
        (run.path / "history.jsonl").write_text(history)
        os.link(original, run.path / "model.safetensors")
        (run.path / "train.lock").touch()


def read_only(folder: Path) -> list[tuple[object, list[object]]]:
    """The loop one would write instead."""
    found: list[tuple[object, list[object]]] = []
    for path in folder.glob("run-*"):
        lines = (path / "history.jsonl").read_text().splitlines()
        found.append((json.loads((path / "run.json").read_text()), [json.loads(line) for line in lines]))
    return found


def milliseconds(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return (time.perf_counter() - began) * 1000


def main() -> None:
    options = parser(__doc__, rounds=7)
    options.add_argument("--runs", type=int, default=1000, metavar="N", help="how many (1000)")
    given = options.parse_args()
    report = Report(given.json)
    with tempfile.TemporaryDirectory() as folder:
        os.environ["CAE_CHECKPOINTS"] = folder
        make_runs(Path(folder), given.runs)
        from cae.runs.listing import summaries

        ours, theirs = [], []
        for _ in range(given.rounds + 1):
            ours.append(milliseconds(summaries))
            theirs.append(milliseconds(lambda: read_only(Path(folder))))
        first, ours = ours[0], ours[1:]
        states = {found.state for found in summaries() if found.name.startswith("run-")}
        assert states == {"finished"}, states
    ratio = median(ours) / median(theirs[1:])
    report.say(
        f"summaries() of {given.runs:,} runs  first call {first:,.0f} ms, then " + " ".join(f"{t:.0f}" for t in ours)
    )
    report.say(f"reading the files alone    median {median(theirs[1:]):,.0f} ms")
    report.say(f"median {median(ours):,.0f} ms (goal: {GOAL_MS} for 1,000); ratio {ratio:.2f}")
    report.end(
        runs=given.runs, first_ms=first, ours_ms=ours, reading_ms=theirs[1:], median_ms=median(ours), ratio=ratio,
        goal_ms=GOAL_MS,
    )  # fmt: skip


if __name__ == "__main__":
    main()
