"""Training speed: the recipe `original` through `cae.network.training.train`, against the usual way to write it.

python benchmarks/throughput.py [--rounds 3] [--images 60000] [--json]

The usual way is that of benchmarks/notebook.py, with 0 and with 2 loading workers; the faster counts. A round is one
epoch of each, one after the other, each in a process of its own: so nobody inherits warm threads or memory, and another
program's load meets all of them. Loading the files is in no figure; a process starts with an epoch of 3,200
images that is not counted.
Goal: `ratio` (whole epochs, with the evaluation on the 10,000 test images) at least 2.2.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks import notebook
from benchmarks.common import Report, median, parser

WAYS = {
    "ours": "cae.network.training.train",
    "usual-0": "the usual way, 0 workers",
    "usual-2": "the usual way, 2 workers",
}
WARM_UP = 3_200
Seconds = tuple[float, float, float]  # training, whole epoch, and the test MSE as proof of the same work


def ours(images: int) -> Seconds:
    from cae import RECIPES, EpochRecord, load, train
    from cae.network.training import TrainState

    pixels, test = load("mnist", "train").pixels, load("mnist", "test").pixels
    recipe = RECIPES["original"]
    once, twice = (replace(recipe.train, epochs=epochs) for epochs in (1, 2))
    state = TrainState.fresh(recipe.model, recipe.train)
    for _ in train(state.model, pixels[:WARM_UP], test[:1000], once, state=state):
        pass
    began, trained, mse = time.perf_counter(), 0.0, 0.0
    for event in train(state.model, pixels[:images], test, twice, state=state):
        if isinstance(event, EpochRecord):
            mse = event.test_mse
        else:
            trained = time.perf_counter()
    return trained - began, time.perf_counter() - began, mse


def usual(images: int, workers: int) -> Seconds:
    (found,) = notebook.epochs(images, workers, 1, WARM_UP)
    return found


def measured(way: str, images: int) -> Seconds:
    """One epoch, in a process of its own."""
    command = [sys.executable, __file__, "--way", way, "--images", str(images)]
    return tuple(json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout))


def main() -> None:
    options = parser(__doc__, rounds=3)
    options.add_argument("--images", type=int, default=60_000, metavar="N", help="train on the first so many (60000)")
    options.add_argument("--way", choices=WAYS, help="only time one epoch of this, here, and print seconds as JSON")
    given = options.parse_args()
    if given.way:
        seconds = ours(given.images) if given.way == "ours" else usual(given.images, int(given.way[-1]))
        print(json.dumps(seconds))
        return
    report = Report(given.json)
    training: dict[str, list[float]] = {way: [] for way in WAYS}  # images a second
    epochs: dict[str, list[float]] = {way: [] for way in WAYS}
    for number in range(1, given.rounds + 1):
        for way, name in WAYS.items():
            trained, whole, mse = measured(way, given.images)
            training[way].append(given.images / trained)
            epochs[way].append(given.images / whole)
            speeds = f"{epochs[way][-1]:8,.0f} images/s  (training alone {training[way][-1]:8,.0f})"
            report.say(f"round {number}  {name:26} {speeds}  test MSE {mse:.4f}")
    middle = {way: median(values) for way, values in epochs.items()}
    pure = {way: median(values) for way, values in training.items()}
    best = max(("usual-0", "usual-2"), key=lambda way: middle[way])
    ratio, pure_ratio = middle["ours"] / middle[best], pure["ours"] / max(pure["usual-0"], pure["usual-2"])
    for way, name in WAYS.items():
        report.say(f"median   {name:26} {middle[way]:8,.0f} images/s  (training alone {pure[way]:8,.0f})")
    report.say(f"ratio {ratio:.2f} against {WAYS[best]} (goal: at least 2.2); training alone {pure_ratio:.2f}")
    report.end(
        images=given.images, epoch_images_per_second=epochs, training_images_per_second=training,
        medians=middle, against=best, ratio=ratio, training_ratio=pure_ratio, goal=2.2,
    )  # fmt: skip


if __name__ == "__main__":
    main()
