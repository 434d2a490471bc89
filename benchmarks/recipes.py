"""What a recipe reaches: its test MSE on [-1, 1], mean and deviation over seeds.

python benchmarks/recipes.py fast|polished|best|original [--seeds 5] [--json]

Each is `python -m cae train --recipe R --seed S`, into a folder that is deleted. Nothing is chosen by these figures.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import mean, stdev

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.common import PROJECT, Report, parser
from cae.config import RECIPES
from cae.network.records import EpochRecord, from_line


def trained(recipe: str, seed: int) -> EpochRecord:
    """The record of the last epoch."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "cae", "train", "--name", "run", "--recipe", recipe, "--seed", str(seed)]
        environment = os.environ | {"CAE_CHECKPOINTS": folder}
        subprocess.run(command, check=True, cwd=PROJECT, env=environment, stdout=subprocess.DEVNULL)
        return from_line(EpochRecord, (Path(folder) / "run" / "history.jsonl").read_text().splitlines()[-1])


def main() -> None:
    options = parser(__doc__)
    options.add_argument("recipe", choices=RECIPES)
    options.add_argument("--seeds", type=int, default=5, metavar="N", help="how many, from 0 on (5)")
    given = options.parse_args()
    report, found = Report(given.json), []
    for seed in range(given.seeds):
        found.append(trained(given.recipe, seed))
        last = found[-1]
        mse = f"test MSE {last.test_mse:.5f} (training {last.train_mse:.5f})"
        report.say(f"seed {seed}: {mse}, {last.seconds:.0f} s of training")
    errors = [record.test_mse for record in found]
    spread = stdev(errors) if len(errors) > 1 else 0.0
    report.say(f"{given.recipe}: test MSE {mean(errors):.5f}, deviation {spread:.5f}")
    report.end(
        recipe=given.recipe, test_mse=errors, train_mse=[record.train_mse for record in found],
        seconds=[record.seconds for record in found], mean=mean(errors), deviation=spread,
    )  # fmt: skip


if __name__ == "__main__":
    main()
