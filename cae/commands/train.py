"""Training: start, continue, stop, list, delete, sweep, ship."""

from __future__ import annotations

import argparse
import functools
import json
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, replace

from cae import words
from cae.commands.arguments import Adder, add_options, fields_of, number, stopping_on_signals
from cae.commands.terminal import agrees, harmless, print, say
from cae.config import RECIPES, ModelConfig, TrainConfig
from cae.disk import trial
from cae.errors import CaeError, InvalidOption
from cae.jobs import process, queue, sweep
from cae.network.records import EpochRecord, Progress
from cae.runs.listing import summaries
from cae.runs.owners import COMMAND_LINE
from cae.runs.run import Run
from cae.steps import result_of


def add(command: Adder) -> None:
    """Adds these commands."""
    train = command("train", _train, "Train a new run, or one that was stopped.")
    train.add_argument("--name", help="what to call the new run")
    train.add_argument("--resume", metavar="NAME", help="continue this run; with --epochs, to so many in total")
    train.add_argument("--recipe", default=None, choices=RECIPES, help="where the options come from (original)")
    train.add_argument("--started", action="store_true", help=argparse.SUPPRESS)  # by jobs, which has checked
    add_options(train, ModelConfig, TrainConfig)
    command("resume", _resume, "Resume all trainings that were cut off, as by a reboot, in the order they had.")
    stop = command("stop", _stop, "Stop a training after the current batch; in a terminal it asks. Nothing is lost.")
    stop.add_argument("name")
    stop.add_argument("--yes", action="store_true", help="do not ask")
    listing = command("runs", _runs, "List all runs.")
    listing.add_argument("--json", action="store_true", help="as JSON")
    sweeping = command("sweep", _sweep, "Train a run for each value of one option; the same command again continues.")
    sweeping.add_argument("--name", default="", help="what to call the sweep; its runs are NAME-VALUE (OPTION-RECIPE)")
    sweeping.add_argument(
        "--recipe", default="original", choices=RECIPES, help="where the options come from (original)"
    )
    sweeping.add_argument("--json", action="store_true", help="as JSON")
    add_options(sweeping, ModelConfig, TrainConfig, several=True)
    delete = command("delete", _delete, "Delete a run; in a terminal it asks.")
    delete.add_argument("name")
    delete.add_argument("--yes", action="store_true", help="do not ask")
    ship = command("ship", _ship, "Prepare a finished run to ship with the project: thinned, measured, protected.")
    ship.add_argument("name")


def _train(options: argparse.Namespace) -> int:
    if int(os.environ.get("WORLD_SIZE", "1")) > 1 and os.environ.get("RANK") != "0":  # torchrun's, and not the first
        from cae.jobs.trainer import join_training

        with stopping_on_signals(lambda: None):  # the first one stops all of them
            join_training()
        return 0
    given = {key: value for key, value in vars(options).items() if value is not None}
    if not options.started:
        _warn()
    if options.resume:
        refused = [key for key in given if key in {"name", "recipe", *fields_of(ModelConfig, TrainConfig)} - {"epochs"}]
        if refused:
            raise InvalidOption(refused[0], f"--{refused[0].replace('_', '-')} cannot be changed for {options.resume}.")
        run = Run.open(options.resume)
        if not options.started:
            process.prepare_resume(run, options.epochs, by=COMMAND_LINE)
    else:
        if not options.name:
            raise InvalidOption("name", "Say what to call the run (--name), or which run to continue (--resume).")
        name = options.recipe or "original"
        recipe = RECIPES[name]
        model = replace(recipe.model, **{key: given[key] for key in given if key in fields_of(ModelConfig)})
        train = replace(recipe.train, **{key: given[key] for key in given if key in fields_of(TrainConfig)})
        run = Run.create(options.name, model, train, recipe=name, by=COMMAND_LINE)
    with stopping_on_signals((run.path / "stop").touch):
        return _show_training(run, spare_a_core=options.started)


def _show_training(run: Run, *, spare_a_core: bool) -> int:
    from cae.jobs.trainer import Waiting, train_run

    config = run.info.train
    assert config is not None  # or it would have been refused
    display = _Bar(config.epochs) if sys.stdout.isatty() else _Lines(config.epochs)
    ahead: tuple[str, ...] = ()
    with display:
        for event in train_run(run, spare_a_core=spare_a_core):
            if isinstance(event, Waiting):
                if event.ahead != ahead:
                    ahead = event.ahead
                    display.say(f"waiting for {', '.join(ahead)} to end")
            else:
                display.show(event)
    summary = run.summary()
    if summary.state == "finished":
        print(f"{run.name} has finished: {run.path}")
    else:
        print(f"{run.name} is stopped after {summary.epochs_done} whole epochs. To go on: train --resume {run.name}")
    return 0


class _Lines:
    """A plain line an epoch, for a log or a pipe."""

    def __init__(self, epochs: int) -> None:
        self._epochs = epochs

    def __enter__(self) -> _Lines:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def say(self, text: str) -> None:
        try:
            print(text, flush=True)
        except BrokenPipeError:
            raise
        except OSError:  # a log on a full disk: go on as long as the run itself can be written
            pass

    def show(self, event: Progress | EpochRecord) -> None:
        if isinstance(event, EpochRecord):
            self.say(_epoch_line(event, self._epochs))


class _Bar(_Lines):
    """A progress bar below those lines, for a terminal."""

    def __enter__(self) -> _Bar:
        from rich.progress import BarColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
        from rich.progress import Progress as RichProgress

        self._bar = RichProgress(
            TextColumn("epoch {task.fields[epoch]}/{task.total:.0f}"), BarColumn(),
            TextColumn("loss {task.fields[mse]:.4f}  {task.fields[speed]:,.0f} images/s"),
            TimeElapsedColumn(), TextColumn("left"), TimeRemainingColumn(),
        )  # fmt: skip
        self._bar.start()
        self._task = self._bar.add_task("", total=self._epochs, epoch=1, mse=float("nan"), speed=0.0)
        self._drawn = 0.0
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def say(self, text: str) -> None:
        self._bar.console.print(harmless(text), highlight=False, markup=False)

    def show(self, event: Progress | EpochRecord) -> None:
        super().show(event)
        if isinstance(event, Progress) and time.monotonic() - self._drawn > 0.1:
            self._drawn = time.monotonic()
            epoch = min(int(event.epoch) + 1, self._epochs)
            speed = event.images_per_second
            self._bar.update(self._task, completed=event.epoch, epoch=epoch, mse=event.train_mse, speed=speed)


def _epoch_line(record: EpochRecord, epochs: int) -> str:
    held_out = f"  validation {record.validation_mse:.4f}" if record.validation_mse is not None else ""
    return (
        f"epoch {record.epoch:{len(str(epochs))}d}/{epochs}  train {record.train_mse:.4f}{held_out}"
        f"  test {record.test_mse:.4f}  {record.images_per_second:,.0f} images/s  {record.seconds:.0f} s"
    )


def _resume(options: argparse.Namespace) -> int:
    code, runs = 0, queue.cut_off()
    for run in runs:
        try:
            process.resume_training(run, by=COMMAND_LINE)
            print(f"{run.name} is resumed.")
        except CaeError as error:
            print(f"cae: {error}", file=sys.stderr)
            code = 2
    if not runs:
        print("Nothing was cut off.")
    return code


def _stop(options: argparse.Namespace) -> int:
    run = Run.open(options.name)
    if run.is_live() and not (options.yes or agrees(f"Stop {run.name}? {words.whose(run.summary())}")):
        return 1
    process.ask_to_stop(run)
    deadline = time.monotonic() + 60
    while (again := run.again()).is_live():
        if time.monotonic() > deadline:
            raise CaeError(f"{run.name} was asked to stop and has not stopped within a minute.")
        time.sleep(0.1)
    print(f"{run.name} is {again.state} after {again.last_epoch()} whole epochs.")
    return 0


def _warn() -> None:
    """Says what is wrong with the file systems of the folders, if anything is."""
    for sentence in trial.troubles():
        say(f"cae: {sentence}")


def _runs(options: argparse.Namespace) -> int:
    _warn()
    runs = summaries()
    if options.json:
        print(json.dumps([{**asdict(each), "differs": dict(each.differs)} for each in runs], indent=2))
        return 0
    if not runs:
        print("There are no runs yet: python -m cae train --name first --recipe glance")
        return 0
    rows = [("name", "state", "epochs", "best loss", "seconds", "options that differ")]
    rows += [
        (
            each.name,
            each.state,
            f"{each.epochs_done}/{each.epochs}" if each.epochs else "-",
            f"{each.best_mse:.4f}" if each.best_mse is not None else "-",
            f"{each.last.seconds:.0f}" if each.last else "-",
            words.options(each.differs) or each.reason,
        )
        for each in runs
    ]
    for line in _table(rows, str.ljust):
        print(line.rstrip())
    return 0


def _table(rows: Sequence[Sequence[str]], align: Callable[[str, int], str]) -> Iterator[str]:
    """The rows as lines, each column as wide as its widest cell; empty columns are left out."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        yield "  ".join(align(cell, width) for cell, width in zip(row, widths, strict=True) if width)


def _delete(options: argparse.Namespace) -> int:
    run = Run.open(options.name)
    if not (
        options.yes or agrees(f"Delete {run.name}, with its weights and its history? {words.whose(run.summary())}")
    ):
        return 1
    run.delete()
    print(f"{run.name} is deleted.")
    return 0


def _sweep(options: argparse.Namespace) -> int:
    if int(os.environ.get("WORLD_SIZE", "1")) > 1:
        raise CaeError("A sweep trains in one process: start it without torchrun.")
    names = [option.name for config in (ModelConfig, TrainConfig) for option in config.options()]
    given = {name: values for name in names if (values := _values(getattr(options, name)))}
    several = [name for name, values in given.items() if len(values) > 1]
    if len(several) != 1:
        flags = words.listed([f"--{name.replace('_', '-')}" for name in several])
        wrong = f"not {flags}" if several else "as in --latent-dim 2,8,32"
        raise InvalidOption("", f"A sweep is of one option with several values, {wrong}.")
    (option,) = several
    changes = {name: values[0] for name, values in given.items() if name != option}

    def plan() -> sweep.Sweep:
        return sweep.plan(option, given[option], recipe=options.recipe, changes=changes, name=options.name)

    asked = threading.Event()
    with stopping_on_signals(asked.set):
        planned = plan()
        say = functools.partial(print, file=sys.stderr if options.json else sys.stdout, flush=True)
        for point in planned.finished:
            say(f"{point.run}: known already")
        _show_sweeping(planned, asked, say)
    swept = plan()
    if options.json:
        print(json.dumps({"name": swept.name, **swept.to_json()}, indent=2))
    else:
        _show_sweep(swept)
    if swept.waiting:
        say(f"{swept.name} is stopped, {len(swept.waiting)} of {len(swept.points)} to go. To go on: this command again")
    return 0


def _values(text: str | None) -> list[sweep.Value]:
    """The values in a list; what is not a number stays text, for the option to refuse."""

    def value(part: str) -> sweep.Value:
        try:
            return number(part)
        except ValueError:
            return part

    return [] if text is None else [value(part.strip()) for part in text.split(",")]


def _show_sweeping(planned: sweep.Sweep, asked: threading.Event, say: Callable[[str], None]) -> None:
    """Trains the points that have not finished; stops after the current batch once it is asked to."""
    from cae.jobs.trainer import Waiting

    ahead: tuple[str, ...] = ()
    for point, event in sweep.train(planned):
        if isinstance(event, EpochRecord):
            say(f"{point.run}: {_epoch_line(event, planned.config(point.value)[1].epochs)}")
        elif isinstance(event, sweep.SweepPoint) and event.state == "failed":
            say(f"{point.run} has failed: {event.reason}")
        elif isinstance(event, Waiting) and event.ahead != ahead:
            ahead = event.ahead
            say(f"{point.run}: waiting for {', '.join(ahead)} to end")
        if asked.is_set():
            if isinstance(event, sweep.SweepPoint):
                break
            (Run.open(point.run).path / "stop").touch()


def _show_sweep(swept: sweep.Sweep) -> None:
    with_pca = swept.option == "latent_dim" and bool(swept.pca)
    rows = [[swept.label.lower(), "parameters", "test MSE", "PCA with as many"[: 16 * with_pca], "seconds"]]
    for point in swept.points:
        reached = [f"{point.last.test_mse:.4f}", f"{point.last.seconds:.0f}"] if point.last else ["-", "-"]
        mse = reached[0] if point.state == "finished" else point.state
        pca = f"{swept.pca[min(point.latent_dim, len(swept.pca)) - 1]:.4f}" if with_pca else ""
        rows.append([str(point.value), f"{point.parameters:,}", mse, pca, reached[1]])
    changed = f", {words.options(swept.changed)}" if swept.changed else ""
    print(f"{swept.name}: {swept.dataset}, recipe {swept.recipe}{changed}; MSE on [-1, 1]")
    for line in _table(rows, str.rjust):
        print(f"  {line}")
    if swept.finished:
        print(f"  kept in {sweep.path(swept.name)}")


def _ship(options: argparse.Namespace) -> int:
    from cae.exports.shipping import ship

    run = Run.open(options.name)
    size = result_of(ship(run))
    print(f"{run.name} is fit to be shipped: {size / 2**20:.1f} MB.")
    return 0
