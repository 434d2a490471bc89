"""Training speed: the recipe `original` through `cae.training.train`, against the same recipe written the usual way.

python benchmarks/throughput.py [--rounds 3] [--images 60000] [--json]

The usual way: torchvision's MNIST with ToTensor and Normalize, a shuffling DataLoader (with 0 and with 2 workers; the
faster counts), nn.Sequential, torch.optim.Adam, loss.item() a batch, and a test DataLoader after the epoch. A round is
one epoch of each, one after the other, each in a process of its own: so nobody inherits warm threads or memory, and
another program's load meets all of them. Loading the files is in no figure; a process starts with an epoch of 3,200
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

from benchmarks.common import Report, median, parser

WAYS = {"ours": "cae.training.train", "usual-0": "the usual way, 0 workers", "usual-2": "the usual way, 2 workers"}
WARM_UP = 3_200
Seconds = tuple[float, float, float]  # training, whole epoch, and the test MSE as proof of the same work


def ours(images: int) -> Seconds:
    from cae import RECIPES, EpochRecord, load, train
    from cae.training import TrainState

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
    import torch
    from torch import nn
    from torch.utils.data import DataLoader, Subset
    from torchvision import datasets, transforms

    from cae.files import data_folder

    transform = transforms.Compose([transforms.ToTensor(), transforms.Normalize((0.5,), (0.5,))])
    train_set = datasets.MNIST(data_folder(), train=True, transform=transform)
    test_set = datasets.MNIST(data_folder(), train=False, transform=transform)
    test_loader = DataLoader(test_set, batch_size=1000, num_workers=workers)
    torch.manual_seed(0)
    model = nn.Sequential(
        nn.Conv2d(1, 16, 3, stride=2, padding=1), nn.ReLU(),
        nn.Conv2d(16, 32, 3, stride=2, padding=1), nn.ReLU(),
        nn.Flatten(), nn.Linear(1568, 32),
        nn.Linear(32, 1568), nn.ReLU(), nn.Unflatten(1, (32, 7, 7)),
        nn.ConvTranspose2d(32, 16, 3, stride=2, padding=1, output_padding=1), nn.ReLU(),
        nn.ConvTranspose2d(16, 1, 3, stride=2, padding=1, output_padding=1), nn.Tanh(),
    )  # fmt: skip
    optimizer, criterion = torch.optim.Adam(model.parameters(), lr=1e-3), nn.MSELoss()

    def epoch(count: int) -> None:
        part = train_set if count == len(train_set) else Subset(train_set, range(count))
        loader = DataLoader(part, batch_size=64, shuffle=True, num_workers=workers)
        model.train()
        total = 0.0
        for batch, _ in loader:
            optimizer.zero_grad()
            loss = criterion(model(batch), batch)
            loss.backward()
            optimizer.step()
            total += loss.item()

    epoch(WARM_UP)
    began = time.perf_counter()
    epoch(images)
    trained = time.perf_counter()
    model.eval()
    with torch.no_grad():
        mse = sum(criterion(model(batch), batch).item() * len(batch) for batch, _ in test_loader) / len(test_set)
    return trained - began, time.perf_counter() - began, mse


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
