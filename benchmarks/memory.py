"""Peak memory of a training process, above a process that has only imported torch and torchvision.

python benchmarks/memory.py [--rounds 3] [--json]

The training is `python -m cae train --recipe original --epochs 1`, into a folder that is deleted afterwards; the peak
is what the system says of the ended process (ru_maxrss).
Goal: at most 400 MB above.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.common import PROJECT, Report, median, parser

GOAL_MB = 400


def peak_mb(arguments: list[str], checkpoints: str) -> float:
    """The peak resident memory of `python <arguments>`, in MB of 1,000,000 bytes."""
    environment = os.environ | {"CAE_CHECKPOINTS": checkpoints}
    process = subprocess.Popen([sys.executable, *arguments], cwd=PROJECT, env=environment, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"python {' '.join(arguments)} ended with {process.returncode}")
    return usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024) / 1e6


def main() -> None:
    given = parser(__doc__, rounds=3).parse_args()
    if not hasattr(os, "wait4"):
        raise SystemExit("This system does not say what an ended process needed: run it on Linux or macOS.")
    report = Report(given.json)
    train = ["-m", "cae", "train", "--recipe", "original", "--epochs", "1", "--name"]
    bare, training = [], []
    with tempfile.TemporaryDirectory() as folder:
        for number in range(1, given.rounds + 1):
            bare.append(peak_mb(["-c", "import torch, torchvision"], folder))
            training.append(peak_mb([*train, f"round-{number}"], folder))
            report.say(f"round {number}  training {training[-1]:6,.0f} MB   only imports {bare[-1]:6,.0f} MB")
    above = median(training) - median(bare)
    ratio = median(training) / median(bare)
    report.say(f"median above the imports: {above:,.0f} MB (goal: at most {GOAL_MB}); ratio {ratio:.2f}")
    report.end(training_mb=training, only_imports_mb=bare, above_mb=above, ratio=ratio, goal_mb=GOAL_MB)


if __name__ == "__main__":
    main()
