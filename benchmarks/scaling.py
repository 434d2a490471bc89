"""How the cost of a training grows: time and memory over images, width and latent dimensions.

python benchmarks/scaling.py [--rounds 3] [--json]

Each figure is one epoch of `python -m cae train --recipe original` with one option changed, a process of its own into a
folder that is deleted: its seconds as recorded (evaluation included), and its peak memory as the system says; medians.
The slope is that of the least-squares line through the logarithms: 1 means twice as much costs twice as much.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
from itertools import product
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.common import Report, median, parser
from benchmarks.memory import peak_mb

SERIES = {
    "train-images": (1_000, 10_000, 60_000),
    "width": (8, 16, 32, 64),  # at 10,000 images
    "latent-dim": (2, 32, 256),  # at 10,000 images
}


def cost(option: str, value: int) -> tuple[float, float]:
    """Seconds and MB of one epoch."""
    fixed = [] if option == "train-images" else ["--train-images", "10000"]
    with tempfile.TemporaryDirectory() as folder:
        flags = ["--name", "one", "--epochs", "1", *fixed, f"--{option}", str(value)]
        memory = peak_mb(["-m", "cae", "train", *flags], folder)
        line = (Path(folder) / "one" / "history.jsonl").read_text().splitlines()[-1]
    return json.loads(line)["seconds"], memory


def slope(values: tuple[int, ...], costs: list[float]) -> float:
    """The exponent b of cost = a * value^b."""
    return float(np.polyfit(np.log(values), np.log(costs), 1)[0])


def main() -> None:
    given = parser(__doc__, rounds=3).parse_args()
    if not hasattr(os, "wait4"):
        raise SystemExit("This system does not say what an ended process needed: run it on Linux or macOS.")
    report = Report(given.json)
    points = [(option, value) for option, values in SERIES.items() for value in values]
    measured: dict[tuple[str, int], list[tuple[float, float]]] = {point: [] for point in points}
    for _, point in product(range(given.rounds), points):
        measured[point].append(cost(*point))
    found = {}
    for option, values in SERIES.items():
        seconds, memory = (
            [median([pair[part] for pair in measured[option, value]]) for value in values] for part in (0, 1)
        )
        found[option] = {"values": values, "seconds": seconds, "mb": memory, "seconds_slope": slope(values, seconds),
                         "mb_slope": slope(values, memory)}  # fmt: skip
        for value, time, size in zip(values, seconds, memory, strict=True):
            report.say(f"{option:>12} {value:6,}  {time:7.2f} s  {size:6,.0f} MB")
        report.say(f"{'slope':>12}         {found[option]['seconds_slope']:7.2f}    {found[option]['mb_slope']:6.2f}")
    report.end(series=found)


if __name__ == "__main__":
    main()
