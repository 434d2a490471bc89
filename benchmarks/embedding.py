"""The codes of all 70,000 images of MNIST, against a DataLoader with torchvision's transforms.

python benchmarks/embedding.py [--rounds 5] [--run original] [--json]

Ours is `cae.network.model.embed` on the images in memory, what the map, Steer and Draw begin with; the usual way makes
each image a PIL image and a tensor first. Loading files and the model is in neither. Goal: at most 3 s.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.common import Report, median, parser

GOAL = 3.0


def main() -> None:
    options = parser(__doc__, rounds=5)
    options.add_argument("--run", default="original", help="whose encoder (original)")
    given = options.parse_args()
    import torch
    from torch.utils.data import ConcatDataset, DataLoader
    from torchvision import datasets, transforms

    from cae import Run
    from cae.data.images import load, to_model
    from cae.disk.files import data_folder
    from cae.network.model import embed

    report = Report(given.json)
    model = Run.open(given.run).model()
    pixels = torch.cat([load("mnist", "train").pixels, load("mnist", "test").pixels])
    transform = transforms.Compose([transforms.ToTensor(), transforms.Normalize((0.5,), (0.5,))])
    parts = [datasets.MNIST(data_folder(), train=train, transform=transform) for train in (True, False)]
    loader: DataLoader[tuple[torch.Tensor, torch.Tensor]] = DataLoader(ConcatDataset(parts), batch_size=1000)

    def ours() -> torch.Tensor:
        return torch.cat([embed(model, to_model(part)) for part in pixels.split(1000)])

    @torch.no_grad()
    def usual() -> torch.Tensor:
        return torch.cat([model.encode(images) for images, _ in loader])

    seconds: dict[str, list[float]] = {"ours": [], "usual": []}
    for number in range(1, given.rounds + 1):
        for name, way in (("ours", ours), ("usual", usual)):
            began = time.perf_counter()
            codes = way()
            seconds[name].append(time.perf_counter() - began)
            assert codes.shape == (70_000, model.config.latent_dim)
        report.say(f"round {number}  ours {seconds['ours'][-1]:.2f} s, the usual way {seconds['usual'][-1]:.2f} s")
    mine, theirs = median(seconds["ours"]), median(seconds["usual"])
    report.say(f"median {mine:.2f} s (goal: at most {GOAL:g}); ratio {theirs / mine:.1f}")
    report.end(seconds=seconds, median_seconds=mine, ratio=theirs / mine, goal_seconds=GOAL)


if __name__ == "__main__":
    main()
