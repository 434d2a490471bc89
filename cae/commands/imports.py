"""What comes from elsewhere: runs, weights, and pictures of one's own."""

from __future__ import annotations

import argparse
import json
import threading
import time
from dataclasses import asdict
from pathlib import Path

from cae.commands.arguments import Adder, stopping_on_signals
from cae.commands.terminal import print, say
from cae.data import catalogue
from cae.errors import CaeError, DoesNotFit
from cae.runs.owners import COMMAND_LINE


def add(command: Adder) -> None:
    """Adds these commands."""
    run = command("import", _import, "Make a run of a zip, a model.safetensors or a PyTorch state_dict file.")
    run.add_argument("file", type=Path)
    run.add_argument("--name", required=True, help="what to call the new run")
    run.add_argument("--activation", default="relu", help="for weights that do not say (relu)")
    making = command("import-data", _import_data, "Make a data set of pictures of your own.")
    making.add_argument("source", type=Path, help="a folder, with a folder for each class, or an .npz of arrays")
    making.add_argument("--name", required=True, help="what to call the data set")
    making.add_argument("--invert", default="auto", metavar="auto|yes|no", help="exchange dark and light: ink is "
                        "bright here (auto: where most borders are bright)")  # fmt: skip
    making.add_argument("--replace", action="store_true", help="in place of your data set of that name")
    making.add_argument("--seed", type=int, default=0, metavar="X", help="draws what is held out for testing (0)")
    data = command("data", _data, "List the data sets.")
    data.add_argument("--json", action="store_true", help="as JSON")
    forget = command("delete-data", _delete_data, "Delete a data set of your own; what was trained on it stays.")
    forget.add_argument("name")


def _import(options: argparse.Namespace) -> int:
    from cae.imports.run import LARGEST_FILE, import_file

    try:
        if options.file.stat().st_size > LARGEST_FILE:
            raise DoesNotFit(f"{options.file} is larger than {LARGEST_FILE // 2**20} MB: no run is.")
        content = options.file.read_bytes()
    except OSError as error:
        raise CaeError(f"{options.file} cannot be read: {error.strerror}.") from error
    run = import_file(content, options.name, activation=options.activation, by=COMMAND_LINE)
    model = run.info.model
    print(f"{run.name}: {model.latent_dim} latent dimensions, width {model.width}, {model.activation}.")
    return 0


def _import_data(options: argparse.Namespace) -> int:
    from cae.imports import dataset

    asked, told = threading.Event(), time.monotonic()

    def report(done: int, total: int) -> None:
        nonlocal told
        if asked.is_set():
            raise CaeError("Stopped: nothing was kept.")
        if time.monotonic() - told > 2:
            told = time.monotonic()
            say(f"{done:,} of {total:,} pictures read")

    with stopping_on_signals(asked.set):
        found = dataset.import_data(
            options.source, options.name, invert=options.invert, replace=options.replace, seed=options.seed,
            report=report,
        )  # fmt: skip
    train, test = sum(found.train), sum(found.test)
    print(f"{options.name}: {train + test:,} pictures, {train:,} to train on and {test:,} to test on")
    counts = list(zip(found.class_names, found.train, found.test, strict=True))
    shown = ", ".join(f"{name} {trained + tested:,}" for name, trained, tested in counts[:20])
    print(f"  classes   {len(counts)}: {shown}{', ...' * (len(counts) > 20)}")
    print(f"  paper     {'was bright: dark and light are exchanged' if found.inverted else 'is dark, as it was'}")
    print(f"  size      {found.resized:,} made 28 x 28, {train + test - found.resized:,} had it")
    if found.first_frames:
        print(f"  animated  {found.first_frames:,}: the first frame was taken")
    for each in found.skipped:
        more = ", ..." if each.count > len(each.names) else ""
        print(f"  skipped   {each.count:,}, {each.reason}: {', '.join(each.names)}{more}")
    if changed := [run.name for run in dataset.trained_on(options.name)]:
        print(f"  trained on what had this name before: {', '.join(changed[:8])}{', ...' * (len(changed) > 8)}")
    print(f"To train on it: python -m cae train --name NAME --dataset {options.name}")
    return 0


def _data(options: argparse.Namespace) -> int:
    found = catalogue.entries()
    if options.json:
        print(json.dumps([asdict(each) for each in found], indent=2))
        return 0
    rows = [("name", "train", "test", "classes", "")]
    for each in found:
        names = f"{len(each.class_names)}: {', '.join(each.class_names[:10])}{', ...' * (len(each.class_names) > 10)}"
        state = "here" if each.is_here else each.problem or "fetched when first used"
        rows.append((each.name, f"{each.train:,}", f"{each.test:,}", names if each.class_names else "-", state))
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        cells = zip(row, widths, (str.ljust, str.rjust, str.rjust, str.ljust, str.ljust), strict=True)
        print("  ".join(align(cell, width) for cell, width, align in cells).rstrip())
    return 0


def _delete_data(options: argparse.Namespace) -> int:
    from cae.imports import dataset

    dataset.delete_data(options.name)
    print(f"The data set {options.name} is deleted.")
    if left := [run.name for run in dataset.trained_on(options.name)]:
        print(f"Trained on it, and still here: {', '.join(left[:8])}{', ...' * (len(left) > 8)}")
    return 0
