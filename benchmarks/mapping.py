"""t-SNE of ten thousand codes: ours, openTSNE's and scikit-learn's own settings, on the same codes in one run.

python benchmarks/mapping.py [--rounds 1] [--json]

Codes of the last 10,000 training digits by `original`, perplexity 30, all cores, the three in turn. Beside the seconds
what each map keeps: trustworthiness of 15 neighbours, and the accuracy of the vote of the 10 nearest on the map.
Goals: at least as fast as openTSNE, faster than scikit-learn, 20 s, and nothing lost.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import numpy as np
from numpy.typing import NDArray

from benchmarks.common import Report, median, parser
from cae import Run
from cae.config import MapConfig
from cae.data.images import load, to_model
from cae.latent import projection
from cae.network.model import embed

GOAL, DIGITS = 20.0, 10_000


def ours(codes: NDArray[np.float32]) -> NDArray[np.float32]:
    *_, last = projection.tsne(codes, MapConfig())
    return last.positions


def opentsne(codes: NDArray[np.float32]) -> NDArray[np.float32]:
    from openTSNE import TSNE

    return np.asarray(TSNE(n_jobs=os.cpu_count(), random_state=0).fit(codes.astype(np.float64)), np.float32)


def scikit_learn(codes: NDArray[np.float32]) -> NDArray[np.float32]:
    from sklearn.manifold import TSNE

    return TSNE(n_jobs=os.cpu_count(), random_state=0).fit_transform(codes).astype(np.float32)


def main() -> None:
    given = parser(__doc__, rounds=1).parse_args()
    report = Report(given.json)
    images = load("mnist", "train")
    codes = embed(Run.open("original").model(), to_model(images.pixels[-DIGITS:])).numpy()
    labels = images.labels[-DIGITS:].numpy()
    ways: dict[str, Callable[[NDArray[np.float32]], NDArray[np.float32]]] = {
        "ours": ours, "openTSNE": opentsne, "scikit-learn": scikit_learn,
    }  # fmt: skip
    next(projection.tsne(codes[:500], MapConfig()))  # what is imported at the first use
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    kept = {}
    for _ in range(given.rounds):
        for name, lay_out in ways.items():
            began = time.perf_counter()
            positions = lay_out(codes)
            seconds[name].append(time.perf_counter() - began)
            seen = projection.neighbours(positions)
            kept[name] = projection.trustworthiness(codes, seen), projection.vote_accuracy(seen, labels, 10)
    mine = median(seconds["ours"])
    for name, taken in seconds.items():
        trust, accuracy = kept[name]
        goal = f" (goal: {GOAL:g} s, {'kept' if mine <= GOAL else 'missed'})" if name == "ours" else ""
        report.say(f"{name:13} {median(taken):6.1f} s{goal}   trustworthiness {trust:.4f}   10-NN {accuracy:.2%}")
    ratios = {name: median(taken) / mine for name, taken in seconds.items() if name != "ours"}
    report.say("ratio " + ", ".join(f"{ratio:.2f} to {name}" for name, ratio in ratios.items()))
    report.end(seconds=seconds, kept=kept, ratios=ratios, goal=GOAL)


if __name__ == "__main__":
    main()
