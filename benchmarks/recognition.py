"""How often the recognised digit on the page Draw is right, on digits drawn anew from training digits.

python benchmarks/recognition.py [--digits 2000] [--seed 1] [--canvas 0] [--json]

The drawings are those of benchmarks/strokes.py: of any size and slant, anywhere on the canvas, with any brush, from
digits that the latent space was not measured on. Their ink goes through `normalise_ink`, the encoder of `original` and
`vote`. `--canvas N` also draws the first N with a mouse on the real page in Chromium and reads the answer there.
What a quick prototype does instead, on the same ink: cropped, scaled and centred, its strokes as wide as they are, and
ten neighbours with equal votes among the codes of real digits.
Goal: 92 % right.
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import numpy as np
from numpy.typing import NDArray
from playwright.sync_api import expect

from benchmarks.common import PROJECT, Report, parser, served
from benchmarks.pages import chromium, draw, opened
from benchmarks.strokes import Drawing, drawing, raster, unseen
from cae.data.images import load, to_model
from cae.data.ink import BOX, MIDDLE, SIDE, normalise_ink, resample
from cae.latent.explore import latent_space
from cae.latent.space import NEIGHBOURS, LatentSpace, vote
from cae.network.model import embed
from cae.runs.run import Run

GOAL = 0.92
Classes = NDArray[np.int64]
EMPTY = "\u2013"  # the answer on empty paper


def only_centred(ink: NDArray[np.float64]) -> NDArray[np.uint8]:
    """What one would write instead of `normalise_ink`: cropped, scaled into 20 x 20 pixels, centred by mass."""
    rows, columns = (np.flatnonzero(ink.max(axis=axis) > 0.3) for axis in (1, 0))
    crop = ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    scale = BOX / max(crop.shape)
    y, x = crop.sum(axis=1) @ (np.arange(len(crop)) + 0.5), crop.sum(axis=0) @ (np.arange(crop.shape[1]) + 0.5)
    left, top = (MIDDLE - at / crop.sum() * scale for at in (x, y))
    return np.round(resample(crop, SIDE, scale, left, top).clip(0, 1) * 255).astype(np.uint8)


def recognised(run: Run, space: LatentSpace, inks: Sequence[NDArray[np.float64]]) -> tuple[Classes, Classes]:
    """The classes that the laboratory gives to drawings, and those that the prototype gives."""
    import torch
    from sklearn.neighbors import KNeighborsClassifier

    model, count = run.model(), len(space.class_names)

    def codes_of(pictures: list[NDArray[np.uint8]]) -> NDArray[np.float32]:
        return embed(model, to_model(torch.from_numpy(np.stack(pictures)))).numpy()

    ours = [vote(space.inked, code, count).argmax() for code in codes_of([normalise_ink(ink) for ink in inks])]
    prototype = KNeighborsClassifier(NEIGHBOURS, algorithm="brute").fit(space.real.codes(), space.real.labels)
    return np.array(ours), prototype.predict(codes_of([only_centred(ink) for ink in inks]))


def on_the_page(drawings: Sequence[Drawing]) -> list[str]:
    """The answers of the page Draw to drawings made there with the mouse."""
    found = []
    with tempfile.TemporaryDirectory() as folder, chromium() as browser:
        os.environ["CAE_CHECKPOINTS"] = folder  # the shipped runs alone
        with served(PROJECT / "dashboard" / "Home.py") as address:
            page = opened(browser, f"{address}/draw?run=original")
            answer = page.get_by_role("status", name="Recognised digit", exact=True)
            for drawn in drawings:
                draw(page, drawn)
                found.append(answer.inner_text())
                page.get_by_label("Drawing area").press("Delete")
                expect(answer).to_have_text(EMPTY)
    return found


def main() -> None:
    options = parser(__doc__)
    options.add_argument("--run", default="original", help="whose codes (original)")
    options.add_argument("--digits", type=int, default=2000, metavar="N", help="how many drawings (2000)")
    options.add_argument("--seed", type=int, default=1, metavar="S", help="which drawings (1)")
    options.add_argument("--canvas", type=int, default=0, nargs="?", const=100, metavar="N",
                         help="draw the first N on the page as well (0; 100 where N is left out)")  # fmt: skip
    given = options.parse_args()
    report = Report(given.json)
    run, images = Run.open(given.run), load("mnist", "train")
    space = latent_space(run)
    generator = np.random.default_rng(given.seed)
    chosen = generator.permutation(unseen(len(images)))[: given.digits]
    drawings = [drawing(images.pixels[index].numpy(), generator) for index in chosen]
    classes = images.labels.numpy()[chosen]
    ours, prototype = recognised(run, space, [raster(drawn) for drawn in drawings])
    right = ours == classes
    accuracy, plain = float(right.mean()), float((prototype == classes).mean())
    by_class = {name: float(right[classes == label].mean()) for label, name in enumerate(space.class_names)
                if (classes == label).any()}  # fmt: skip
    ratio = (1 - plain) / max(1 - accuracy, 1 / len(classes))
    report.say(f"{len(classes):,} drawings: {accuracy:.1%} right (goal: {GOAL:.0%})")
    report.say("by class  " + "  ".join(f"{name} {share:.0%}" for name, share in by_class.items()))
    report.say(f"prototype: {plain:.1%}; it errs {ratio:.1f} times as often")
    page: dict[str, float] = {}
    if given.canvas:
        answers = on_the_page(drawings[: given.canvas])
        named = [space.class_names[label] for label in ours[: given.canvas]]
        truth = [space.class_names[label] for label in classes[: given.canvas]]
        page["accuracy"] = float(np.mean([answer == name for answer, name in zip(answers, truth, strict=True)]))
        page["agreement"] = float(np.mean([answer == name for answer, name in zip(answers, named, strict=True)]))
        report.say(f"on the page, {len(answers)} drawings: {page['accuracy']:.1%} right, "
                   f"{page['agreement']:.1%} as above")  # fmt: skip
    report.end(accuracy=accuracy, by_class=by_class, prototype=plain, error_ratio=ratio, page=page, goal=GOAL)


if __name__ == "__main__":
    main()
