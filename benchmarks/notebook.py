"""The founding document's recipe as a plain notebook has it: what our training is compared with.

python benchmarks/notebook.py [--epochs 20] [--workers 0] [--seed 0]     prints a line of JSON an epoch

torchvision's MNIST with ToTensor and Normalize, a shuffling DataLoader, nn.Sequential, torch.optim.Adam, loss.item() a
batch, and a test DataLoader after the epoch.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))


def epochs(
    images: int, workers: int, count: int, warm_up: int = 0, seed: int = 0
) -> Iterator[tuple[float, float, float]]:
    """After each of `count` epochs: the seconds of training, those of the whole epoch, and the test MSE on [-1, 1].

    `warm_up` images are trained on before, and not counted.
    """
    import torch
    from torch import nn
    from torch.utils.data import DataLoader, Subset
    from torchvision import datasets, transforms

    from cae.disk.files import data_folder

    transform = transforms.Compose([transforms.ToTensor(), transforms.Normalize((0.5,), (0.5,))])
    train_set = datasets.MNIST(data_folder(), train=True, transform=transform)
    test_set = datasets.MNIST(data_folder(), train=False, transform=transform)
    test_loader = DataLoader(test_set, batch_size=1000, num_workers=workers)
    torch.manual_seed(seed)
    model = nn.Sequential(
        nn.Conv2d(1, 16, 3, stride=2, padding=1), nn.ReLU(),
        nn.Conv2d(16, 32, 3, stride=2, padding=1), nn.ReLU(),
        nn.Flatten(), nn.Linear(1568, 32),
        nn.Linear(32, 1568), nn.ReLU(), nn.Unflatten(1, (32, 7, 7)),
        nn.ConvTranspose2d(32, 16, 3, stride=2, padding=1, output_padding=1), nn.ReLU(),
        nn.ConvTranspose2d(16, 1, 3, stride=2, padding=1, output_padding=1), nn.Tanh(),
    )  # fmt: skip
    optimizer, criterion = torch.optim.Adam(model.parameters(), lr=1e-3), nn.MSELoss()

    def epoch(images: int) -> None:
        part = train_set if images == len(train_set) else Subset(train_set, range(images))
        loader = DataLoader(part, batch_size=64, shuffle=True, num_workers=workers)
        model.train()
        total = 0.0
        for batch, _ in loader:
            optimizer.zero_grad()
            loss = criterion(model(batch), batch)
            loss.backward()
            optimizer.step()
            total += loss.item()

    if warm_up:
        epoch(warm_up)
    for _ in range(count):
        began = time.perf_counter()
        epoch(images)
        trained = time.perf_counter()
        model.eval()
        with torch.no_grad():
            mse = sum(criterion(model(batch), batch).item() * len(batch) for batch, _ in test_loader) / len(test_set)
        yield trained - began, time.perf_counter() - began, mse


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--epochs", type=int, default=20)
    options.add_argument("--workers", type=int, default=0)
    options.add_argument("--seed", type=int, default=0)
    given = options.parse_args()
    for _, seconds, mse in epochs(60_000, given.workers, given.epochs, seed=given.seed):
        print(json.dumps({"epoch_seconds": seconds, "test_mse": mse}), flush=True)


if __name__ == "__main__":
    main()
