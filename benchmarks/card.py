"""A graphics card against the processor: images a second over the batch and the width, and what a recipe ends with.

python benchmarks/card.py [--rounds 3] [--json]

Each speed is that of `cae.network.training.train` on the 60,000 training images, from its 20th step on, for 2 seconds,
the loss as a number after every step included. Card and processor take turns, round by round.
The recipe `original` is then trained to its end on the card, evaluation included, by seed 0.
"""

from __future__ import annotations

import sys
import time
from dataclasses import replace
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.common import Report, median, parser
from cae import RECIPES, EpochRecord, load, train
from cae.config import ModelConfig
from cae.network.parallel import device
from cae.network.training import TrainState

POINTS = [(batch, 16) for batch in (64, 256, 1024, 4096)] + [(1024, 64), (1024, 256)]  # batch size, width
WARM_UP, SECONDS = 20, 2.0


def speed(place: torch.device, batch: int, width: int) -> float:
    """Images a second."""
    recipe = RECIPES["original"]
    config = replace(recipe.train, batch_size=batch, epochs=10_000)
    state = TrainState.fresh(ModelConfig(width=width), config, place)
    pixels, test = load("mnist", "train").pixels, load("mnist", "test").pixels[:1000]
    began, images = 0.0, 0
    for event in train(state.model, pixels, test, config, state=state):
        if isinstance(event, EpochRecord):
            continue
        images += batch if event.step % -(-len(pixels) // batch) else len(pixels) % batch or batch
        if event.step == WARM_UP:
            began, images = time.perf_counter(), 0
        if event.step > WARM_UP and time.perf_counter() - began > SECONDS:
            break
    return images / (time.perf_counter() - began)


def whole(place: torch.device) -> tuple[float, float, float]:
    """Seconds, train and test MSE of the recipe `original`."""
    recipe = RECIPES["original"]
    state = TrainState.fresh(recipe.model, recipe.train, place)
    pixels, test = load("mnist", "train").pixels, load("mnist", "test").pixels
    *_, last = train(state.model, pixels, test, recipe.train, state=state)
    assert isinstance(last, EpochRecord)
    return last.seconds, last.train_mse, last.test_mse


def main() -> None:
    given = parser(__doc__, rounds=3).parse_args()
    card = device()
    if card.type == "cpu":
        raise SystemExit("There is no graphics card here that PyTorch finds.")
    report, processor = Report(given.json), torch.device("cpu")
    name = torch.cuda.get_device_name() if card.type == "cuda" else card.type
    report.say(f"{name}, and {torch.get_num_threads()} threads of the processor; PyTorch {torch.__version__}")
    found = []
    for batch, width in POINTS:
        rounds = [(speed(card, batch, width), speed(processor, batch, width)) for _ in range(given.rounds)]
        ours, theirs = (median([pair[part] for pair in rounds]) for part in (0, 1))
        report.say(
            f"batch {batch:5,}  width {width:3}  card {ours:9,.0f} images/s  processor {theirs:9,.0f}  ratio "
            f"{median([mine / other for mine, other in rounds]):5.1f}  a step on the card {1000 * batch / ours:.2f} ms"
        )
        found.append({"batch": batch, "width": width, "card": ours, "processor": theirs})
    seconds, train_mse, test_mse = whole(card)
    report.say(f"original on the card: {seconds:.0f} s, train MSE {train_mse:.4f}, test MSE {test_mse:.4f}")
    report.end(name=name, speeds=found, seconds=seconds, train_mse=train_mse, test_mse=test_mse)


if __name__ == "__main__":
    main()
